import type { ClusterConfig } from './cluster.ts'
import type { DynamicConfig } from './config-source.ts'
import type { SocketAddress } from './endpoint.ts'
import type { ListenerConfig } from './listener.ts'
import type { StatsConfig } from './stats-config.ts'

export interface NodeConfig {
  readonly id: string
  readonly cluster: string
  /** JSON object. */
  readonly metadata: Readonly<Record<string, unknown>>
}

/** Everything the proxy runs on; plain data that goes to worker threads by structured clone. */
export interface ProxyConfig {
  readonly node: NodeConfig
  /** undefined: the command line's default, 127.0.0.1:15000. */
  readonly admin: SocketAddress | undefined
  readonly listeners: readonly ListenerConfig[]
  readonly clusters: readonly ClusterConfig[]
  readonly dynamic: DynamicConfig
  /** Module files named by `bootstrap_extensions`. */
  readonly modules: readonly string[]
  /** Files that say who has called the admin pages; undefined: none. */
  readonly adminAccessLogs?: readonly string[]
  /** undefined: Envoy's defaults. */
  readonly stats?: StatsConfig
}
