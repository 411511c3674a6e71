import type { Random } from './random.ts'

const BASE_MS = 500
const MAX_MS = 30_000

/** How long to wait before each attempt, as Envoy does: anything up to a bound that doubles from 500 ms to 30 s. */
export class Backoff {
  readonly #random: Random
  #boundMs = BASE_MS

  constructor(random: Random) {
    this.#random = random
  }

  /** Milliseconds; all who failed at one moment must not come back at one moment. */
  next(): number {
    const waitMs = Math.floor(this.#random.next() * this.#boundMs)
    this.#boundMs = Math.min(this.#boundMs * 2, MAX_MS)
    return waitMs
  }

  /** It worked. */
  reset(): void {
    this.#boundMs = BASE_MS
  }
}
