import type { Clock } from '@meltemi/runtime'

/** A wall clock that differs so much from what was expected was set. */
const SET_MS = 3

/**
 * Times of the thread's clock as times of the day, which spans of one trace are compared by. They keep their distances,
 * unless the machine's clock is set: a span must not begin before the one that it belongs to.
 */
export class WallClock {
  readonly #clock: Clock
  #originMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#originMs = clock.originMs ?? clock.wallTime() - clock.now()
  }

  /** Milliseconds since 1970, with a fraction, of a time of `Clock.now`. */
  at(nowMs: number): number {
    if (this.#differs(this.#clock.wallTime() - this.#clock.now())) this.#lookAgain()
    return nowMs + this.#originMs
  }

  /** The machine may have stood still between the two clocks: that is no setting. */
  #lookAgain(): void {
    const beforeMs = this.#clock.now()
    const originMs = this.#clock.wallTime() - beforeMs
    if (this.#clock.now() - beforeMs < SET_MS && this.#differs(originMs)) this.#originMs = originMs
  }

  #differs(originMs: number): boolean {
    return Math.abs(originMs - this.#originMs) > SET_MS
  }
}
