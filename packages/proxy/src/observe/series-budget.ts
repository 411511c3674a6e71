/** Each has a histogram of 8 KiB. */
const MAX_SERIES = 2000

/** Who has series of requests. */
export interface SeriesOwner {
  /** The cluster is gone: its series are of no use any more. */
  forget(cluster: string): void
}

/** How many series of requests one thread may have: what clients call methods must not take its memory. */
export class SeriesBudget {
  readonly owners = new Set<SeriesOwner>()
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

  /** To be called when the last request to the cluster has ended. */
  forget(cluster: string): void {
    for (const owner of this.owners) owner.forget(cluster)
  }
}
