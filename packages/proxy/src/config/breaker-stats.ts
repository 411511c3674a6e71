import type { CircuitBreakerConfig } from '@meltemi/api/model'
import type { Gauge, GroupedRegistry, HeldMetrics } from '@meltemi/runtime'
import { freeOf, LimitKind } from '../upstream/limits.ts'
import { clusterLimitKey, type SharedLimits } from '../upstream/shared-limits.ts'
import type { LiveConfig } from './live-config.ts'

/** By Envoy's names: what is limited. */
const KINDS = [
  { open: 'cx_open', remaining: 'remaining_cx', kind: LimitKind.Connections },
  { open: 'rq_pending_open', remaining: 'remaining_pending', kind: LimitKind.Pending },
  { open: 'rq_open', remaining: 'remaining_rq', kind: LimitKind.Requests },
  { open: 'rq_retry_open', remaining: 'remaining_retries', kind: LimitKind.Retries },
] as const

/**
 * Which limits of clusters are reached: 1, and 0 for those that are not. The main thread reads them in the memory that
 * all threads share when somebody asks, so that no request has to write them.
 */
export class BreakerStats {
  readonly #live: LiveConfig
  readonly #limits: SharedLimits
  readonly #metrics: GroupedRegistry
  readonly #clusters = new Map<string, ClusterGauges>()

  constructor(live: LiveConfig, limits: SharedLimits, metrics: GroupedRegistry) {
    this.#live = live
    this.#limits = limits
    this.#metrics = metrics
  }

  /** Before they are read. */
  update(): void {
    const { clusters } = this.#live
    for (const [name, gauges] of this.#clusters) {
      const config = clusters.get(name)?.config
      if (config?.statName === gauges.statName && tracks(config.circuitBreaker) === gauges.tracks) continue
      gauges.release()
      this.#clusters.delete(name)
    }
    for (const [name, { config }] of clusters) {
      const { statName, circuitBreaker } = config
      const gauges = this.#clusters.get(name) ?? new ClusterGauges(this.#metrics, statName, tracks(circuitBreaker))
      this.#clusters.set(name, gauges)
      gauges.update(circuitBreaker, this.#limits.cells(clusterLimitKey(name)))
    }
  }
}

class ClusterGauges {
  readonly statName: string
  readonly tracks: boolean
  readonly #metrics: HeldMetrics
  readonly #open: readonly Gauge[]
  readonly #remaining: readonly Gauge[]

  constructor(metrics: GroupedRegistry, statName: string, tracksRemaining: boolean) {
    this.statName = statName
    this.tracks = tracksRemaining
    this.#metrics = metrics.hold(`cluster.${statName}`)
    const gauge = (name: string) => this.#metrics.gauge(`cluster.${statName}.circuit_breakers.default.${name}`)
    // there is no limit of pools
    gauge('cx_pool_open')
    this.#open = KINDS.map(({ open }) => gauge(open))
    this.#remaining = tracksRemaining ? KINDS.map(({ remaining }) => gauge(remaining)) : []
  }

  update(maxima: CircuitBreakerConfig, cells: SharedArrayBuffer): void {
    for (const [at, { kind }] of KINDS.entries()) {
      const left = freeOf(cells, kind, maxima)
      this.#open[at]?.set(left === 0 ? 1 : 0)
      this.#remaining[at]?.set(left)
    }
  }

  release(): void {
    this.#metrics.release()
  }
}

function tracks({ tracksRemaining = false }: CircuitBreakerConfig): boolean {
  return tracksRemaining
}
