import type { Random } from './random.ts'

const BASE_MS = 500
const MAX_MS = 30_000

/** How long to wait before each attempt, as Envoy does: anything up to a bound that doubles, from 500 ms to 30 s if not said. */
export class Backoff {
  readonly #random: Random
  readonly #baseMs: number
  readonly #maxMs: number
  #boundMs: number

  constructor(random: Random, baseMs = BASE_MS, maxMs = MAX_MS) {
    this.#random = random
    this.#baseMs = baseMs
    this.#maxMs = maxMs
    this.#boundMs = baseMs
  }

  /** Milliseconds; all who failed at one moment must not come back at one moment. */
  next(): number {
    const waitMs = Math.floor(this.#random.next() * this.#boundMs)
    this.#boundMs = Math.min(this.#boundMs * 2, this.#maxMs)
    return waitMs
  }

  /** It worked. */
  reset(): void {
    this.#boundMs = this.#baseMs
  }
}
