import type { Clock } from '@meltemi/runtime'

/** A wall clock that differs so much from what was expected was set. */
const SET_MS = 100

/**
 * Times of the thread's clock as times of the day. The clock that tells the time of the day counts whole milliseconds,
 * which would let a span begin before the one that it belongs to: what it says is never too much, so the most that it
 * ever said comes close to the truth.
 */
export class WallClock {
  readonly #clock: Clock
  #offsetMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#offsetMs = clock.wallTime() - clock.now()
  }

  /** Milliseconds since 1970, with a fraction, of a time of `Clock.now`. */
  at(nowMs: number): number {
    const offsetMs = this.#clock.wallTime() - this.#clock.now()
    const differenceMs = offsetMs - this.#offsetMs
    if (differenceMs > 0 || differenceMs < -SET_MS) this.#offsetMs = offsetMs
    return nowMs + this.#offsetMs
  }
}
