import type { Clock } from './clock.ts'

const MAX_KEYS = 1_024
/** Shared by all keys beyond the bound. */
const OVERFLOW_KEY = ''

interface Window {
  startMs: number
  passed: number
  suppressed: number
}

/** Counts lines per key and second, so that hostile traffic cannot flood the log. */
export class LogLimiter {
  readonly #clock: Clock
  readonly #windows = new Map<string, Window>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many lines were held back since the last one that passed, or -1 when this one is to be held back. */
  pass(key: string, perSecond: number): number {
    const window = this.#windowOf(key)
    const nowMs = this.#clock.now()
    if (nowMs - window.startMs >= 1000) {
      window.startMs = nowMs
      window.passed = 0
    }
    if (window.passed >= perSecond) {
      window.suppressed++
      return -1
    }
    window.passed++
    const { suppressed } = window
    window.suppressed = 0
    return suppressed
  }

  #windowOf(key: string): Window {
    const bounded = this.#windows.has(key) || this.#windows.size < MAX_KEYS ? key : OVERFLOW_KEY
    const window = this.#windows.get(bounded) ?? { startMs: Number.NEGATIVE_INFINITY, passed: 0, suppressed: 0 }
    this.#windows.set(bounded, window)
    return window
  }
}
