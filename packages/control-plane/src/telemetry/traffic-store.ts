import { type Clock, type Counter, type Gauge, type MetricRegistry, systemClock } from '@meltemi/runtime'
import {
  HISTORY_SLOTS,
  SLOT_MS,
  type Traffic,
  type TrafficHistory,
  TrafficSeries,
  type TrafficSummary,
} from './traffic-series.ts'

/** Over all of it: services, their versions, and methods of these. */
const MAX_SERIES = 2_000

/** Names of a series; absent: all of them. */
export interface TrafficNames {
  readonly service: string
  readonly version?: string
  readonly method?: string
}

export interface TrafficReport extends Traffic {
  readonly service: string
  readonly version: string
  readonly method: string
}

export interface TrafficRow extends TrafficNames, TrafficSummary {}

/** What all proxies have reported, added up; the last ten minutes, in a bounded number of series. */
export class TrafficStore {
  readonly #clock: Clock
  readonly #series = new Map<string, { readonly names: TrafficNames; readonly series: TrafficSeries }>()
  readonly #dropped: Counter
  readonly #size: Gauge

  constructor(metrics: MetricRegistry, clock: Clock = systemClock) {
    this.#clock = clock
    this.#dropped = metrics.counter('control_plane.telemetry_series_dropped')
    this.#size = metrics.gauge('control_plane.telemetry_series')
  }

  /** Also counts for the version and for the service. What there is no room for counts for these only. */
  add({ service, version, method, ...traffic }: TrafficReport): void {
    const slot = this.#slot()
    for (const names of [{ service }, { service, version }, { service, version, method }]) {
      const series = this.#seriesOf(names, slot)
      if (series === undefined) this.#dropped.add(1)
      else series.add(slot, traffic)
    }
  }

  /** Everything that had traffic in the last ten minutes, by names; a service comes before its versions. */
  rows(): readonly TrafficRow[] {
    const slot = this.#slot()
    this.#forgetUnused(slot)
    const sorted = [...this.#series].sort(([a], [b]) => (a < b ? -1 : 1))
    return sorted.map(([, { names, series }]) => ({ ...names, ...series.summary(slot) }))
  }

  /** Of a service and of each of its versions; empty when it had no traffic. */
  histories(service: string): readonly (TrafficNames & TrafficHistory)[] {
    const slot = this.#slot()
    const found = [...this.#series.values()].filter(
      ({ names }) => names.service === service && names.method === undefined,
    )
    return found.map(({ names, series }) => ({ ...names, ...series.history(slot) }))
  }

  #slot(): number {
    return Math.floor(this.#clock.wallTime() / SLOT_MS)
  }

  #seriesOf(names: TrafficNames, slot: number): TrafficSeries | undefined {
    const key = keyOf(names)
    const known = this.#series.get(key)
    if (known !== undefined) return known.series
    if (this.#series.size >= MAX_SERIES) this.#forgetUnused(slot)
    if (this.#series.size >= MAX_SERIES) return undefined
    const series = new TrafficSeries(slot)
    this.#series.set(key, { names, series })
    this.#size.set(this.#series.size)
    return series
  }

  #forgetUnused(slot: number): void {
    for (const [key, { series }] of this.#series) {
      if (series.lastUsedSlot <= slot - HISTORY_SLOTS) this.#series.delete(key)
    }
    this.#size.set(this.#series.size)
  }
}

/** Sorts a service before its versions, and these before their methods. */
function keyOf({ service, version, method }: TrafficNames): string {
  return [service, version, method].filter((name) => name !== undefined).join('\0')
}
