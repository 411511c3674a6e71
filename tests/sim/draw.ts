import { SeededRandom } from '@meltemi/proxy'

/** Choices of one seed, each stream of them independent of the others by its purpose. */
export class Draw {
  readonly random: SeededRandom

  constructor(seed: number, purpose: number) {
    this.random = new SeededRandom(seed * 16 + purpose)
  }

  chance(share: number): boolean {
    return this.random.next() < share
  }

  /** A whole number, both ends included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.random.next() * (most - least + 1))
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(0, from.length - 1)] as T
  }
}
