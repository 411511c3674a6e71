import type { Clock, Timer } from '@meltemi/runtime'

/** How late it may be noticed that something is unused. */
const LOOK_MS = 100

/** What takes part in no new work, while older work still uses it. */
export interface Departing {
  readonly isUnused: boolean
  /** Called once, when it is unused or its time is over: ends what is left and gives back what it holds. */
  leave(): void
}

/**
 * Lets go what is on its way out, as soon as nobody uses it. Looking now and then costs the request path nothing, and
 * there is no timer while nothing departs.
 */
export class Departures {
  readonly #clock: Clock
  /** With the time at which each has to go. */
  readonly #departing = new Map<Departing, number>()
  #timer: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Those that are not gone yet. */
  get size(): number {
    return this.#departing.size
  }

  /** At once, when it is unused already; after `limitMs` in any case. */
  add(departing: Departing, limitMs = Number.POSITIVE_INFINITY): void {
    this.#departing.set(departing, this.#clock.now() + limitMs)
    if (departing.isUnused || limitMs <= 0) this.#goes(departing)
    this.#lookLater()
  }

  /** Looks no more: everything ends at once, in some other way. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#departing.clear()
  }

  #look(): void {
    const nowMs = this.#clock.now()
    for (const [departing, dueMs] of this.#departing) {
      if (departing.isUnused || nowMs >= dueMs) this.#goes(departing)
    }
    this.#lookLater()
  }

  #lookLater(): void {
    if (this.#timer !== undefined || this.#departing.size === 0) return
    this.#timer = this.#clock.setTimer(LOOK_MS, () => {
      this.#timer = undefined
      this.#look()
    })
  }

  #goes(departing: Departing): void {
    this.#departing.delete(departing)
    departing.leave()
  }
}
