/**
 * The log-linear buckets of every histogram: 32 equal parts for each power of two, so a value read back is at most
 * 1.6 % off. The part is the top five bits of the mantissa, so finding it needs no logarithm.
 *
 *   index   0            1 … 32          33 … 64         …   961 … 992       993
 *   values  (0, 2^-7]    (2^-7, 2^-6]    (2^-6, 2^-5]        (2^23, 2^24]    above 2^24 (16.7 million)
 */

const LOWEST_EXPONENT = -7
const HIGHEST_EXPONENT = 24
const PARTS = 32
const EXPONENT_BIAS = 1023
/** Of the upper 32 bits of a double, the sign and the exponent stay, and five bits of the mantissa. */
const SHIFT = 15
const FIRST = (LOWEST_EXPONENT + EXPONENT_BIAS) * PARTS - 1
/** Makes a value that lies on a bound the one just below it, so that bounds belong to the bucket they close. */
const JUST_BELOW = 1 - Number.EPSILON / 2
const HIGH_WORD = new Uint32Array(new Float64Array([1]).buffer)[0] === 0 ? 1 : 0

export const LOWEST_BOUND = 2 ** LOWEST_EXPONENT
export const HIGHEST_BOUND = 2 ** HIGHEST_EXPONENT
export const BUCKET_COUNT = (HIGHEST_EXPONENT - LOWEST_EXPONENT) * PARTS + 2

/** Finds the bucket of a value; one per thread, as it needs a place to look at a number's bits. */
export class BucketFinder {
  readonly #value = new Float64Array(1)
  readonly #words = new Uint32Array(this.#value.buffer)

  /** Negative numbers and NaN count as 0. */
  find(value: number): number {
    if (!(value > LOWEST_BOUND)) return 0
    if (value > HIGHEST_BOUND) return BUCKET_COUNT - 1
    this.#value[0] = value * JUST_BELOW
    return ((this.#words[HIGH_WORD] ?? 0) >>> SHIFT) - FIRST
  }
}

/** The value that closes a bucket; the last one is open. */
export function upperBound(index: number): number {
  if (index === 0) return LOWEST_BOUND
  if (index === BUCKET_COUNT - 1) return Number.POSITIVE_INFINITY
  const octave = Math.floor((index - 1) / PARTS)
  const part = (index - 1) % PARTS
  return 2 ** (LOWEST_EXPONENT + octave) * (1 + (part + 1) / PARTS)
}

/** What stands for the values of a bucket: its middle. */
export function middle(index: number): number {
  if (index === 0) return 0
  if (index === BUCKET_COUNT - 1) return HIGHEST_BOUND
  return (upperBound(index - 1) + upperBound(index)) / 2
}
