/** Where hits are counted. */

/** Hits of one descriptor on the counter of one window. */
export interface Hit {
  /** Names the limit, the values and the window. */
  readonly key: string
  /** 0 only asks. */
  readonly hits: number
  /** Begin of the window in seconds since 1970, and its length. */
  readonly startS: number
  readonly lengthS: number
}

export interface CounterStore {
  /**
   * Adds all hits and gives each counter's value after it, in their order. Each addition is atomic; together they are
   * not. Rejects with `CounterError` when the values cannot be had; then some hits may have been counted.
   */
  add(hits: readonly Hit[]): readonly number[] | Promise<readonly number[]>
  /** It was there at least once. */
  readonly isReady: boolean
  close(): void
}

/** The store is away, too slow or has too much to do. */
export class CounterError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CounterError'
  }
}
