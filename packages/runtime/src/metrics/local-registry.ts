import { BucketFinder } from './buckets.ts'
import { CellArena } from './cell-arena.ts'
import { HistogramCells, ScalarCell } from './cells.ts'
import { type MetricKind, NO_GROUP, type PublishMetric } from './definition.ts'
import { HISTOGRAM_CELLS } from './histogram-snapshot.ts'
import type { Counter, Gauge, GroupedRegistry, HeldMetrics, Histogram } from './registry.ts'

/** Counts the names that were refused; the handles given out for them work but nobody sees what they count. */
export const OVERFLOW_METRIC = 'metrics_overflow'

export interface MetricLimits {
  readonly maxMetrics: number
  /** Each takes 8 KiB of address space. */
  readonly maxHistograms: number
}

export const defaultMetricLimits: MetricLimits = { maxMetrics: 100_000, maxHistograms: 8_000 }

const CELLS_PER_SEGMENT = 4096
/** A cluster has about half as many scalars. */
const CELLS_PER_GROUP_SEGMENT = 64
const NO_SEGMENT = new SharedArrayBuffer(0)
/** Segment id of histograms: each has a segment of its own. */
const NOT_SHARED = 0

interface Entry {
  readonly kind: MetricKind
  readonly handle: ScalarCell | HistogramCells
}

/** Metrics that go together; their cells lie in segments that nothing else uses, so that all of it can be given back. */
interface Group {
  readonly name: string
  readonly arena: CellArena
  readonly names: string[]
  holders: number
}

/**
 * The metrics of one thread. Their cells lie in shared memory, so the main thread reads them without asking, even when
 * the thread is busy or dead; `publish` tells it once where each new one lies, and what is gone.
 */
export class LocalRegistry implements GroupedRegistry {
  readonly #publish: PublishMetric
  readonly #limits: MetricLimits
  readonly #entries = new Map<string, Entry>()
  readonly #groups = new Map<string, Group>()
  readonly #finder = new BucketFinder()
  readonly #unseenScalar = new ScalarCell(new Float64Array(1), 0)
  readonly #unseenHistogram = new HistogramCells(newHistogramCells, this.#finder)
  /** What stays as long as the thread. */
  readonly #lasting: Group
  readonly #overflow: ScalarCell
  #segmentId = NOT_SHARED
  #histograms = 0

  constructor(publish: PublishMetric, limits: MetricLimits = defaultMetricLimits) {
    this.#publish = publish
    this.#limits = limits
    this.#lasting = this.#newGroup(NO_GROUP, CELLS_PER_SEGMENT)
    this.#overflow = this.#newScalar(OVERFLOW_METRIC, 'counter', this.#lasting)
  }

  counter(name: string): Counter {
    return this.#scalar(name, 'counter', this.#lasting)
  }

  gauge(name: string): Gauge {
    return this.#scalar(name, 'gauge', this.#lasting)
  }

  histogram(name: string): Histogram {
    return this.#histogram(name, this.#lasting)
  }

  hold(name: string): HeldMetrics {
    const group = this.#groups.get(name) ?? this.#newGroup(name, CELLS_PER_GROUP_SEGMENT)
    this.#groups.set(name, group)
    group.holders++
    let isHeld = true
    return {
      counter: (metric) => this.#scalar(metric, 'counter', group),
      gauge: (metric) => this.#scalar(metric, 'gauge', group),
      histogram: (metric) => this.#histogram(metric, group),
      release: () => {
        if (isHeld && --group.holders === 0) this.#drop(group)
        isHeld = false
      },
    }
  }

  #drop(group: Group): void {
    this.#groups.delete(group.name)
    for (const name of group.names) {
      if (this.#entries.get(name)?.kind === 'histogram') this.#histograms--
      this.#entries.delete(name)
    }
    this.#publish({ kind: 'released', group: group.name })
  }

  #histogram(name: string, group: Group): Histogram {
    const known = this.#entries.get(name)
    if (known?.handle instanceof HistogramCells) return known.handle
    if (known !== undefined || this.#histograms >= this.#limits.maxHistograms || !this.#takesMore(group)) {
      this.#overflow.add(1)
      return this.#unseenHistogram
    }
    return this.#newHistogram(name, group)
  }

  #scalar(name: string, kind: 'counter' | 'gauge', group: Group): ScalarCell {
    const known = this.#entries.get(name)
    if (known?.kind === kind && known.handle instanceof ScalarCell) return known.handle
    // A name comes from configuration in part, so a clash of kinds must not end the process.
    if (known !== undefined || !this.#takesMore(group)) {
      this.#overflow.add(1)
      return this.#unseenScalar
    }
    return this.#newScalar(name, kind, group)
  }

  /** Not when there are too many, and not of a group that is gone. */
  #takesMore(group: Group): boolean {
    const isGone = group !== this.#lasting && group.holders === 0
    return this.#entries.size < this.#limits.maxMetrics && !isGone
  }

  #newGroup(name: string, segmentCells: number): Group {
    return { name, arena: new CellArena(segmentCells, () => ++this.#segmentId), names: [], holders: 0 }
  }

  #newScalar(name: string, kind: 'counter' | 'gauge', group: Group): ScalarCell {
    const { cells, ...place } = group.arena.next()
    const handle = new ScalarCell(cells, place.index)
    this.#add(name, { kind, handle }, group)
    this.#publish({ name, kind, group: group.name, ...place })
    return handle
  }

  #newHistogram(name: string, group: Group): HistogramCells {
    const tell = (segment: SharedArrayBuffer) =>
      this.#publish({ name, kind: 'histogram', group: group.name, segment, segmentId: NOT_SHARED, index: 0 })
    const handle: HistogramCells = new HistogramCells(() => {
      const cells = newHistogramCells()
      // one whose group has gone meanwhile must not come back
      if (this.#entries.get(name)?.handle === handle) tell(cells.buffer)
      return cells
    }, this.#finder)
    this.#histograms++
    this.#add(name, { kind: 'histogram', handle }, group)
    tell(NO_SEGMENT)
    return handle
  }

  #add(name: string, entry: Entry, group: Group): void {
    this.#entries.set(name, entry)
    if (group !== this.#lasting) group.names.push(name)
  }
}

function newHistogramCells(): Float64Array<SharedArrayBuffer> {
  return new Float64Array(new SharedArrayBuffer(HISTOGRAM_CELLS * Float64Array.BYTES_PER_ELEMENT))
}
