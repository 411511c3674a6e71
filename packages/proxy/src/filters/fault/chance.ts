import type { Fraction } from '@meltemi/api/model'
import type { Random } from '../../util/random.ts'

/** Hits with a configured probability. */
export class Chance {
  readonly #share: number
  readonly #random: Random

  constructor({ numerator, denominator }: Fraction, random: Random) {
    this.#share = numerator / denominator
    this.#random = random
  }

  hits(): boolean {
    // what is certain costs no number, and does not shift those that follow
    if (this.#share >= 1) return true
    return this.#share > 0 && this.#random.next() < this.#share
  }
}
