import type { MetricDefinition, MetricKind, MetricValue } from './definition.ts'
import { HISTOGRAM_CELLS, HistogramSnapshot } from './histogram-snapshot.ts'

/** One metric over all threads: the cells of the living, and what the dead have left. */
export class Series {
  readonly name: string
  readonly kind: MetricKind
  readonly #takesMaximum: boolean
  readonly #sources = new Map<string, Float64Array>()
  readonly #retired: Float64Array

  constructor(name: string, kind: MetricKind, takesMaximum: boolean) {
    this.name = name
    this.kind = kind
    this.#takesMaximum = takesMaximum
    this.#retired = new Float64Array(cellCount(kind))
  }

  attach(workerId: string, definition: MetricDefinition): void {
    const cells = new Float64Array(
      definition.segment,
      definition.index * Float64Array.BYTES_PER_ELEMENT,
      cellCount(this.kind),
    )
    this.#sources.set(workerId, cells)
  }

  /** What a dead thread has counted stays; what it has gauged is gone with it. */
  retire(workerId: string): void {
    const cells = this.#sources.get(workerId)
    if (cells === undefined) return
    this.#sources.delete(workerId)
    if (this.kind !== 'gauge') addTo(this.#retired, cells)
  }

  read(): MetricValue {
    if (this.kind === 'histogram') {
      const total = this.#retired.slice()
      for (const cells of this.#sources.values()) addTo(total, cells)
      return { name: this.name, kind: this.kind, histogram: new HistogramSnapshot(total) }
    }
    return { name: this.name, kind: this.kind, value: this.#readScalar() }
  }

  #readScalar(): number {
    let total = this.#retired[0] ?? 0
    for (const cells of this.#sources.values()) {
      const value = cells[0] ?? 0
      total = this.#takesMaximum ? Math.max(total, value) : total + value
    }
    return total
  }
}

function cellCount(kind: MetricKind): number {
  return kind === 'histogram' ? HISTOGRAM_CELLS : 1
}

function addTo(total: Float64Array, cells: Float64Array): void {
  for (let i = 0; i < total.length; i++) total[i] = (total[i] ?? 0) + (cells[i] ?? 0)
}
