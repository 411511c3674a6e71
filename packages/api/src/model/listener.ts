import type { AccessLogConfig } from './access-log.ts'
import { type ConfigSource, sourceKey } from './config-source.ts'
import type { SocketAddress } from './endpoint.ts'
import type { RouteTableConfig, WeightedCluster } from './route.ts'
import type { DownstreamTlsConfig } from './tls.ts'
import type { TracingConfig } from './tracing.ts'

export interface CodecConfig {
  /** Registered name of the codec. */
  readonly name: string
  /** Its options as plain JSON; undefined when there are none. */
  readonly options: unknown
  /** SHA-256, in hex, of the module that must bring it, which the control plane hands out; undefined: any codec of that name. */
  readonly moduleDigest: string | undefined
}

export interface FilterConfig {
  readonly name: string
  readonly typeUrl: string
  /** JSON form of its configuration; undefined: the default message. */
  readonly config: unknown
  /** What was read of it, for the proxy's own filters that are configured by a message of ours or Envoy's. Plain data; see `clustersOfFilter`. */
  readonly parsed?: unknown
}

export interface MetaProtocolConfig {
  readonly kind: 'meta-protocol'
  readonly statPrefix: string
  /** `protocol.name`, or the deprecated `application_protocol`. */
  readonly applicationProtocol: string
  readonly codec: CodecConfig
  readonly multiplexing: boolean
  /** In order; the router is not listed, it always comes last. */
  readonly filters: readonly FilterConfig[]
  /** Empty where `rds` says where they come from. */
  readonly routes: RouteTableConfig
  readonly rds: RdsConfig | undefined
  /** 0: none. */
  readonly idleTimeoutMs: number
  readonly maxMessageBytes: number
  readonly maxInFlightPerConnection: number
  /** 0: none; default 15,000. */
  readonly requestTimeoutMs: number
  readonly maxDownstreamBufferBytes: number
  /** 0: none; default 15,000. */
  readonly partialMessageTimeoutMs: number
  readonly generateRequestId: boolean
  /** What clients say of their own timeouts does not count here; default false. */
  readonly ignoresClientTimeout?: boolean
  /** undefined: nothing is traced. */
  readonly tracing?: TracingConfig
  /** undefined: none. */
  readonly accessLogs?: readonly AccessLogConfig[]
}

export interface TcpProxyConfig {
  readonly kind: 'tcp-proxy'
  readonly statPrefix: string
  readonly clusters: readonly WeightedCluster[]
  /** 0: none; default 1 hour, as Envoy. */
  readonly idleTimeoutMs: number
  /** Tries of the upstream connection, at least 1. */
  readonly maxConnectAttempts: number
}

export interface ListenerConfig {
  readonly name: string
  /** Port 0: the main thread chooses one, and says which in `/listeners`. */
  readonly address: SocketAddress
  readonly direction: 'unspecified' | 'inbound' | 'outbound'
  /** `envoy.filters.listener.proxy_protocol` is present: connections start with a PROXY protocol header. */
  readonly proxyProtocol: boolean
  /**
   * Type of the TLV of a PROXY v2 header that says who the client is, 0 to 255, which is believed whoever connects;
   * undefined: none is believed.
   */
  readonly identityTlv?: number
  /** Bytes waiting toward one client above which it is no longer read; default 1 MiB. */
  readonly bufferLimitBytes: number
  /** Per listener, over all workers; 0: no limit of its own. */
  readonly maxConnections: number
  /** undefined: plain. */
  readonly tls?: DownstreamTlsConfig
  readonly filter: MetaProtocolConfig | TcpProxyConfig
}

/** Routes that come, and change, while the listener runs. */
export interface RdsConfig {
  readonly routeConfigName: string
  readonly source: ConfigSource
}

/** Listeners that ask the same source for the same name share one table. */
export function rdsKey({ routeConfigName, source }: RdsConfig): string {
  return `${sourceKey(source)}/${routeConfigName}`
}
