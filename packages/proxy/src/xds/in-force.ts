import type {
  ClusterConfig,
  ConfigChange,
  EndpointConfig,
  ListenerConfig,
  ProxyConfig,
  RouteTableConfig,
} from '@meltemi/api/model'
import type { ConfigInForce } from './plan-change.ts'

interface Entry<T> {
  readonly config: T
  readonly isStatic: boolean
}

/** What was put in force, as the objects that it was made of: what is the same object needs no comparison. */
export class InForce implements ConfigInForce {
  readonly clusters: Map<string, Entry<ClusterConfig>>
  readonly listeners: Map<string, Entry<ListenerConfig>>
  readonly endpoints = new Map<string, Entry<readonly EndpointConfig[]>>()
  readonly routes = new Map<string, Entry<RouteTableConfig>>()

  /** With what came with the bootstrap. */
  constructor({ clusters, listeners }: Pick<ProxyConfig, 'clusters' | 'listeners'>) {
    this.clusters = new Map(clusters.map((config) => [config.name, { config, isStatic: true }]))
    this.listeners = new Map(listeners.map((config) => [config.name, { config, isStatic: true }]))
  }

  apply(change: ConfigChange): void {
    for (const config of change.clusters) this.clusters.set(config.name, dynamic(config))
    for (const { cluster, endpoints } of change.endpoints) this.endpoints.set(cluster, dynamic(endpoints))
    for (const { key, table } of change.routes) this.routes.set(key, dynamic(table))
    for (const config of change.listeners) this.listeners.set(config.name, dynamic(config))
    for (const name of change.listenersRemoved) this.listeners.delete(name)
    for (const key of change.routesRemoved) this.routes.delete(key)
    for (const name of change.clustersRemoved) {
      this.clusters.delete(name)
      this.endpoints.delete(name)
    }
  }
}

function dynamic<T>(config: T): Entry<T> {
  return { config, isStatic: false }
}
