import type { FilterConfig, ListenerConfig, MetaProtocolConfig, NodeConfig } from '@meltemi/api/model'
import type { Gauge, GroupedRegistry } from '@meltemi/runtime'
import type { CodecDefinition, Filter, FilterContext, FilterDefinition, FilterHost } from '@meltemi/sdk'
import type { SeriesBudget } from '../observe/series-budget.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { ThreadContext } from '../upstream/context.ts'
import type { GrpcCaller } from '../upstream/grpc/grpc-caller.ts'
import type { LimitShare, SharedBlock } from '../upstream/shared-limits.ts'
import type { PeerCache } from './metadata-exchange/peer-cache.ts'

/** A filter of the proxy itself. Filters of modules have `Filter` only: nothing here is promised to anybody. */
export interface ProxyFilter extends Filter {
  /** It may look at the properties that the proxy adds to messages for those who observe them; true if not said. */
  readonly isObserver?: boolean
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
  /** It would have been tried again, had there not been as many retries as are allowed. */
  readonly isRetryLimitExceeded: boolean
  /** It was delayed on purpose. */
  readonly isDelayed: boolean
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
  /** What it is made of: `sharedBlocks` of its definition was asked with the same. */
  readonly filter: FilterConfig
  /** That of the listener. */
  readonly codec: CodecDefinition
  readonly registry: GroupedRegistry
  readonly mesh: Mesh
  readonly thread: ThreadContext
  readonly clusters: ClusterManager
  /** Asks services for filters. */
  readonly grpc: GrpcCaller
  /** Has what `sharedBlocks` of its definition asks for. */
  readonly share: LimitShare
  /** As `counter`: what goes up and down. */
  gauge(name: string): Gauge
  /** 0 normal … 3: see docs/operations.md, overload. */
  overloadLevel(): number
}

/**
 * A filter of the proxy itself. Where the api package reads its type of configuration, `create` is given what was read,
 * and `parse` is not called.
 */
// biome-ignore lint/suspicious/noExplicitAny: as in FilterDefinition, each has its own
export interface ProxyFilterDefinition<Config = any> extends FilterDefinition<Config> {
  /**
   * Memory that it shares over all threads, by keys that no other filter has. Filters of routes have names of their own:
   * with the name in the key, each route has its own memory.
   */
  sharedBlocks?(config: FilterConfig, listener: ListenerConfig): readonly SharedBlock[]
}
