interface Window<Value> {
  readonly startS: number
  readonly lengthS: number
  readonly values: Map<string, Value>
}

/**
 * Values by key that live as long as their window. All windows of one length begin and end together, so a map for each
 * length is enough, and what has expired goes all at once.
 */
export class WindowMap<Value> {
  readonly #windows = new Map<number, Window<Value>>()

  /** The values of the window; when it is another than last time, none. */
  of(startS: number, lengthS: number): Map<string, Value> {
    const known = this.#windows.get(lengthS)
    // A clock that is set back by less than a window must not give everybody a new one.
    if (known !== undefined && known.startS >= startS && known.startS - startS <= lengthS) return known.values
    const values = new Map<string, Value>()
    this.#windows.set(lengthS, { startS, lengthS, values })
    return values
  }

  get size(): number {
    let size = 0
    for (const { values } of this.#windows.values()) size += values.size
    return size
  }

  /** Forgets windows that have ended. */
  sweep(nowS: number): void {
    for (const { startS, lengthS } of this.#windows.values()) {
      if (startS + lengthS <= nowS) this.#windows.delete(lengthS)
    }
  }

  clear(): void {
    this.#windows.clear()
  }
}
