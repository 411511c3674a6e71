/** Each has a histogram of 8 KiB. */
const MAX_SERIES = 2000

/** Who has series of requests. */
export interface SeriesOwner {
  /** The cluster is gone: its series are of no use any more. */
  forget(cluster: string): void
  /** Those without a request since the last time make room for others. */
  age?(): void
}

/** How many series of requests one thread may have: what clients call methods must not take its memory. */
export class SeriesBudget {
  readonly owners = new Set<SeriesOwner>()
  readonly #ageMs: number
  #left: number
  #ageAtMs = 0

  /** `ageMs`: how long series that have no requests stay at least when there is no room; default: for ever. */
  constructor(series = MAX_SERIES, ageMs = Number.POSITIVE_INFINITY) {
    this.#left = series
    this.#ageMs = ageMs
  }

  tryTake(nowMs = 0): boolean {
    if (this.#left === 0 && nowMs >= this.#ageAtMs) this.#age(nowMs)
    if (this.#left === 0) return false
    this.#left--
    return true
  }

  giveBack(count: number): void {
    this.#left += count
  }

  /** To be called when the last request to the cluster has ended. */
  forget(cluster: string): void {
    for (const owner of this.owners) owner.forget(cluster)
  }

  #age(nowMs: number): void {
    this.#ageAtMs = nowMs + this.#ageMs
    for (const owner of this.owners) owner.age?.()
  }
}
