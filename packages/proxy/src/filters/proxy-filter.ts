import type { ListenerConfig, MetaProtocolConfig, NodeConfig } from '@meltemi/api/model'
import type { GroupedRegistry } from '@meltemi/runtime'
import type { Filter, FilterContext, FilterHost } from '@meltemi/sdk'
import type { SeriesBudget } from '../observe/series-budget.ts'
import type { PeerCache } from './metadata-exchange/peer-cache.ts'

/** A filter of the proxy itself. Filters of modules have `Filter` only: nothing here is promised to anybody. */
export interface ProxyFilter extends Filter {
  /**
   * Runs once for each exchange, whatever has become of it, also when the filter's turn has never come; for one that has
   * opened a stream at the end of the stream.
   */
  onEnd?(exchange: EndedExchange): void
  /** One more service has it. */
  retain?(): void
  /** One service less has it; with the last one it gives back what it holds. */
  release?(): void
}

/** An exchange at its end, or at that of the stream that it has opened. */
export interface EndedExchange extends FilterContext {
  readonly endedMs: number
  readonly durationMs: number
  /** Of the request, or of all frames of the client. */
  readonly bytesReceived: number
  /** Of all replies, of the local one, or of all frames of the service. */
  readonly bytesSent: number
  /** The client has left before it had its answer, or before the end of the stream. */
  readonly isClientGone: boolean
  /** What has no reply was sent on; a stream has come to its end without an error. */
  readonly isComplete: boolean
}

/** What the filters of one thread know of the mesh. */
export interface Mesh {
  readonly peers: PeerCache
  readonly seriesBudget: SeriesBudget
}

/** What the proxy gives a filter of its own when it is made. */
export interface ProxyFilterHost extends FilterHost {
  readonly node: NodeConfig
  readonly listener: ListenerConfig
  readonly config: MetaProtocolConfig
  readonly registry: GroupedRegistry
  readonly mesh: Mesh
}
