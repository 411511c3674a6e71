import type { HeldMetrics } from '@meltemi/runtime'
import type { CodecDefinition, FilterDefinition } from '@meltemi/sdk'
import type { ProxyFilter } from '../filters/proxy-filter.ts'
import type { ListenerContext } from './listener-context.ts'
import type { TcpContext } from './tcp-proxy.ts'

/** What handles a listener's connections. */
export type ListenerService = MetaProtocolService | TcpService

export interface MetaProtocolService {
  readonly kind: 'meta-protocol'
  readonly context: ListenerContext
  /** The codec, then the filters that it was built of. */
  readonly code: ListenerCode
  /** What the chain consists of. */
  readonly filters: readonly ProxyFilter[]
  /** Of the routes that it shares with others, see `rdsKey`; undefined: it has its own. */
  readonly routesKey: string | undefined
  /** To be released with it. */
  readonly metrics: HeldMetrics
}

export interface TcpService {
  readonly kind: 'tcp-proxy'
  readonly context: TcpContext
  readonly metrics: HeldMetrics
}

export type ListenerCode = readonly [CodecDefinition, ...FilterDefinition[]]
