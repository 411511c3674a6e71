/** A small seeded generator (xorshift), so that a failing run can be repeated. */
export class Random {
  #state: number

  /** The same seed gives the same numbers. */
  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }

  /** A whole number, 0 ≤ n < below. */
  below(below: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) % below
  }

  /** So many bytes, all values alike. */
  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let n = 0; n < length; n++) bytes[n] = this.below(256)
    return bytes
  }
}
