import type { Clock } from '@meltemi/runtime'

/**
 * The time of this turn of the event loop: read from the clock once per chunk that arrives, not once per message,
 * because reading it costs as much as decoding a message.
 */
export class TurnClock {
  /** Milliseconds, as `Clock.now()`. */
  nowMs: number
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.nowMs = clock.now()
  }

  /** To be called where a turn begins: bytes, a timer, an admin request. */
  refresh(): number {
    this.nowMs = this.#clock.now()
    return this.nowMs
  }
}
