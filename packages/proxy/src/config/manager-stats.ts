import type { Counter, Gauge, MetricRegistry } from '@meltemi/runtime'
import type { AppliedChange, AppliedNames, LiveConfig } from './live-config.ts'

interface Counts {
  readonly added: Counter
  readonly modified: Counter
  readonly removed: Counter
  readonly active: Gauge
}

/** What has become of listeners and clusters since the start, by the names that Envoy has for it. */
export class ManagerStats {
  readonly #listeners: Counts
  readonly #clusters: Counts
  readonly #endpoints: Counter

  constructor(metrics: MetricRegistry) {
    const counts = (prefix: string, active: string) => ({
      added: metrics.counter(`${prefix}_added`),
      modified: metrics.counter(`${prefix}_modified`),
      removed: metrics.counter(`${prefix}_removed`),
      active: metrics.gauge(active),
    })
    this.#listeners = counts('listener_manager.listener', 'listener_manager.total_listeners_active')
    this.#clusters = counts('cluster_manager.cluster', 'cluster_manager.active_clusters')
    this.#endpoints = metrics.counter('cluster_manager.cluster_updated')
    // set where configuration is waited for; where none is, nothing is warming
    metrics.gauge('listener_manager.total_listeners_warming')
    metrics.gauge('cluster_manager.warming_clusters')
  }

  /** Counts what is there, and from now on what comes and goes. */
  follow(live: LiveConfig): void {
    const nothing = { modified: 0, removed: 0 }
    this.#take({
      listeners: { ...nothing, added: live.listeners.size, total: live.listeners.size },
      clusters: { ...nothing, added: live.clusters.size, total: live.clusters.size },
      endpointsChanged: 0,
    })
    live.onApplied = (applied) => this.#take(applied)
  }

  #take({ listeners, clusters, endpointsChanged }: AppliedChange): void {
    addTo(this.#listeners, listeners)
    addTo(this.#clusters, clusters)
    this.#endpoints.add(endpointsChanged)
  }
}

function addTo({ added, modified, removed, active }: Counts, names: AppliedNames): void {
  added.add(names.added)
  modified.add(names.modified)
  removed.add(names.removed)
  active.set(names.total)
}
