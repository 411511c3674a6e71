import { type BucketFinder, HIGHEST_BOUND } from './buckets.ts'
import type { Counter, Gauge, Histogram } from './registry.ts'

/**
 * The handles of metrics. A plain store is enough: only one thread writes a cell, and an aligned double is read by
 * others in one piece on every machine that Node runs on.
 */
export class ScalarCell implements Counter, Gauge {
  readonly #cells: Float64Array
  readonly #index: number

  constructor(cells: Float64Array, index: number) {
    this.#cells = cells
    this.#index = index
  }

  add(n: number): void {
    this.#cells[this.#index] = (this.#cells[this.#index] ?? 0) + n
  }

  set(value: number): void {
    this.#cells[this.#index] = value
  }
}

export class HistogramCells implements Histogram {
  readonly #cells: Float64Array
  readonly #finder: BucketFinder

  constructor(cells: Float64Array, finder: BucketFinder) {
    this.#cells = cells
    this.#finder = finder
  }

  record(value: number): void {
    const cells = this.#cells
    const cell = this.#finder.find(value) + 1
    cells[cell] = (cells[cell] ?? 0) + 1
    if (value > 0) cells[0] = (cells[0] ?? 0) + (value < Number.POSITIVE_INFINITY ? value : HIGHEST_BOUND)
  }
}
