// A log-linear histogram: 128 steps per power of two (below 0.8 % error), constant memory, a few ns per value.

const STEP_BITS = 7
const STEPS = 1 << STEP_BITS
const POWERS = 24

export class Histogram {
  readonly #counts = new Uint32Array(STEPS * (POWERS + 1))
  #total = 0

  /** Values are milliseconds; the resolution is 0.1 us, the largest value about three minutes. */
  add(valueMs: number): void {
    const units = valueMs <= 0 ? 0 : Math.min(Math.round(valueMs * 10_000), 0x7fffffff)
    this.#counts[indexOf(units)]!++
    this.#total++
  }

  get total(): number {
    return this.#total
  }

  /** The value in microseconds that `fraction` of all values do not exceed. */
  quantileUs(fraction: number): number {
    const wanted = Math.ceil(this.#total * fraction)
    let seen = 0
    for (let index = 0; index < this.#counts.length; index++) {
      seen += this.#counts[index]!
      if (seen >= wanted) return middleOf(index) / 10
    }
    return 0
  }

  reset(): void {
    this.#counts.fill(0)
    this.#total = 0
  }
}

function indexOf(units: number): number {
  if (units < STEPS * 2) return units
  const shift = 31 - Math.clz32(units) - STEP_BITS
  return shift * STEPS + (units >>> shift)
}

function middleOf(index: number): number {
  if (index < STEPS * 2) return index
  const shift = Math.floor(index / STEPS) - 1
  const low = (index - shift * STEPS) * 2 ** shift
  return low + (2 ** shift - 1) / 2
}
