import { remainder } from './hash-weights.ts'
import type { Balanceable, PickContext, Picker } from './picker.ts'

/** A part of a cluster that gets so many of 100 requests. */
export interface LoadedPicker<E extends Balanceable> {
  readonly percent: number
  readonly picker: Picker<E>
}

const SLOTS = 100

/** Chooses among priorities by their load: by the hash where equal hashes are to go to equal endpoints, else at random. */
export class PriorityPicker<E extends Balanceable> implements Picker<E> {
  /** One for each percent. */
  readonly #slots: readonly Picker<E>[]
  readonly #isHashing: boolean

  /** The percents add up to 100. */
  constructor(parts: readonly LoadedPicker<E>[], isHashing: boolean) {
    this.#slots = parts.flatMap(({ percent, picker }) => new Array<Picker<E>>(percent).fill(picker))
    this.#isHashing = isHashing
  }

  pick(context: PickContext): E | undefined {
    const slot =
      this.#isHashing && context.hasHash
        ? remainder(context.hashHigh, context.hashLow, SLOTS)
        : Math.floor(context.random.next() * SLOTS)
    return this.#slots[slot]?.pick(context)
  }
}

/** Counts what is picked while too few endpoints are healthy. */
export class PanicPicker<E extends Balanceable> implements Picker<E> {
  readonly #picker: Picker<E>
  readonly #counter: { add(count: number): void }

  constructor(picker: Picker<E>, counter: { add(count: number): void }) {
    this.#picker = picker
    this.#counter = counter
  }

  pick(context: PickContext): E | undefined {
    this.#counter.add(1)
    return this.#picker.pick(context)
  }
}

/** Of nothing. */
export const NO_PICKER: Picker<never> = { pick: () => undefined }
