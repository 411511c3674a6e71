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

const noCells = new Float64Array(new SharedArrayBuffer(0))

/** Takes its memory with the first record: most clusters of a mesh are never used. */
export class HistogramCells implements Histogram {
  #cells: Float64Array<SharedArrayBuffer>
  readonly #allocate: () => Float64Array<SharedArrayBuffer>
  readonly #finder: BucketFinder

  constructor(allocate: () => Float64Array<SharedArrayBuffer>, finder: BucketFinder) {
    this.#cells = noCells
    this.#allocate = allocate
    this.#finder = finder
  }

  record(value: number): void {
    const cells = this.#cells.length > 0 ? this.#cells : this.#begin()
    const cell = this.#finder.find(value) + 1
    cells[cell] = (cells[cell] ?? 0) + 1
    if (value > 0) cells[0] = (cells[0] ?? 0) + (value < Number.POSITIVE_INFINITY ? value : HIGHEST_BOUND)
  }

  #begin(): Float64Array<SharedArrayBuffer> {
    this.#cells = this.#allocate()
    return this.#cells
  }
}
