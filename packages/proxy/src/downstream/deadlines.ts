import type { TimerNode } from '../util/timer-wheel.ts'
import type { ListenerContext } from './listener-context.ts'

const NEVER = -1

export interface DeadlineOwner {
  /** Nothing is under way. */
  readonly isIdle: boolean
  onIdleTimeout(): void
  onPartialMessageTimeout(): void
}

/** The idle timeout and that of a message begun but not finished: one timer, set to the nearer of both. */
export class Deadlines implements TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  /** When something last came from the client or went to it. */
  lastActivityMs: number
  readonly #owner: DeadlineOwner
  readonly #listener: ListenerContext
  #partialSinceMs = NEVER

  constructor(owner: DeadlineOwner, listener: ListenerContext) {
    const { thread, config } = listener
    this.#owner = owner
    this.#listener = listener
    this.lastActivityMs = thread.turn.refresh()
    if (config.idleTimeoutMs > 0) thread.timers.schedule(this, config.idleTimeoutMs)
  }

  onTimer(): void {
    const { config, thread } = this.#listener
    const nowMs = thread.turn.refresh()
    if (this.#partialSinceMs !== NEVER && nowMs - this.#partialSinceMs >= config.partialMessageTimeoutMs) {
      this.#owner.onPartialMessageTimeout()
    } else if (this.#isIdleSince(nowMs)) this.#owner.onIdleTimeout()
    else this.#arm(nowMs)
  }

  /** A message has been completed: the next one begins anew. */
  onMessage(): void {
    this.#partialSinceMs = NEVER
  }

  /** Whether a message has begun and is waited for, after everything that is here has been decoded. */
  watchPartial(isPartial: boolean): void {
    if (!isPartial) {
      this.#partialSinceMs = NEVER
      return
    }
    if (this.#partialSinceMs !== NEVER || this.#listener.config.partialMessageTimeoutMs === 0) return
    // from now: what came before may have waited here while the client was not read
    const { nowMs } = this.#listener.thread.turn
    this.#partialSinceMs = nowMs
    this.#arm(nowMs)
  }

  cancel(): void {
    this.#listener.thread.timers.cancel(this)
  }

  #isIdleSince(nowMs: number): boolean {
    const { idleTimeoutMs } = this.#listener.config
    return idleTimeoutMs > 0 && this.#owner.isIdle && nowMs - this.lastActivityMs >= idleTimeoutMs
  }

  #arm(nowMs: number): void {
    const { config, thread } = this.#listener
    let delayMs = Number.POSITIVE_INFINITY
    if (config.idleTimeoutMs > 0) {
      const sinceMs = this.#owner.isIdle ? this.lastActivityMs : nowMs
      delayMs = sinceMs + config.idleTimeoutMs - nowMs
    }
    if (this.#partialSinceMs !== NEVER) {
      delayMs = Math.min(delayMs, this.#partialSinceMs + config.partialMessageTimeoutMs - nowMs)
    }
    if (delayMs !== Number.POSITIVE_INFINITY) thread.timers.schedule(this, Math.max(delayMs, 1), nowMs)
  }
}
