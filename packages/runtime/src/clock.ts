/** Time as everything in Meltemi sees it, so that tests and the simulation can replace it. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back; sub-millisecond resolution. */
  now(): number
  /** Milliseconds since 1970. */
  wallTime(): number
  /** The wall time at which `now` was 0, more exact than `wallTime` can tell it, unless the machine's clock was set since. */
  readonly originMs?: number | undefined
  /** Calls once after `delayMs`, of which no more than 24 days count. Does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer
  /** Calls after the I/O callbacks of this turn of the event loop. */
  setImmediate(callback: () => void): void
}

export interface Timer {
  cancel(): void
}

/** Node takes what is more for nothing. */
const MAX_DELAY_MS = 2 ** 31 - 1

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout

  constructor(delayMs: number, callback: () => void) {
    this.#handle = setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS))
    this.#handle.unref()
  }

  cancel(): void {
    clearTimeout(this.#handle)
  }
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  originMs: performance.timeOrigin,
  setTimer: (delayMs, callback) => new SystemTimer(delayMs, callback),
  setImmediate: (callback) => {
    setImmediate(callback)
  },
}
