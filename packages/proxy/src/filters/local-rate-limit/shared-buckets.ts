import type { Refill } from './refill.ts'

/*
 * A bucket, which all threads use without a lock:
 *
 *   [ state ][ era of turn 0 ][ era of turn 1 ][ key, see BucketTable ]
 *   state: [ turn: 1 bit ][ closed: 1 bit ][ used: 30 bits ]
 *
 * `used` counts the tokens taken since the era that `turn` points at began, and those that found no room as well, so
 * there are max + filled - used left. Taking one is one compare-and-exchange; so is moving on to a later era, after the
 * other turn's era was agreed on. What nobody has written to, all zeros, is a full bucket.
 *
 * A thread that stands still between reading the state and exchanging it is only fooled when two eras have passed and
 * the same number is used: an era is 2^28 tokens, four minutes of a million a second.
 */
export const BUCKET_WORDS = 4
const KEY = 3
const CLOSED = 0x4000_0000
const USED = 0x3fff_ffff

export const Taken = { No: 0, Yes: 1, Gone: 2 } as const
export type Taken = (typeof Taken)[keyof typeof Taken]

/** Buckets of one rule in memory that threads share. `at` is where one of them begins. */
export class SharedBuckets {
  readonly #words: Int32Array
  readonly #refill: Refill

  constructor(words: Int32Array, refill: Refill) {
    this.#words = words
    this.#refill = refill
  }

  /** Takes a token at the time of the refill. Gone: the bucket is not that of `key` any more, or not yet; 0: any. */
  take(at: number, key: number): Taken {
    const words = this.#words
    const { era, max } = this.#refill
    // nobody else gets it where there is one key, and most often nobody is at it: what is out of date is not exchanged
    let state = key === 0 ? (words[at] as number) : Atomics.load(words, at)
    for (;;) {
      if (key !== 0 && ((state & CLOSED) !== 0 || Atomics.load(words, at + KEY) !== key)) return Taken.Gone
      const ahead = (era - this.#eraOf(at, state)) | 0
      if (ahead > 0) {
        this.#moveOn(at, state)
        state = Atomics.load(words, at)
        continue
      }
      // another thread's clock is in the next era already
      const filled = ahead < 0 ? 0 : this.#refill.filled
      const used = Math.max(state & USED, filled)
      const isEmpty = used - filled >= max
      const seen = isEmpty
        ? Atomics.load(words, at)
        : Atomics.compareExchange(words, at, state, (state & ~USED) | (used + 1))
      if (seen === state) return isEmpty ? Taken.No : Taken.Yes
      state = seen
    }
  }

  /** Gives it the key if it has none, and returns the one that it had; 0: none. */
  claim(at: number, key: number): number {
    // it may be out of date: whoever uses the bucket looks again
    const found = this.#words[at + KEY] as number
    return found === 0 ? Atomics.compareExchange(this.#words, at + KEY, 0, key) : found
  }

  isClosed(at: number): boolean {
    return (Atomics.load(this.#words, at) & CLOSED) !== 0
  }

  /**
   * By how many tokens it is short of being full; negative: how many found no room since it was used last, so the lowest
   * is the one that idles longest.
   */
  debt(at: number, state = Atomics.load(this.#words, at)): number {
    const { era, filled, perEra } = this.#refill
    return (state & USED) - filled - ((era - this.#eraOf(at, state)) | 0) * perEra
  }

  /** Takes a full bucket out of use; false: somebody has just taken a token. For one thread at a time. */
  close(at: number): boolean {
    const state = Atomics.load(this.#words, at)
    if ((state & CLOSED) !== 0 || this.debt(at, state) > 0) return false
    return Atomics.compareExchange(this.#words, at, state, state | CLOSED) === state
  }

  /** Puts a closed one into use, full, as that of `key`. Nothing in it may look as it did to those who come late. */
  open(at: number, key: number): void {
    const words = this.#words
    const { era, filled, perEra } = this.#refill
    const turn = (Atomics.load(words, at) >>> 31) ^ 1
    const isSame = Atomics.load(words, at + 1 + turn) === era
    Atomics.store(words, at + 1 + turn, isSame ? (era - 1) | 0 : era)
    Atomics.store(words, at + KEY, key)
    Atomics.store(words, at, (turn << 31) | (isSame ? perEra + filled : filled))
  }

  /** The era of the other turn is agreed on first, then everybody comes to the same state, whoever is first. */
  #moveOn(at: number, state: number): void {
    const words = this.#words
    const turn = (state >>> 31) ^ 1
    const before = this.#eraOf(at, state)
    let next = Atomics.load(words, at + 1 + turn)
    if (((next - before) | 0) <= 0) {
      const seen = Atomics.compareExchange(words, at + 1 + turn, next, this.#refill.era)
      next = seen === next ? this.#refill.era : seen
    }
    const used = (state & USED) - ((next - before) | 0) * this.#refill.perEra
    Atomics.compareExchange(words, at, state, (turn << 31) | Math.max(0, used))
  }

  /** It was agreed on before the state says which turn it is, and is read where that says. */
  #eraOf(at: number, state: number): number {
    return this.#words[at + 1 + (state >>> 31)] as number
  }
}
