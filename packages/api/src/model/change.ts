import type { ClusterConfig } from './cluster.ts'
import type { EndpointConfig } from './endpoint.ts'
import type { ListenerConfig } from './listener.ts'
import type { RouteTableConfig } from './route.ts'

/**
 * What becomes different in a running configuration, in force whole or not at all. Plain data that goes to worker
 * threads by structured clone. What is named in `…Removed` goes after everything else has come.
 */
export interface ConfigChange {
  /** New ones, and new forms of those with the same name. */
  readonly clusters: readonly ClusterConfig[]
  readonly clustersRemoved: readonly string[]
  /** Of clusters with discovery `eds`; a cluster has none until it is named here. */
  readonly endpoints: readonly ClusterEndpoints[]
  /** For listeners with `rds`, under the key that `rdsKey` gives. */
  readonly routes: readonly NamedRoutes[]
  readonly routesRemoved: readonly string[]
  readonly listeners: readonly ListenerConfig[]
  readonly listenersRemoved: readonly string[]
}

export interface ClusterEndpoints {
  readonly cluster: string
  readonly endpoints: readonly EndpointConfig[]
}

export interface NamedRoutes {
  readonly key: string
  readonly table: RouteTableConfig
}

export const NO_CHANGE: ConfigChange = {
  clusters: [],
  clustersRemoved: [],
  endpoints: [],
  routes: [],
  routesRemoved: [],
  listeners: [],
  listenersRemoved: [],
}
