import type { TokenBucketConfig } from '@meltemi/api/model'

/** A bucket does not hold more: with what is filled in two eras it has to fit into 30 bits. */
export const MAX_TOKENS = 2 ** 28 - 1
const MAX_FILLED = 2 ** 28

/**
 * What the buckets of one rule have been filled with at a time. There are `floor(elapsed / interval)` steps since the
 * filter was made, and each adds `perFill` tokens. As a sum it would outgrow what threads can change in one go, so steps
 * are counted in eras, and what was filled since the era began is below 2^28:
 *
 *   step = era × stepsPerEra + steps of this era        filled = steps of this era × perFill
 */
export class Refill {
  readonly max: number
  readonly perEra: number
  era = 0
  filled = 0
  /** Of the clock that all threads have in common. */
  nowMs = Number.NaN
  readonly #perFill: number
  readonly #intervalMs: number
  readonly #stepsPerEra: number
  readonly #originMs: number

  /** `originMs`: when step 0 began. `maxFilled` is for tests. */
  constructor(
    { maxTokens, tokensPerFill, fillIntervalMs }: TokenBucketConfig,
    originMs: number,
    maxFilled = MAX_FILLED,
  ) {
    this.max = Math.min(maxTokens, MAX_TOKENS)
    // more would not find room
    this.#perFill = Math.min(tokensPerFill, this.max)
    this.#intervalMs = fillIntervalMs
    this.#stepsPerEra = Math.max(1, Math.floor(maxFilled / this.#perFill))
    this.perEra = this.#stepsPerEra * this.#perFill
    this.#originMs = originMs
    this.moveTo(originMs)
  }

  moveTo(nowMs: number): void {
    if (nowMs === this.nowMs) return
    this.nowMs = nowMs
    const step = this.#stepAt(nowMs)
    const era = Math.floor(step / this.#stepsPerEra)
    this.era = era | 0
    this.filled = (step - era * this.#stepsPerEra) * this.#perFill
  }

  /** All tokens that were ever added, for a bucket of one thread. */
  get total(): number {
    return this.#stepAt(this.nowMs) * this.#perFill
  }

  /** The clock of one thread may be a little behind that of the one that began. */
  #stepAt(nowMs: number): number {
    return Math.max(0, Math.floor((nowMs - this.#originMs) / this.#intervalMs))
  }
}
