import type { SlowStartConfig } from '@meltemi/api/model'
import type { Balanceable, BalanceTools, PickContext, Picker } from './picker.ts'

/** Endpoints that are new, or healthy again, get more of their weight from moment to moment. */
export class SlowStart {
  readonly #config: SlowStartConfig
  readonly #turn: BalanceTools['turn']

  constructor(config: SlowStartConfig, turn: BalanceTools['turn']) {
    this.#config = config
    this.#turn = turn
  }

  /** What part of its weight an endpoint has now: above 0, and 1 once it is no longer new. */
  partOf({ healthySinceMs }: Balanceable): number {
    const { windowMs, aggression, minWeightPercent } = this.#config
    const ageMs = Math.max(1, this.#turn.nowMs - healthySinceMs)
    if (ageMs >= windowMs) return 1
    const part = aggression === 1 ? ageMs / windowMs : (ageMs / windowMs) ** (1 / aggression)
    return Math.max(part, minWeightPercent / 100)
  }

  /** When the last of them will have all of its weight. */
  endMs(endpoints: readonly Balanceable[]): number {
    const newest = endpoints.reduce((latest, each) => Math.max(latest, each.healthySinceMs), Number.NEGATIVE_INFINITY)
    return newest + this.#config.windowMs
  }

  /** Uses `starting` while any of the endpoints is new, and `settled` from then on. */
  pickerOf<E extends Balanceable>(endpoints: readonly E[], starting: Picker<E>, settled: Picker<E>): Picker<E> {
    const endMs = this.endMs(endpoints)
    return this.#turn.nowMs >= endMs ? settled : new SlowStartPicker(starting, settled, endMs, this.#turn)
  }
}

class SlowStartPicker<E extends Balanceable> implements Picker<E> {
  readonly #starting: Picker<E>
  readonly #settled: Picker<E>
  readonly #endMs: number
  readonly #turn: BalanceTools['turn']

  constructor(starting: Picker<E>, settled: Picker<E>, endMs: number, turn: BalanceTools['turn']) {
    this.#starting = starting
    this.#settled = settled
    this.#endMs = endMs
    this.#turn = turn
  }

  pick(context: PickContext): E | undefined {
    return this.#turn.nowMs < this.#endMs ? this.#starting.pick(context) : this.#settled.pick(context)
  }
}
