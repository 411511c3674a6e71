import { BucketFinder } from './buckets.ts'
import { HistogramCells, ScalarCell } from './cells.ts'
import type { MetricKind, PublishMetric } from './definition.ts'
import { HISTOGRAM_CELLS } from './histogram-snapshot.ts'
import type { Counter, Gauge, Histogram, MetricRegistry } from './registry.ts'

/** Counts the names that were refused; the handles given out for them work but nobody sees what they count. */
export const OVERFLOW_METRIC = 'metrics_overflow'

export interface MetricLimits {
  readonly maxMetrics: number
  /** Each takes 8 KiB of address space. */
  readonly maxHistograms: number
}

export const defaultMetricLimits: MetricLimits = { maxMetrics: 100_000, maxHistograms: 5_000 }

const CELLS_PER_SEGMENT = 4096
const NO_SEGMENT = new SharedArrayBuffer(0)
/** Segment id of histograms: each has a segment of its own. */
const NOT_SHARED = 0

interface Entry {
  readonly kind: MetricKind
  readonly handle: ScalarCell | HistogramCells
}

/**
 * The metrics of one thread. Their cells lie in shared memory, so the main thread reads them without asking, even when
 * the thread is busy or dead; `publish` tells it once where each new one lies.
 */
export class LocalRegistry implements MetricRegistry {
  readonly #publish: PublishMetric
  readonly #limits: MetricLimits
  readonly #entries = new Map<string, Entry>()
  readonly #finder = new BucketFinder()
  readonly #unseenScalar = new ScalarCell(new Float64Array(1), 0)
  readonly #unseenHistogram = new HistogramCells(newHistogramCells, this.#finder)
  readonly #overflow: ScalarCell
  #segment = new SharedArrayBuffer(0)
  #cells = new Float64Array(this.#segment)
  #segmentId = 0
  #used = 0
  #histograms = 0

  constructor(publish: PublishMetric, limits: MetricLimits = defaultMetricLimits) {
    this.#publish = publish
    this.#limits = limits
    this.#overflow = this.#newScalar(OVERFLOW_METRIC, 'counter')
  }

  counter(name: string): Counter {
    return this.#scalar(name, 'counter')
  }

  gauge(name: string): Gauge {
    return this.#scalar(name, 'gauge')
  }

  histogram(name: string): Histogram {
    const known = this.#entries.get(name)
    if (known?.handle instanceof HistogramCells) return known.handle
    if (known !== undefined || this.#isFull() || this.#histograms >= this.#limits.maxHistograms) {
      this.#overflow.add(1)
      return this.#unseenHistogram
    }
    return this.#newHistogram(name)
  }

  #scalar(name: string, kind: 'counter' | 'gauge'): ScalarCell {
    const known = this.#entries.get(name)
    if (known?.kind === kind && known.handle instanceof ScalarCell) return known.handle
    // A name comes from configuration in part, so a clash of kinds must not end the process.
    if (known !== undefined || this.#isFull()) {
      this.#overflow.add(1)
      return this.#unseenScalar
    }
    return this.#newScalar(name, kind)
  }

  #isFull(): boolean {
    return this.#entries.size >= this.#limits.maxMetrics
  }

  #newScalar(name: string, kind: 'counter' | 'gauge'): ScalarCell {
    if (this.#used === this.#cells.length) {
      this.#segment = new SharedArrayBuffer(CELLS_PER_SEGMENT * Float64Array.BYTES_PER_ELEMENT)
      this.#cells = new Float64Array(this.#segment)
      this.#segmentId++
      this.#used = 0
    }
    const index = this.#used++
    const handle = new ScalarCell(this.#cells, index)
    this.#entries.set(name, { kind, handle })
    this.#publish({ name, kind, segment: this.#segment, segmentId: this.#segmentId, index })
    return handle
  }

  #newHistogram(name: string): HistogramCells {
    const tell = (segment: SharedArrayBuffer) =>
      this.#publish({ name, kind: 'histogram', segment, segmentId: NOT_SHARED, index: 0 })
    const handle = new HistogramCells(() => {
      const cells = newHistogramCells()
      tell(cells.buffer)
      return cells
    }, this.#finder)
    this.#histograms++
    this.#entries.set(name, { kind: 'histogram', handle })
    tell(NO_SEGMENT)
    return handle
  }
}

function newHistogramCells(): Float64Array<SharedArrayBuffer> {
  return new Float64Array(new SharedArrayBuffer(HISTOGRAM_CELLS * Float64Array.BYTES_PER_ELEMENT))
}
