import { BUCKET_COUNT, middle } from './buckets.ts'

/** Cells of a histogram: the sum of what was recorded, then the buckets. The count is the sum of the buckets. */
export const HISTOGRAM_CELLS = 1 + BUCKET_COUNT

/** What a histogram held at one moment, over all threads. */
export class HistogramSnapshot {
  readonly count: number
  readonly sum: number
  readonly #cells: Float64Array

  /** `cells` as in HISTOGRAM_CELLS; nobody may change them afterwards. */
  constructor(cells: Float64Array) {
    this.#cells = cells
    this.sum = cells[0] ?? 0
    let count = 0
    for (let i = 1; i < HISTOGRAM_CELLS; i++) count += cells[i] ?? 0
    this.count = count
  }

  /** The value that `fraction` (0-1) of all records do not exceed; at most 1.6 % off; NaN when there are no records. */
  quantile(fraction: number): number {
    if (this.count === 0) return Number.NaN
    const rank = Math.max(1, Math.ceil(fraction * this.count))
    let seen = 0
    for (let i = 0; i < BUCKET_COUNT; i++) {
      seen += this.#bucket(i)
      if (seen >= rank) return middle(i)
    }
    return middle(BUCKET_COUNT - 1)
  }

  /** For each of the ascending `bounds`, how many records are at or below it. */
  countsAtMost(bounds: readonly number[]): number[] {
    const counts: number[] = []
    let index = 0
    let seen = 0
    for (const bound of bounds) {
      for (; index < BUCKET_COUNT - 1 && middle(index) <= bound; index++) seen += this.#bucket(index)
      counts.push(seen)
    }
    return counts
  }

  plus(other: HistogramSnapshot): HistogramSnapshot {
    return new HistogramSnapshot(this.#cells.map((value, index) => value + (other.#cells[index] ?? 0)))
  }

  #bucket(index: number): number {
    return this.#cells[index + 1] ?? 0
  }
}
