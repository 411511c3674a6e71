import {
  type MetricDefinition,
  type MetricReader,
  type MetricValue,
  NO_GROUP,
  type PublishMetric,
} from './definition.ts'
import { defaultMetricLimits, LocalRegistry, type MetricLimits, OVERFLOW_METRIC } from './local-registry.ts'
import type { Counter, Gauge, GroupedRegistry, HeldMetrics, Histogram } from './registry.ts'
import { HistogramSeries, ScalarSeries, type Series } from './series.ts'

const MAIN = 'main'

/**
 * Gauges that every worker sets to the same thing, such as the size of a cluster: of these the largest is shown, of all
 * others the sum.
 */
const SAME_IN_EVERY_WORKER =
  /(?:\.membership_(?:total|healthy|degraded|excluded)|\.total_listeners_draining|\.max_host_weight|\.outlier_detection\.ejections_active|\.health_check\.(?:healthy|degraded)|\.(?:cx|cx_pool|rq|rq_pending|rq_retry)_open|\.lb_subsets_active|_time_ms|\.version)$/

export interface MergedRegistryOptions {
  readonly limits?: MetricLimits
  readonly takesMaximum?: (gaugeName: string) => boolean
}

/** Metrics that go when no thread holds them any more. */
interface Group {
  readonly names: Set<string>
  readonly holders: Set<string>
}

/** Views of the segments of one thread, by group and id. */
type Segments = Map<string, Map<number, Float64Array>>

/** The metrics of the process, on the main thread: its own, those of the living workers, and the totals of the dead. */
export class MergedRegistry implements GroupedRegistry, MetricReader {
  readonly #limits: MetricLimits
  readonly #takesMaximum: (gaugeName: string) => boolean
  readonly #series = new Map<string, Series>()
  readonly #groups = new Map<string, Group>()
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

  hold(group: string): HeldMetrics {
    return this.#own.hold(group)
  }

  /** Returns the place to put the worker's news. An id is for one worker only: its replacement needs a new one. */
  attach(workerId: string): PublishMetric {
    this.#attached.add(workerId)
    const segments: Segments = new Map()
    return (news) => {
      if (news.kind === 'released') {
        segments.delete(news.group)
        this.#release(workerId, news.group)
      } else this.#define(workerId, news, segments)
    }
  }

  /** Call it once the thread has ended: what it counts later is lost. */
  retire(workerId: string): void {
    if (!this.#attached.delete(workerId)) return
    for (const series of this.#series.values()) series.retire(workerId)
    for (const { holders } of this.#groups.values()) holders.delete(workerId)
  }

  /** Forgets groups that only dead threads have held. Call it when their replacements have what they need. */
  forgetUnheld(): void {
    for (const [name, group] of this.#groups) if (group.holders.size === 0) this.#forget(name, group)
  }

  read(accepts?: (name: string) => boolean): MetricValue[] {
    this.#sorted ??= [...this.#series.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    const values: MetricValue[] = []
    for (const series of this.#sorted) {
      if (accepts === undefined || accepts(series.name)) values.push(series.read())
    }
    return values
  }

  #release(workerId: string, name: string): void {
    const group = this.#groups.get(name)
    if (group === undefined) return
    group.holders.delete(workerId)
    if (group.holders.size === 0) this.#forget(name, group)
    else for (const metric of group.names) this.#series.get(metric)?.retire(workerId)
  }

  #forget(name: string, group: Group): void {
    this.#groups.delete(name)
    for (const metric of group.names) this.#series.delete(metric)
    this.#sorted = undefined
  }

  #define(workerId: string, definition: MetricDefinition, segments: Segments): void {
    const series = this.#series.get(definition.name) ?? this.#newSeries(definition)
    if (series === undefined || series.kind !== definition.kind) {
      this.#overflow.add(1)
      return
    }
    const isAttached = this.#attached.has(workerId)
    this.#joinGroup(definition, isAttached ? workerId : undefined)
    series.attach({ workerId, cells: cellsOf(definition, segments), index: definition.index })
    // A message may arrive after the end of the thread that sent it.
    if (!isAttached) series.retire(workerId)
  }

  #joinGroup({ name, group: groupName }: MetricDefinition, holder: string | undefined): void {
    if (groupName === NO_GROUP) return
    const group = this.#groups.get(groupName) ?? { names: new Set(), holders: new Set() }
    this.#groups.set(groupName, group)
    group.names.add(name)
    if (holder !== undefined) group.holders.add(holder)
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
function cellsOf({ kind, group, segment, segmentId }: MetricDefinition, segments: Segments): Float64Array {
  if (kind === 'histogram') return new Float64Array(segment)
  const ofGroup = segments.get(group) ?? new Map<number, Float64Array>()
  segments.set(group, ofGroup)
  const cells = ofGroup.get(segmentId) ?? new Float64Array(segment)
  ofGroup.set(segmentId, cells)
  return cells
}
