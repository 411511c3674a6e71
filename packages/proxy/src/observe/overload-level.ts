/**
 * What the process does when memory runs out; each level includes those before it.
 * 0: nothing. 1: accepts no new connections. 2: answers new requests with OverLimit.
 * 3: closes the connections that hold the most buffered bytes.
 */
export type OverloadLevel = 0 | 1 | 2 | 3

/** A worker's view of the level that the main thread has found; reading it costs one load. */
export class SharedOverloadLevel {
  readonly #cell: Int32Array

  /** `shared` is what `MemoryBudget.shared` gave to the worker. */
  constructor(shared: SharedArrayBuffer) {
    this.#cell = new Int32Array(shared)
  }

  get current(): number {
    return this.#cell[0] ?? 0
  }
}
