import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 4096
const WORD_BYTES = 4
/** Of each byte its two digits. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Eight digits. `word`: a number in [0, 2³²). */
export function hex32(word: number): string {
  return (
    (HEX[word >>> 24] as string) +
    (HEX[(word >>> 16) & 0xff] as string) +
    (HEX[(word >>> 8) & 0xff] as string) +
    (HEX[word & 0xff] as string)
  )
}

/** Ids of traces and spans: random, so that those of all proxies of a mesh are different. */
export class TraceIds {
  readonly #pool = Buffer.allocUnsafeSlow(POOL_BYTES)
  #at = POOL_BYTES

  /** 16 digits, or 32. */
  traceId(is128bit: boolean): string {
    return is128bit ? this.spanId() + this.spanId() : this.spanId()
  }

  /** 16 digits that are not all 0, which would mean that there is none. */
  spanId(): string {
    const [high, low] = [this.u32(), this.u32()]
    return high === 0 && low === 0 ? this.spanId() : hex32(high) + hex32(low)
  }

  u32(): number {
    if (this.#at === POOL_BYTES) {
      randomFillSync(this.#pool)
      this.#at = 0
    }
    const word = this.#pool.readUInt32LE(this.#at)
    this.#at += WORD_BYTES
    return word
  }
}
