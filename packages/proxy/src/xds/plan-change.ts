import {
  type ClusterConfig,
  type ClusterEndpoints,
  type ConfigChange,
  type EndpointConfig,
  type ListenerConfig,
  type NamedRoutes,
  type RouteTableConfig,
  rdsKey,
} from '@meltemi/api/model'
import { clustersOfListener, clustersOfTable } from './cluster-references.ts'
import { codecOf, digestOf, endpointsKey, rdsOf, type WantedConfig } from './wanted-config.ts'

/** What is in force. */
export interface ConfigInForce {
  readonly clusters: ReadonlyMap<string, InForce<ClusterConfig>>
  readonly listeners: ReadonlyMap<string, InForce<ListenerConfig>>
  /** By cluster. */
  readonly endpoints: ReadonlyMap<string, InForce<readonly EndpointConfig[]>>
  readonly routes: ReadonlyMap<string, InForce<RouteTableConfig>>
}

interface InForce<T> {
  readonly config: T
  readonly isStatic: boolean
}

export interface PlanningRules {
  /** Whether there has been enough waiting for this need. */
  isOver(need: string): boolean
  /** The data plane has refused this configuration of a cluster, a listener or a table: it is left out. */
  isRefused(config: object): boolean
  /** Whether the module with this digest has brought this codec. */
  hasCodec(name: string, digest: string): boolean
  /** How long a listener waits for its codec; 0: for ever. */
  readonly codecWaitMs: number
}

export interface Plan {
  readonly change: ConfigChange
  /** What is missing, and how long it is waited for; 0: for ever. Those that are over are among them as long as they are missing. */
  readonly needs: ReadonlyMap<string, number>
}

/**
 * What is missing: endpoints of a cluster, routes or codec of a listener, a cluster that routes lead to, or the first
 * response of a type.
 */
export type NeedKind = 'endpoints' | 'routes' | 'codec' | 'cluster' | 'first'

export function need(kind: NeedKind, name: string): string {
  return `${kind} ${name}`
}

/** Routes to a cluster that nobody has announced wait this long: it may come by another stream a moment later. */
const UNKNOWN_CLUSTER_WAIT_MS = 2_000

/**
 * What can come into force now on the way to what is wanted. A cluster needs its endpoints, routes the clusters that they
 * lead to, a listener its routes, its clusters and its codec; what lacks something stays as it is, or away, until the
 * need is over. What is not wanted any more goes when nothing in force leads to it.
 */
export function planChange(wanted: WantedConfig, inForce: ConfigInForce, rules: PlanningRules): Plan {
  return new Planner(wanted, inForce, rules).plan()
}

class Planner {
  readonly #wanted: WantedConfig
  readonly #inForce: ConfigInForce
  readonly #rules: PlanningRules
  readonly #needs = new Map<string, number>()
  /** As they will be after the change. */
  readonly #clusters: Set<string>
  readonly #routes: Map<string, RouteTableConfig>
  readonly #listeners: Map<string, ListenerConfig>

  constructor(wanted: WantedConfig, inForce: ConfigInForce, rules: PlanningRules) {
    this.#wanted = wanted
    this.#inForce = inForce
    this.#rules = rules
    this.#clusters = new Set(inForce.clusters.keys())
    this.#routes = configsOf(inForce.routes)
    this.#listeners = configsOf(inForce.listeners)
  }

  plan(): Plan {
    const clusters = this.#planClusters()
    const endpoints = this.#planEndpoints()
    const routes = this.#planRoutes()
    const listeners = this.#planListeners()
    const listenersRemoved = this.#removeListeners()
    const routesRemoved = this.#removeRoutes()
    const clustersRemoved = this.#removeClusters()
    const change = { clusters, clustersRemoved, endpoints, routes, routesRemoved, listeners, listenersRemoved }
    return { change, needs: this.#needs }
  }

  #planClusters(): readonly ClusterConfig[] {
    const planned: ClusterConfig[] = []
    for (const cluster of this.#wanted.clusters.values()) {
      const isWarm = this.#isWarm(cluster)
      if (!isWarm || !this.#isNews(this.#inForce.clusters, cluster)) continue
      planned.push(cluster)
      this.#clusters.add(cluster.name)
    }
    return planned
  }

  #isWarm({ name, eds }: ClusterConfig): boolean {
    if (eds === undefined || this.#wanted.endpoints.has(endpointsKey(eds))) return true
    return this.#isOver(need('endpoints', name), eds.source.initialFetchTimeoutMs)
  }

  #planEndpoints(): readonly ClusterEndpoints[] {
    return [...this.#wanted.clusters.values()].flatMap(({ name, eds }) => {
      const endpoints = eds === undefined ? undefined : this.#wanted.endpoints.get(endpointsKey(eds))
      const isHere = this.#clusters.has(name)
      if (!isHere || endpoints === undefined || this.#inForce.endpoints.get(name)?.config === endpoints) return []
      return [{ cluster: name, endpoints }]
    })
  }

  #planRoutes(): readonly NamedRoutes[] {
    const planned: NamedRoutes[] = []
    for (const key of this.#wantedTables()) {
      const table = this.#wanted.routes.get(key)
      if (table === undefined || this.#inForce.routes.get(key)?.config === table) continue
      if (this.#rules.isRefused(table) || !this.#leadsSomewhere(clustersOfTable(table))) continue
      planned.push({ key, table })
      this.#routes.set(key, table)
    }
    return planned
  }

  #wantedTables(): ReadonlySet<string> {
    return new Set([...this.#wanted.listeners.values()].flatMap((listener) => keyOfRoutes(listener) ?? []))
  }

  #planListeners(): readonly ListenerConfig[] {
    const planned: ListenerConfig[] = []
    for (const listener of this.#wanted.listeners.values()) {
      // each is asked, so that each need is known
      const isReady = [this.#hasRoutes(listener), this.#hasCodec(listener), this.#hasClusters(listener)].every(Boolean)
      if (!this.#isNews(this.#inForce.listeners, listener) || !isReady) continue
      planned.push(listener)
      this.#listeners.set(listener.name, listener)
    }
    return planned
  }

  #hasRoutes(listener: ListenerConfig): boolean {
    const rds = rdsOf(listener)
    if (rds === undefined || this.#routes.has(rdsKey(rds))) return true
    return this.#isOver(need('routes', listener.name), rds.source.initialFetchTimeoutMs)
  }

  /** Without its codec a listener can do nothing: when the need is over, only the rest no longer waits for it. */
  #hasCodec(listener: ListenerConfig): boolean {
    const { hasCodec, codecWaitMs } = this.#rules
    const digest = digestOf(listener)
    if (digest === undefined || hasCodec(codecOf(listener), digest)) return true
    this.#needs.set(need('codec', listener.name), codecWaitMs)
    return false
  }

  #hasClusters(listener: ListenerConfig): boolean {
    return (
      this.#inForce.listeners.get(listener.name)?.config === listener ||
      this.#leadsSomewhere(clustersOfListener(listener))
    )
  }

  /** Whether the clusters are there, or there is no point in waiting for them. */
  #leadsSomewhere(clusters: readonly string[]): boolean {
    let leads = true
    for (const name of clusters) {
      if (this.#clusters.has(name)) continue
      if (this.#isWarming(name) || !this.#isOver(need('cluster', name), UNKNOWN_CLUSTER_WAIT_MS)) leads = false
    }
    return leads
  }

  /** It has a need of its own, and comes when that is over. */
  #isWarming(name: string): boolean {
    const cluster = this.#wanted.clusters.get(name)
    return cluster !== undefined && !this.#rules.isRefused(cluster)
  }

  #isNews<T extends { readonly name: string }>(inForce: ReadonlyMap<string, InForce<T>>, config: T): boolean {
    return inForce.get(config.name)?.config !== config && !this.#rules.isRefused(config)
  }

  #isOver(need: string, waitMs: number): boolean {
    this.#needs.set(need, waitMs)
    return this.#rules.isOver(need)
  }

  #removeListeners(): readonly string[] {
    const removed = unwanted(this.#inForce.listeners, this.#wanted.listeners)
    for (const name of removed) this.#listeners.delete(name)
    return removed
  }

  #removeRoutes(): readonly string[] {
    const used = new Set([...this.#listeners.values()].flatMap((listener) => keyOfRoutes(listener) ?? []))
    const wanted = this.#wantedTables()
    const removed = [...this.#inForce.routes.keys()].filter((key) => !used.has(key) && !wanted.has(key))
    for (const key of removed) this.#routes.delete(key)
    return removed
  }

  #removeClusters(): readonly string[] {
    const removed = unwanted(this.#inForce.clusters, this.#wanted.clusters)
    if (removed.length === 0) return removed
    const used = new Set([
      ...[...this.#routes.values()].flatMap(clustersOfTable),
      ...[...this.#listeners.values()].flatMap(clustersOfListener),
    ])
    return removed.filter((name) => !used.has(name))
  }
}

function unwanted(inForce: ReadonlyMap<string, InForce<unknown>>, wanted: ReadonlyMap<string, unknown>): string[] {
  return [...inForce].flatMap(([name, { isStatic }]) => (isStatic || wanted.has(name) ? [] : [name]))
}

function configsOf<T>(inForce: ReadonlyMap<string, InForce<T>>): Map<string, T> {
  return new Map([...inForce].map(([name, { config }]) => [name, config]))
}

function keyOfRoutes(listener: ListenerConfig): string | undefined {
  const rds = rdsOf(listener)
  return rds === undefined ? undefined : rdsKey(rds)
}
