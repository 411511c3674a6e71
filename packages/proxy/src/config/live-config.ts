import { isDeepStrictEqual } from 'node:util'
import type {
  ClusterConfig,
  ConfigChange,
  EndpointConfig,
  ListenerConfig,
  NamedRoutes,
  ProxyConfig,
  RouteTableConfig,
  SocketAddress,
} from '@meltemi/api/model'
import { keepsEndpoints } from '../upstream/keeps-endpoints.ts'
import type { VersionOf } from './configure.ts'

/** One resource in force. */
export interface LiveResource<T> {
  readonly config: T
  /** It came with the bootstrap. */
  readonly isStatic: boolean
  /** What its sender calls it; empty: it has no name for it. */
  readonly version: string
  /** Milliseconds since 1970. */
  readonly updatedMs: number
}

type LiveResources<T> = ReadonlyMap<string, LiveResource<T>>

/** All that a thread needs to know when it starts. */
export interface WholeConfig {
  /** With the endpoints of clusters that have them from elsewhere. */
  readonly config: ProxyConfig
  readonly routes: readonly NamedRoutes[]
}

/** Names of what has changed since some moment. */
export interface ChangedNames {
  readonly clusters: Set<string>
  readonly listeners: Set<string>
  readonly routes: Set<string>
}

/** What a change has come to, by kind. */
export interface AppliedChange {
  readonly listeners: AppliedNames
  readonly clusters: AppliedNames
  /** Clusters whose endpoints have come anew, from elsewhere. */
  readonly endpointsChanged: number
}

export interface AppliedNames {
  readonly added: number
  readonly modified: number
  readonly removed: number
  /** That are there now. */
  readonly total: number
}

/** The configuration in force, on the main thread: what the bootstrap said, and every change since. */
export class LiveConfig {
  /** All of it, in its order. */
  readonly bootstrap: ProxyConfig
  /** Told of each change that was taken over. */
  onApplied: (applied: AppliedChange) => void = () => {}
  readonly #clusters: Map<string, LiveResource<ClusterConfig>>
  readonly #listeners: Map<string, LiveResource<ListenerConfig>>
  /** Of clusters that have them from elsewhere, by name. */
  readonly #endpoints = new Map<string, LiveResource<readonly EndpointConfig[]>>()
  /** By key. */
  readonly #routes = new Map<string, LiveResource<RouteTableConfig>>()
  /** Made when somebody asks. */
  #config: ProxyConfig | undefined

  /** `bootstrap` with every port chosen; `atFirst`: the part of it that does not wait for anything. */
  constructor(bootstrap: ProxyConfig, nowMs: number = Date.now(), atFirst: ProxyConfig = bootstrap) {
    this.bootstrap = bootstrap
    this.#clusters = asStatic(atFirst.clusters, nowMs)
    this.#listeners = asStatic(atFirst.listeners, nowMs)
  }

  /** As it was sent: endpoints and routes that come by themselves are not in it. */
  get config(): ProxyConfig {
    this.#config ??= {
      ...this.bootstrap,
      clusters: configsOf(this.#clusters),
      listeners: configsOf(this.#listeners),
    }
    return this.#config
  }

  get clusters(): LiveResources<ClusterConfig> {
    return this.#clusters
  }

  get listeners(): LiveResources<ListenerConfig> {
    return this.#listeners
  }

  get endpoints(): LiveResources<readonly EndpointConfig[]> {
    return this.#endpoints
  }

  get routes(): LiveResources<RouteTableConfig> {
    return this.#routes
  }

  whole(): WholeConfig {
    const clusters = this.config.clusters.map((cluster) => this.#withEndpoints(cluster))
    const routes = [...this.#routes].map(([key, { config: table }]) => ({ key, table }))
    return { config: { ...this.config, clusters }, routes }
  }

  /** Of the endpoints of a cluster that can be used; empty: it is not there, or has none. */
  addressesOf(cluster: string): readonly SocketAddress[] {
    const endpoints = this.#endpoints.get(cluster)?.config ?? this.#clusters.get(cluster)?.config.endpoints ?? []
    return endpoints.filter(({ healthy }) => healthy).map(({ address }) => address)
  }

  /** The change with a port for each listener that has one and does not ask for another. */
  withKnownPorts(change: ConfigChange): ConfigChange {
    const listeners = change.listeners.map((listener) => {
      const { host, port } = listener.address
      const here = this.#listeners.get(listener.name)?.config.address
      return port === 0 && here?.host === host ? { ...listener, address: here } : listener
    })
    return { ...change, listeners }
  }

  /** What is left of a change when all that is in force already is taken away. */
  withoutKnown(change: ConfigChange): ConfigChange {
    const isNew = <T>(known: LiveResources<T>, name: string, config: T) =>
      !isDeepStrictEqual(known.get(name)?.config, config)
    const clusters = change.clusters.filter((config) => isNew(this.#clusters, config.name, config))
    const changed = new Set(clusters.map(({ name }) => name))
    return {
      ...change,
      clusters,
      endpoints: change.endpoints.filter(
        ({ cluster, endpoints }) => changed.has(cluster) || isNew(this.#endpoints, cluster, endpoints),
      ),
      routes: change.routes.filter(({ key, table }) => isNew(this.#routes, key, table)),
      listeners: change.listeners.filter((config) => isNew(this.#listeners, config.name, config)),
    }
  }

  /** Takes over a change that all threads can make; its listeners have ports. */
  apply(change: ConfigChange, versionOf: VersionOf, nowMs: number = Date.now()): void {
    const clusters = beginCount(change.clusters, this.#clusters)
    const listeners = beginCount(change.listeners, this.#listeners)
    const live = <T>(config: T, version: string) => ({ config, isStatic: false, version, updatedMs: nowMs })
    for (const config of change.clusters) {
      if (!keepsEndpoints(this.#clusters.get(config.name)?.config, config)) this.#endpoints.delete(config.name)
      this.#clusters.set(config.name, live(config, versionOf('cluster', config.name)))
    }
    for (const { cluster, endpoints } of change.endpoints) {
      this.#endpoints.set(cluster, live(endpoints, versionOf('endpoints', cluster)))
    }
    for (const { key, table } of change.routes) this.#routes.set(key, live(table, versionOf('routes', key)))
    for (const name of change.listenersRemoved) this.#listeners.delete(name)
    for (const config of change.listeners) {
      const resource = live(config, versionOf('listener', config.name))
      this.#listeners.set(config.name, { ...resource, isStatic: this.#isOfBootstrap(config) })
    }
    for (const key of change.routesRemoved) this.#routes.delete(key)
    for (const name of change.clustersRemoved) {
      this.#clusters.delete(name)
      this.#endpoints.delete(name)
    }
    this.#config = undefined
    this.onApplied({ clusters: clusters(), listeners: listeners(), endpointsChanged: change.endpoints.length })
  }

  /** A change that brings to all these names what they stand for now. */
  catchUp(names: ChangedNames): ConfigChange {
    const [clusters, clustersRemoved] = split(names.clusters, this.#clusters)
    const [listeners, listenersRemoved] = split(names.listeners, this.#listeners)
    const [tables, routesRemoved] = split(names.routes, this.#routes)
    const fromElsewhere = clusters.filter(([, { discovery }]) => discovery === 'eds')
    return {
      clusters: clusters.map(([, config]) => config),
      clustersRemoved,
      endpoints: fromElsewhere.map(([name]) => ({
        cluster: name,
        endpoints: this.#endpoints.get(name)?.config ?? [],
      })),
      routes: tables.map(([key, table]) => ({ key, table })),
      routesRemoved,
      listeners: listeners.map(([, config]) => config),
      listenersRemoved,
    }
  }

  /** It has waited until now. */
  #isOfBootstrap({ name }: ListenerConfig): boolean {
    return this.bootstrap.listeners.some((listener) => listener.name === name)
  }

  #withEndpoints(cluster: ClusterConfig): ClusterConfig {
    const endpoints = this.#endpoints.get(cluster.name)?.config
    return endpoints === undefined ? cluster : { ...cluster, endpoints }
  }
}

/** To be called before a change, and what it returns after it. */
function beginCount(configs: readonly { readonly name: string }[], known: ReadonlyMap<string, unknown>) {
  const before = known.size
  const added = configs.filter(({ name }) => !known.has(name)).length
  return (): AppliedNames => {
    const removed = before + added - known.size
    return { added, modified: configs.length - added, removed, total: known.size }
  }
}

export function isNoChange(change: ConfigChange): boolean {
  return Object.values(change).every((items: readonly unknown[]) => items.length === 0)
}

export function noNames(): ChangedNames {
  return { clusters: new Set(), listeners: new Set(), routes: new Set() }
}

export function hasNames({ clusters, listeners, routes }: ChangedNames): boolean {
  return clusters.size + listeners.size + routes.size > 0
}

export function addNames(names: ChangedNames, change: ConfigChange): void {
  for (const { name } of change.clusters) names.clusters.add(name)
  for (const name of change.clustersRemoved) names.clusters.add(name)
  for (const { cluster } of change.endpoints) names.clusters.add(cluster)
  for (const { name } of change.listeners) names.listeners.add(name)
  for (const name of change.listenersRemoved) names.listeners.add(name)
  for (const { key } of change.routes) names.routes.add(key)
  for (const key of change.routesRemoved) names.routes.add(key)
}

function asStatic<T extends { readonly name: string }>(
  configs: readonly T[],
  updatedMs: number,
): Map<string, LiveResource<T>> {
  return new Map(configs.map((config) => [config.name, { config, isStatic: true, version: '', updatedMs }]))
}

function configsOf<T>(resources: LiveResources<T>): readonly T[] {
  return [...resources.values()].map(({ config }) => config)
}

/** Those that are there, and the names of the others. */
function split<T>(names: ReadonlySet<string>, known: LiveResources<T>): [there: [string, T][], gone: string[]] {
  const there: [string, T][] = []
  const gone: string[] = []
  for (const name of names) {
    const resource = known.get(name)
    if (resource === undefined) gone.push(name)
    else there.push([name, resource.config])
  }
  return [there, gone]
}
