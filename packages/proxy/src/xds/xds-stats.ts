import { type ListenerConfig, sourceKey } from '@meltemi/api/model'
import type { ResourceType } from '@meltemi/api/xds'
import type { Clock, Gauge, MetricRegistry } from '@meltemi/runtime'
import { SubscriptionStats } from './subscription-stats.ts'
import { rdsOf } from './wanted-config.ts'

/** An update that was accepted, with how long it took from its arrival to its being in force. */
export interface AcceptedUpdate {
  readonly version: string
  /** Of the resources that are not what they were. */
  readonly changed: readonly string[]
  readonly durationMs: number
}

/** What is counted of the configuration's coming, by the names that Envoy and the reference have for it. */
export class XdsStats {
  readonly #metrics: MetricRegistry
  readonly #clock: Clock
  readonly #connected: Gauge
  readonly #clusters: SubscriptionStats
  readonly #listeners: SubscriptionStats
  /** Of listeners with rds, by the listener's name. */
  readonly #routes = new Map<
    string,
    { readonly source: string; readonly name: string; readonly stats: SubscriptionStats }
  >()

  constructor(metrics: MetricRegistry, clock: Clock) {
    this.#metrics = metrics
    this.#clock = clock
    this.#connected = metrics.gauge('control_plane.connected_state')
    this.#clusters = new SubscriptionStats(metrics, 'cluster_manager.cds', clock)
    this.#listeners = new SubscriptionStats(metrics, 'listener_manager.lds', clock)
  }

  /** Whether each stream has had an answer. */
  setConnected(isConnected: boolean): void {
    this.#connected.set(isConnected ? 1 : 0)
  }

  /** The listeners that are wanted now. */
  setListeners(listeners: ReadonlyMap<string, ListenerConfig>): void {
    for (const name of this.#routes.keys()) if (!listeners.has(name)) this.#routes.delete(name)
    for (const listener of listeners.values()) {
      const [rds, { filter }] = [rdsOf(listener), listener]
      if (rds === undefined || filter.kind !== 'meta-protocol') continue
      const { routeConfigName: name } = rds
      const prefix = `meta_protocol.${filter.applicationProtocol}.${filter.statPrefix}.rds.${name}`
      const known = this.#routes.get(listener.name)
      if (known?.stats.prefix === prefix) continue
      const stats = new SubscriptionStats(this.#metrics, prefix, this.#clock)
      stats.attempted()
      this.#routes.set(listener.name, { source: sourceKey(rds.source), name, stats })
    }
  }

  attempted(type: ResourceType, source: string): void {
    for (const stats of this.#of(type, source)) stats.attempted()
  }

  lost(type: ResourceType, source: string): void {
    for (const stats of this.#of(type, source)) stats.failed()
  }

  accepted(type: ResourceType, source: string, update: AcceptedUpdate): void {
    for (const stats of this.#of(type, source, update.changed)) stats.accepted(update)
  }

  rejected(type: ResourceType, source: string, isEmpty: boolean): void {
    for (const stats of this.#of(type, source)) stats.rejected(isEmpty)
  }

  /** The first response has not come in time; of routes for the listener of this name. */
  timedOut(type: ResourceType, listener: string): void {
    if (type === 'route') this.#routes.get(listener)?.stats.timedOut()
    else for (const stats of this.#of(type, '')) stats.timedOut()
  }

  /** `names`: those of routes; without them all from the source. */
  #of(type: ResourceType, source: string, names?: readonly string[]): readonly SubscriptionStats[] {
    if (type === 'cluster') return [this.#clusters]
    if (type === 'listener') return [this.#listeners]
    if (type !== 'route') return []
    const subscribers = [...this.#routes.values()].filter((each) => each.source === source)
    return subscribers.filter(({ name }) => names?.includes(name) ?? true).map(({ stats }) => stats)
  }
}
