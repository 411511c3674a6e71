import type { TimerNode } from '../../util/timer-wheel.ts'
import type { RouterContext } from '../router/router-context.ts'

/** A request that waits for the end of its delay. */
export class DelayedRequest implements TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  readonly #context: RouterContext
  readonly #onElapsed: (context: RouterContext) => void

  constructor(context: RouterContext, onElapsed: (context: RouterContext) => void) {
    this.#context = context
    this.#onElapsed = onElapsed
  }

  onTimer(): void {
    this.#onElapsed(this.#context)
  }
}
