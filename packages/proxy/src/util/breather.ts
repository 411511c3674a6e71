import type { Clock } from '@meltemi/runtime'

const STEPS = 64

/** Lets the event loop turn now and then during a long piece of work: traffic goes on, and nobody thinks that the thread hangs. */
export class Breather {
  readonly #clock: Clock
  #steps = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** To be awaited after each step. */
  async step(): Promise<void> {
    if (++this.#steps % STEPS === 0) await new Promise<void>((resolve) => this.#clock.setImmediate(resolve))
  }
}
