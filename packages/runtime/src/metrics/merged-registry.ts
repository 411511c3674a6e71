import type { MetricDefinition, MetricReader, MetricValue, PublishMetric } from './definition.ts'
import { defaultMetricLimits, LocalRegistry, type MetricLimits, OVERFLOW_METRIC } from './local-registry.ts'
import type { Counter, Gauge, Histogram, MetricRegistry } from './registry.ts'
import { HistogramSeries, ScalarSeries, type Series } from './series.ts'

const MAIN = 'main'

/**
 * Gauges that every worker sets to the same thing, such as the size of a cluster: of these the largest is shown, of all
 * others the sum.
 */
const SAME_IN_EVERY_WORKER =
  /(?:\.membership_(?:total|healthy|degraded|excluded)|\.max_host_weight|\.(?:cx|cx_pool|rq|rq_pending|rq_retry)_open|\.lb_subsets_active|_time_ms|\.version)$/

export interface MergedRegistryOptions {
  readonly limits?: MetricLimits
  readonly takesMaximum?: (gaugeName: string) => boolean
}

/** The metrics of the process, on the main thread: its own, those of the living workers, and the totals of the dead. */
export class MergedRegistry implements MetricRegistry, MetricReader {
  readonly #limits: MetricLimits
  readonly #takesMaximum: (gaugeName: string) => boolean
  readonly #series = new Map<string, Series>()
  readonly #attached = new Set<string>()
  readonly #own: LocalRegistry
  readonly #overflow: Counter
  #sorted: Series[] | undefined

  constructor(options: MergedRegistryOptions = {}) {
    this.#limits = options.limits ?? defaultMetricLimits
    this.#takesMaximum = options.takesMaximum ?? ((name) => SAME_IN_EVERY_WORKER.test(name))
    this.#own = new LocalRegistry(this.attach(MAIN), this.#limits)
    this.#overflow = this.#own.counter(OVERFLOW_METRIC)
  }

  counter(name: string): Counter {
    return this.#own.counter(name)
  }

  gauge(name: string): Gauge {
    return this.#own.gauge(name)
  }

  histogram(name: string): Histogram {
    return this.#own.histogram(name)
  }

  /** Returns the place to put the worker's definitions. An id is for one worker only: its replacement needs a new one. */
  attach(workerId: string): PublishMetric {
    this.#attached.add(workerId)
    const segments = new Map<number, Float64Array>()
    return (definition) => this.#define(workerId, definition, segments)
  }

  /** Call it once the thread has ended: what it counts later is lost. */
  retire(workerId: string): void {
    if (!this.#attached.delete(workerId)) return
    for (const series of this.#series.values()) series.retire(workerId)
  }

  read(accepts?: (name: string) => boolean): MetricValue[] {
    this.#sorted ??= [...this.#series.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    const values: MetricValue[] = []
    for (const series of this.#sorted) {
      if (accepts === undefined || accepts(series.name)) values.push(series.read())
    }
    return values
  }

  #define(workerId: string, definition: MetricDefinition, segments: Map<number, Float64Array>): void {
    const series = this.#series.get(definition.name) ?? this.#newSeries(definition)
    if (series === undefined || series.kind !== definition.kind) {
      this.#overflow.add(1)
      return
    }
    series.attach({ workerId, cells: cellsOf(definition, segments), index: definition.index })
    // A message may arrive after the end of the thread that sent it.
    if (!this.#attached.has(workerId)) series.retire(workerId)
  }

  #newSeries(definition: MetricDefinition): Series | undefined {
    if (this.#series.size >= this.#limits.maxMetrics) return undefined
    const { name, kind } = definition
    const series =
      kind === 'histogram'
        ? new HistogramSeries(name)
        : new ScalarSeries(name, kind, kind === 'gauge' && this.#takesMaximum(name))
    this.#series.set(name, series)
    this.#sorted = undefined
    return series
  }
}

/** Scalars share one view of their segment, or each would cost a kilobyte. */
function cellsOf(definition: MetricDefinition, segments: Map<number, Float64Array>): Float64Array {
  if (definition.kind === 'histogram') return new Float64Array(definition.segment)
  const cells = segments.get(definition.segmentId) ?? new Float64Array(definition.segment)
  segments.set(definition.segmentId, cells)
  return cells
}
