import type { ClusterConfig } from './cluster.ts'
import type { DynamicConfig } from './config-source.ts'
import type { Locality, SocketAddress } from './endpoint.ts'
import type { ListenerConfig } from './listener.ts'
import type { StatsConfig } from './stats-config.ts'
import type { SecretConfig } from './tls.ts'
import type { TracingProvider } from './tracing.ts'

export interface NodeConfig {
  readonly id: string
  readonly cluster: string
  /** JSON object. */
  readonly metadata: Readonly<Record<string, unknown>>
  /** Where the proxy runs; default: not known. */
  readonly locality?: Locality
}

/** Everything the proxy runs on; plain data that goes to worker threads by structured clone. */
export interface ProxyConfig {
  readonly node: NodeConfig
  /** undefined: the command line's default, 127.0.0.1:15000. */
  readonly admin: SocketAddress | undefined
  readonly listeners: readonly ListenerConfig[]
  readonly clusters: readonly ClusterConfig[]
  /** Name of the cluster whose endpoints are this proxy and those like it; default: none. */
  readonly localCluster?: string
  readonly dynamic: DynamicConfig
  /** Module files named by `bootstrap_extensions`. */
  readonly modules: readonly string[]
  /** Of listeners that are traced and say nothing of their own. */
  readonly tracingProvider?: TracingProvider
  /** BYTES_RECEIVED and BYTES_SENT of access logs have changed places, as in the reference. */
  readonly referenceByteCounters?: boolean
  /** Files that say who has called the admin pages; undefined: none. */
  readonly adminAccessLogs?: readonly string[]
  /** Of `static_resources`; default: none. */
  readonly secrets?: readonly SecretConfig[]
  /** undefined: Envoy's defaults. */
  readonly stats?: StatsConfig
}
