import type { ConfigChange } from '@meltemi/api/model'
import { filtersOf, type Run, withFilters } from './stage.ts'

/** Promises of the proxy are let go on in steps of this length, so that they end at the same moment in each run. */
const STEP_MS = 0.25

/** Makes the planned changes of a run, one after the other. */
export class LiveChanges {
  readonly #run: Run
  #last: Promise<void> = Promise.resolve()
  #underWay = 0

  constructor(run: Run) {
    this.#run = run
  }

  schedule(): void {
    const { clock, scenario } = this.#run
    for (const { atMs, change } of scenario.changes) clock.setTimer(atMs - clock.now(), () => this.#begin(change))
  }

  #begin(change: ConfigChange): void {
    const { scenario, witness, problem } = this.#run
    const filtered = { ...change, listeners: withFilters(change.listeners, filtersOf(scenario, witness)) }
    this.#underWay++
    this.#last = this.#last
      .then(() => this.#make(filtered))
      .catch((error: unknown) => problem(`a change was refused: ${String(error)}`))
      .finally(() => this.#underWay--)
    this.#goOn()
  }

  async #make(change: ConfigChange): Promise<void> {
    const { proxy, trace } = this.#run
    const prepared = await proxy.prepare({ change })
    trace.event('change', change.clusters.length, change.endpoints.length, JSON.stringify(change))
    prepared.use()
  }

  #goOn(): void {
    const { clock } = this.#run
    clock.noteSettled()
    if (this.#underWay > 0) clock.setTimer(STEP_MS, () => this.#goOn())
  }
}
