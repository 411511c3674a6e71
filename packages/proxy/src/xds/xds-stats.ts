import { type ListenerConfig, sourceKey } from '@meltemi/api/model'
import type { ResourceType } from '@meltemi/api/xds'
import type { Clock, Counter, Gauge, GroupedRegistry, HeldMetrics } from '@meltemi/runtime'
import { SubscriptionStats } from './subscription-stats.ts'
import { rdsOf } from './wanted-config.ts'

/** A response that was accepted. */
export interface AcceptedUpdate {
  readonly version: string
  /** Names of its resources, and of those that are not what they were. */
  readonly named: readonly string[]
  readonly changed: readonly string[]
  /** From its arrival to its being in force. */
  readonly durationMs: number
}

/** A listener's routes. */
interface RouteStats {
  readonly source: string
  readonly name: string
  readonly stats: SubscriptionStats
  readonly empty: Counter
  readonly metrics: HeldMetrics
}

/** What is counted of the configuration's coming, by the names that Envoy and the reference have for it. */
export class XdsStats {
  readonly #metrics: GroupedRegistry
  readonly #clock: Clock
  readonly #connected: Gauge
  readonly #clusters: SubscriptionStats
  readonly #listeners: SubscriptionStats
  readonly #warmingClusters: Gauge
  readonly #warmingListeners: Gauge
  /** By prefix: listeners that share all of it are counted once. */
  #routes: ReadonlyMap<string, RouteStats> = new Map()

  constructor(metrics: GroupedRegistry, clock: Clock) {
    this.#metrics = metrics
    this.#clock = clock
    this.#connected = metrics.gauge('control_plane.connected_state')
    this.#clusters = new SubscriptionStats(metrics, 'cluster_manager.cds', clock)
    this.#listeners = new SubscriptionStats(metrics, 'listener_manager.lds', clock)
    this.#warmingClusters = metrics.gauge('cluster_manager.warming_clusters')
    this.#warmingListeners = metrics.gauge('listener_manager.total_listeners_warming')
  }

  /** Whether each stream has had an answer. */
  setConnected(isConnected: boolean): void {
    this.#connected.set(isConnected ? 1 : 0)
  }

  /** How many wait for something before they come into force. */
  setWarming({ clusters, listeners }: { readonly clusters: number; readonly listeners: number }): void {
    this.#warmingClusters.set(clusters)
    this.#warmingListeners.set(listeners)
  }

  /** The listeners that are wanted now. */
  setListeners(listeners: ReadonlyMap<string, ListenerConfig>): void {
    const before = this.#routes
    const wanted = new Map<string, ListenerConfig>()
    for (const listener of listeners.values()) {
      const prefix = routesPrefix(listener)
      if (prefix !== undefined) wanted.set(prefix, listener)
    }
    this.#routes = new Map(
      [...wanted].map(([prefix, listener]) => [prefix, before.get(prefix) ?? this.#openRoutes(prefix, listener)]),
    )
    for (const [prefix, { metrics }] of before) if (!wanted.has(prefix)) metrics.release()
  }

  attempted(type: ResourceType, source: string): void {
    for (const stats of this.#of(type, source)) stats.attempted()
  }

  lost(type: ResourceType, source: string): void {
    for (const stats of this.#of(type, source)) stats.failed()
  }

  accepted(type: ResourceType, source: string, update: AcceptedUpdate): void {
    const { version, named, changed, durationMs } = update
    if (type !== 'route') {
      for (const stats of this.#of(type, source)) stats.accepted(version, durationMs, changed.length > 0)
      return
    }
    for (const routes of this.#routesFrom(source)) {
      if (named.includes(routes.name)) routes.stats.accepted(version, durationMs, changed.includes(routes.name))
    }
  }

  rejected(type: ResourceType, source: string, isEmpty: boolean): void {
    for (const stats of this.#of(type, source)) stats.rejected()
    if (type === 'route' && isEmpty) for (const { empty } of this.#routesFrom(source)) empty.add(1)
  }

  /** The first response for all listeners, or all clusters, has not come in time. */
  timedOut(type: ResourceType): void {
    for (const stats of this.#of(type, '')) stats.timedOut()
  }

  routesTimedOut(listener: ListenerConfig): void {
    this.#routes.get(routesPrefix(listener) ?? '')?.stats.timedOut()
  }

  #openRoutes(prefix: string, listener: ListenerConfig): RouteStats {
    const rds = rdsOf(listener)
    const metrics = this.#metrics.hold(prefix)
    const stats = new SubscriptionStats(metrics, prefix, this.#clock)
    stats.attempted()
    const source = rds === undefined ? '' : sourceKey(rds.source)
    const empty = metrics.counter(`${prefix}.update_empty`)
    return { source, name: rds?.routeConfigName ?? '', stats, empty, metrics }
  }

  #routesFrom(source: string): readonly RouteStats[] {
    return [...this.#routes.values()].filter((each) => each.source === source)
  }

  #of(type: ResourceType, source: string): readonly SubscriptionStats[] {
    if (type === 'cluster') return [this.#clusters]
    if (type === 'listener') return [this.#listeners]
    return type === 'route' ? this.#routesFrom(source).map(({ stats }) => stats) : []
  }
}

function routesPrefix(listener: ListenerConfig): string | undefined {
  const { filter } = listener
  if (filter.kind !== 'meta-protocol' || filter.rds === undefined) return undefined
  return `meta_protocol.${filter.applicationProtocol}.${filter.statPrefix}.rds.${filter.rds.routeConfigName}`
}
