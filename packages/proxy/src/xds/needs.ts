import type { Clock, Timer } from '@meltemi/runtime'

interface Wait {
  readonly timer: Timer | undefined
  isOver: boolean
}

/** What is missing, each with the time that it is waited for. */
export class Needs {
  readonly #clock: Clock
  readonly #onOver: (need: string) => void
  readonly #waits = new Map<string, Wait>()

  /** `onOver`: the time of one has come to an end. */
  constructor(clock: Clock, onOver: (need: string) => void) {
    this.#clock = clock
    this.#onOver = onOver
  }

  /** What is missing now, with how long to wait, from when it was first missing; 0: for ever. The others are no needs any more. */
  set(needs: ReadonlyMap<string, number>): void {
    for (const [need, { timer }] of this.#waits) {
      if (needs.has(need)) continue
      timer?.cancel()
      this.#waits.delete(need)
    }
    for (const [need, waitMs] of needs) if (!this.#waits.has(need)) this.#waits.set(need, this.#startWait(need, waitMs))
  }

  /** There is no point in waiting: nobody has it. */
  giveUp(need: string): void {
    const wait = this.#waits.get(need)
    wait?.timer?.cancel()
    if (wait !== undefined) wait.isOver = true
  }

  /** What is still waited for. */
  get open(): readonly string[] {
    return [...this.#waits].flatMap(([need, { isOver }]) => (isOver ? [] : [need]))
  }

  isOver(need: string): boolean {
    return this.#waits.get(need)?.isOver ?? false
  }

  close(): void {
    this.set(new Map())
  }

  #startWait(need: string, waitMs: number): Wait {
    const end = () => {
      const wait = this.#waits.get(need)
      if (wait !== undefined) wait.isOver = true
      this.#onOver(need)
    }
    return { timer: waitMs === 0 ? undefined : this.#clock.setTimer(waitMs, end), isOver: false }
  }
}
