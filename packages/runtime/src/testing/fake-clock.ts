import type { Clock, Timer } from '../clock.ts'

const MAX_IMMEDIATES_PER_TURN = 1_000_000

interface PendingTimer {
  readonly due: number
  readonly callback: () => void
}

/** Time that moves only when it is told to. Starts at 0 and at wall time `startWallTime`. */
export class FakeClock implements Clock {
  readonly #startWallTime: number
  #now = 0
  /** By due time; of equal ones the first set comes first. */
  readonly #timers: PendingTimer[] = []
  #immediates: (() => void)[] = []

  constructor(startWallTime = 1_700_000_000_000) {
    this.#startWallTime = startWallTime
  }

  get pendingTimers(): number {
    return this.#timers.length
  }

  now(): number {
    return this.#now
  }

  wallTime(): number {
    return this.#startWallTime + this.#now
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer: PendingTimer = { due: this.#now + Math.max(0, delayMs), callback }
    this.#timers.splice(this.#placeFor(timer.due), 0, timer)
    return {
      cancel: () => {
        const index = this.#timers.indexOf(timer)
        if (index >= 0) this.#timers.splice(index, 1)
      },
    }
  }

  setImmediate(callback: () => void): void {
    this.#immediates.push(callback)
  }

  /** Runs everything that is due up to then, in order; immediates run between two timers as between two turns. */
  advance(ms: number): void {
    const end = this.#now + ms
    this.runImmediates()
    for (let next = this.#timers[0]; next !== undefined && next.due <= end; next = this.#timers[0]) {
      this.#timers.shift()
      this.#now = Math.max(this.#now, next.due)
      next.callback()
      this.runImmediates()
    }
    this.#now = end
  }

  /** Also those that they set. Throws when there is no end to them. */
  runImmediates(): void {
    for (let ran = 0; this.#immediates.length > 0; ) {
      const batch = this.#immediates
      this.#immediates = []
      for (const callback of batch) callback()
      ran += batch.length
      if (ran > MAX_IMMEDIATES_PER_TURN) throw new Error('immediates set each other without end')
    }
  }

  #placeFor(due: number): number {
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#timers[middle]?.due ?? Number.POSITIVE_INFINITY) <= due) low = middle + 1
      else high = middle
    }
    return low
  }
}
