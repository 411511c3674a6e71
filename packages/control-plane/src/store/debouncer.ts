import type { Clock, Timer } from '@meltemi/runtime'

export interface DebounceOptions {
  /** How long nothing may happen before it is told. */
  readonly quietMs: number
  /** Nothing waits longer than this. */
  readonly maxDelayMs: number
  readonly clock: Clock
}

/** Calls `action` once for changes that come close together. */
export class Debouncer {
  readonly #options: DebounceOptions
  readonly #action: () => void
  #timer: Timer | undefined
  #firstAtMs = 0
  #isClosed = false

  constructor(options: DebounceOptions, action: () => void) {
    this.#options = options
    this.#action = action
  }

  get isPending(): boolean {
    return this.#timer !== undefined
  }

  poke(): void {
    if (this.#isClosed) return
    const { clock, quietMs, maxDelayMs } = this.#options
    const nowMs = clock.now()
    if (this.#timer === undefined) this.#firstAtMs = nowMs
    this.#timer?.cancel()
    const leftMs = Math.max(0, this.#firstAtMs + maxDelayMs - nowMs)
    this.#timer = clock.setTimer(Math.min(quietMs, leftMs), () => this.flush())
  }

  /** Now, whether anything happened or not. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (!this.#isClosed) this.#action()
  }

  /** Nothing is told any more. */
  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
