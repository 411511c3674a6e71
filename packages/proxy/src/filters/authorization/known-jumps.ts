/** Values that are remembered of one property, and jumps for all of them together. */
const MAX_VALUES = 256
const MAX_JUMPS = 16 * 1024
/** Longer values are hardly ever seen again. */
const MAX_LENGTH = 256

/** Nobody has been there with this value. */
export const UNKNOWN = 0x7fff_ffff

/**
 * Where the tests on one property lead, by its value: few values make up most requests, and who has been there with one of
 * them need not be tested again. When there is no room for another value all of them are forgotten.
 */
export class KnownJumps {
  readonly #byValue = new Map<string, Int32Array>()
  readonly #tests: number
  readonly #maxValues: number
  readonly #ofMissing: Int32Array
  /** Of the value that is looked at now, if it is not remembered. */
  readonly #ofLong: Int32Array

  constructor(tests: number) {
    this.#tests = tests
    this.#maxValues = Math.max(1, Math.min(MAX_VALUES, Math.floor(MAX_JUMPS / tests)))
    this.#ofMissing = unknownJumps(tests)
    this.#ofLong = unknownJumps(tests)
  }

  /** How many values are remembered. */
  get size(): number {
    return this.#byValue.size
  }

  /** For each test where it leads, or UNKNOWN: to be filled in by whoever goes there. `undefined`: there is no value. Good until the next call. */
  of(value: string | undefined): Int32Array {
    if (value === undefined) return this.#ofMissing
    if (value.length > MAX_LENGTH) return this.#ofLong.fill(UNKNOWN)
    return this.#byValue.get(value) ?? this.#add(value)
  }

  #add(value: string): Int32Array {
    if (this.#byValue.size >= this.#maxValues) this.#byValue.clear()
    const jumps = unknownJumps(this.#tests)
    // a copy: as a part of a longer text it would keep all of that in memory
    this.#byValue.set(Buffer.from(value, 'utf16le').toString('utf16le'), jumps)
    return jumps
  }
}

function unknownJumps(tests: number): Int32Array {
  return new Int32Array(tests).fill(UNKNOWN)
}
