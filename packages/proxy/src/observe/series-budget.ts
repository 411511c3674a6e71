/** Each has a histogram of 8 KiB. */
const MAX_SERIES = 2000

/** How many series of requests one thread may have: what clients call methods must not take its memory. */
export class SeriesBudget {
  #left: number

  constructor(series = MAX_SERIES) {
    this.#left = series
  }

  tryTake(): boolean {
    if (this.#left === 0) return false
    this.#left--
    return true
  }

  giveBack(count: number): void {
    this.#left += count
  }
}
