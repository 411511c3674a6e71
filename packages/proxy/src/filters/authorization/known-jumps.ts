/** Values that are remembered of one property, and jumps for all of them together. */
const MAX_VALUES = 256
const MAX_JUMPS = 16 * 1024
/** Longer values are hardly ever seen again. */
const MAX_LENGTH = 256

/** Nobody has been there with this value. */
export const UNKNOWN = 0x7fff_ffff

interface KnownValue {
  readonly value: string
  readonly jumps: Int32Array
}

/**
 * Where the tests on one property lead, by its value: few values make up most requests, and who has been there with one of
 * them need not be tested again. When there is no room for another value all of them are forgotten.
 */
export class KnownJumps {
  readonly #byValue = new Map<string, KnownValue>()
  readonly #tests: number
  readonly #maxValues: number
  readonly #ofMissing: Int32Array
  /** Of the value that is looked at now, if it is not remembered. */
  readonly #ofLong: Int32Array
  /** Whoever comes next most often has the same; null: nobody has come. */
  #last: KnownValue | null = null

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
    if (this.#last === null || this.#last.value !== value) {
      if (value.length > MAX_LENGTH) return this.#ofLong.fill(UNKNOWN)
      this.#last = this.#byValue.get(value) ?? this.#add(value)
    }
    return this.#last.jumps
  }

  #add(value: string): KnownValue {
    if (this.#byValue.size >= this.#maxValues) this.#byValue.clear()
    const known = { value: copyOf(value), jumps: unknownJumps(this.#tests) }
    this.#byValue.set(known.value, known)
    return known
  }
}

/** As a part of a longer text it would keep all of that in memory. What has been a key is what V8 compares quickest. */
function copyOf(value: string): string {
  return Object.keys({ [value]: 0 })[0] as string
}

function unknownJumps(tests: number): Int32Array {
  return new Int32Array(tests).fill(UNKNOWN)
}
