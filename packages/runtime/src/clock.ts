/** Time as everything in Meltemi sees it, so that tests and the simulation can replace it. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back; sub-millisecond resolution. */
  now(): number
  /** Milliseconds since 1970. */
  wallTime(): number
  /** The wall time at which `now` was 0, more exact than `wallTime` can tell it, unless the machine's clock was set since. */
  readonly originMs?: number | undefined
  /** Added to `now` it is a time that all threads of this process have in common; undefined: 0, for `now` is one. */
  readonly sharedOffsetMs?: number | undefined
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
const OFFSET_READINGS = 16
const NANOS_PER_MS = 1_000_000

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

/** Both read the machine's monotonic clock, but `performance` counts from the start of its thread. */
function measureOffset(): number {
  let offsetMs = 0
  let shortestMs = Number.POSITIVE_INFINITY
  // the thread may be held up between the clocks: the closest reading counts
  for (let reading = 0; reading < OFFSET_READINGS; reading++) {
    const beforeMs = performance.now()
    const sharedMs = Number(process.hrtime.bigint()) / NANOS_PER_MS
    const tookMs = performance.now() - beforeMs
    if (tookMs >= shortestMs) continue
    shortestMs = tookMs
    offsetMs = sharedMs - beforeMs - tookMs / 2
  }
  return offsetMs
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  originMs: performance.timeOrigin,
  sharedOffsetMs: measureOffset(),
  setTimer: (delayMs, callback) => new SystemTimer(delayMs, callback),
  setImmediate: (callback) => {
    setImmediate(callback)
  },
}
