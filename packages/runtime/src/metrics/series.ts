import type { MetricKind, MetricValue } from './definition.ts'
import { HISTOGRAM_CELLS, HistogramSnapshot } from './histogram-snapshot.ts'

/** Where the cells of one thread lie; scalars share the array with others. */
export interface SeriesSource {
  readonly workerId: string
  readonly cells: Float64Array
  readonly index: number
}

/** One metric over all threads: the cells of the living, and what the dead have left. */
export interface Series {
  readonly name: string
  readonly kind: MetricKind
  /** Takes the place of an earlier one of the same worker. */
  attach(source: SeriesSource): void
  /** What a dead thread has counted stays; what it has gauged is gone with it. */
  retire(workerId: string): void
  read(): MetricValue
}

export class ScalarSeries implements Series {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly #takesMaximum: boolean
  #sources: readonly SeriesSource[] = []
  #retired = 0

  constructor(name: string, kind: 'counter' | 'gauge', takesMaximum: boolean) {
    this.name = name
    this.kind = kind
    this.#takesMaximum = takesMaximum
  }

  attach(source: SeriesSource): void {
    this.#sources = [...without(this.#sources, source.workerId), source]
  }

  retire(workerId: string): void {
    const source = this.#sources.find((candidate) => candidate.workerId === workerId)
    if (source === undefined) return
    this.#sources = without(this.#sources, workerId)
    if (this.kind === 'counter') this.#retired += valueOf(source)
  }

  read(): MetricValue {
    let value = this.#retired
    for (const source of this.#sources) {
      value = this.#takesMaximum ? Math.max(value, valueOf(source)) : value + valueOf(source)
    }
    return { name: this.name, kind: this.kind, value }
  }
}

const noRecords = new HistogramSnapshot(new Float64Array(HISTOGRAM_CELLS))

export class HistogramSeries implements Series {
  readonly name: string
  readonly kind = 'histogram'
  #sources: readonly SeriesSource[] = []
  #retired: Float64Array | undefined

  constructor(name: string) {
    this.name = name
  }

  attach(source: SeriesSource): void {
    this.#sources = [...without(this.#sources, source.workerId), source]
  }

  retire(workerId: string): void {
    const source = this.#sources.find((candidate) => candidate.workerId === workerId)
    if (source === undefined) return
    this.#sources = without(this.#sources, workerId)
    if (source.cells.length === 0) return
    this.#retired ??= new Float64Array(HISTOGRAM_CELLS)
    addTo(this.#retired, source.cells)
  }

  read(): MetricValue {
    if (this.#retired === undefined && this.#sources.every(({ cells }) => cells.length === 0)) {
      return { name: this.name, kind: this.kind, histogram: noRecords }
    }
    const total = this.#retired?.slice() ?? new Float64Array(HISTOGRAM_CELLS)
    for (const { cells } of this.#sources) addTo(total, cells)
    return { name: this.name, kind: this.kind, histogram: new HistogramSnapshot(total) }
  }
}

function without(sources: readonly SeriesSource[], workerId: string): SeriesSource[] {
  return sources.filter((source) => source.workerId !== workerId)
}

function valueOf(source: SeriesSource): number {
  return source.cells[source.index] ?? 0
}

function addTo(total: Float64Array, cells: Float64Array): void {
  for (let i = 0; i < cells.length; i++) total[i] = (total[i] ?? 0) + (cells[i] ?? 0)
}
