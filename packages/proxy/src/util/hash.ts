/**
 * XXH64, the hash of Envoy's balancing, on 32-bit halves: no BigInt and no start-up, which makes it quicker for the
 * short keys of balancing than WebAssembly behind a BigInt interface. The result of one text is the seed of the next.
 */

const SCRATCH_BYTES = 1024
const LANES = 4
const STRIPE_BYTES = 32

// Signed, so that they are small integers.
const P1_HIGH = 0x9e3779b1 | 0
const P1_LOW = 0x85ebca87 | 0
const MINUS_P1_HIGH = 0x61c8864e
const MINUS_P1_LOW = 0x7a143579
const P2_HIGH = 0xc2b2ae3d | 0
const P2_LOW = 0x27d4eb4f
const P3_HIGH = 0x165667b1
const P3_LOW = 0x9e3779f9 | 0
const P4_HIGH = 0x85ebca77 | 0
const P4_LOW = 0xc2b2ae63 | 0
const P5_HIGH = 0x27d4eb2f
const P5_LOW = 0x165667c5

/*
 * The 64-bit accumulator lies in #high and #low as signed 32-bit numbers, and every step below works on it.
 */
export class Hash64 {
  #high = 0
  #low = 0
  readonly #scratch = Buffer.alloc(SCRATCH_BYTES)
  readonly #lanes = new Int32Array(LANES * 2)

  /** Upper half of the hash so far, unsigned. */
  get high(): number {
    return this.#high >>> 0
  }

  get low(): number {
    return this.#low >>> 0
  }

  /** Starts anew; an ordinary hash has seed 0. */
  reset(seedHigh = 0, seedLow = 0): void {
    this.#high = seedHigh | 0
    this.#low = seedLow | 0
  }

  /** Hashes the UTF-8 form of a text, with the hash so far as its seed. */
  update(text: string): void {
    if (text.length * 3 > SCRATCH_BYTES) {
      const bytes = Buffer.from(text)
      this.updateBytes(bytes, bytes.length)
      return
    }
    this.updateBytes(this.#scratch, writeUtf8(this.#scratch, text))
  }

  /** Hashes the first `length` bytes, with the hash so far as its seed. */
  updateBytes(bytes: Uint8Array, length = bytes.length): void {
    let at = 0
    if (length >= STRIPE_BYTES) at = this.#stripes(bytes, length)
    else this.#add(P5_HIGH, P5_LOW)
    this.#add(0, length)
    for (; at + 8 <= length; at += 8) this.#mixEight(readInt32(bytes, at + 4), readInt32(bytes, at))
    if (at + 4 <= length) {
      this.#mixFour(readInt32(bytes, at))
      at += 4
    }
    for (; at < length; at++) this.#mixOne(bytes[at] as number)
    this.#avalanche()
  }

  #stripes(bytes: Uint8Array, length: number): number {
    this.#startLanes()
    let at = 0
    for (; at + STRIPE_BYTES <= length; at += STRIPE_BYTES) {
      for (let lane = 0; lane < LANES; lane++) this.#mixLane(lane, bytes, at + lane * 8)
    }
    this.#joinLanes()
    return at
  }

  #startLanes(): void {
    const lanes = this.#lanes
    const seedHigh = this.#high
    const seedLow = this.#low
    lanes[4] = seedHigh
    lanes[5] = seedLow
    this.#add(P2_HIGH, P2_LOW)
    lanes[2] = this.#high
    lanes[3] = this.#low
    this.#add(P1_HIGH, P1_LOW)
    lanes[0] = this.#high
    lanes[1] = this.#low
    this.#high = seedHigh
    this.#low = seedLow
    this.#add(MINUS_P1_HIGH, MINUS_P1_LOW)
    lanes[6] = this.#high
    lanes[7] = this.#low
  }

  #mixLane(lane: number, bytes: Uint8Array, at: number): void {
    const lanes = this.#lanes
    this.#high = readInt32(bytes, at + 4)
    this.#low = readInt32(bytes, at)
    this.#multiply(P2_HIGH, P2_LOW)
    this.#add(lanes[lane * 2] as number, lanes[lane * 2 + 1] as number)
    this.#rotate(31)
    this.#multiply(P1_HIGH, P1_LOW)
    lanes[lane * 2] = this.#high
    lanes[lane * 2 + 1] = this.#low
  }

  #joinLanes(): void {
    const lanes = this.#lanes
    let high = 0
    let low = 0
    for (let lane = 0; lane < LANES; lane++) {
      this.#high = lanes[lane * 2] as number
      this.#low = lanes[lane * 2 + 1] as number
      this.#rotate(lane === 0 ? 1 : lane === 1 ? 7 : lane === 2 ? 12 : 18)
      this.#add(high, low)
      high = this.#high
      low = this.#low
    }
    for (let lane = 0; lane < LANES; lane++) {
      const laneHigh = lanes[lane * 2] as number
      const laneLow = lanes[lane * 2 + 1] as number
      this.#xorRound(laneHigh, laneLow)
      this.#multiply(P1_HIGH, P1_LOW)
      this.#add(P4_HIGH, P4_LOW)
    }
  }

  /** accumulator ^= rotate(input * P2, 31) * P1 */
  #xorRound(inputHigh: number, inputLow: number): void {
    const high = this.#high
    const low = this.#low
    this.#high = inputHigh
    this.#low = inputLow
    this.#multiply(P2_HIGH, P2_LOW)
    this.#rotate(31)
    this.#multiply(P1_HIGH, P1_LOW)
    this.#high ^= high
    this.#low ^= low
  }

  #mixEight(high: number, low: number): void {
    this.#xorRound(high, low)
    this.#rotate(27)
    this.#multiply(P1_HIGH, P1_LOW)
    this.#add(P4_HIGH, P4_LOW)
  }

  #mixFour(word: number): void {
    const high = this.#high
    const low = this.#low
    this.#high = 0
    this.#low = word
    this.#multiply(P1_HIGH, P1_LOW)
    this.#high ^= high
    this.#low ^= low
    this.#rotate(23)
    this.#multiply(P2_HIGH, P2_LOW)
    this.#add(P3_HIGH, P3_LOW)
  }

  #mixOne(byte: number): void {
    const high = this.#high
    const low = this.#low
    this.#high = 0
    this.#low = byte
    this.#multiply(P5_HIGH, P5_LOW)
    this.#high ^= high
    this.#low ^= low
    this.#rotate(11)
    this.#multiply(P1_HIGH, P1_LOW)
  }

  #avalanche(): void {
    this.#low ^= this.#high >>> 1
    this.#multiply(P2_HIGH, P2_LOW)
    const high = this.#high
    this.#low ^= (this.#low >>> 29) | (high << 3)
    this.#high = high ^ (high >>> 29)
    this.#multiply(P3_HIGH, P3_LOW)
    this.#low ^= this.#high
  }

  #add(high: number, low: number): void {
    const sum = (this.#low + low) | 0
    const carry = sum >>> 0 < low >>> 0 ? 1 : 0
    this.#low = sum
    this.#high = (this.#high + high + carry) | 0
  }

  /** Left, by 1 to 31 bits. */
  #rotate(bits: number): void {
    const high = this.#high
    const low = this.#low
    this.#high = (high << bits) | (low >>> (32 - bits))
    this.#low = (low << bits) | (high >>> (32 - bits))
  }

  /** The lower 64 bits of the product: the low halves by schoolbook on 16 bits, the cross terms modulo 2³². */
  #multiply(high: number, low: number): void {
    const ownLow = this.#low
    const a0 = ownLow & 0xffff
    const a1 = ownLow >>> 16
    const b0 = low & 0xffff
    const b1 = low >>> 16
    const middle = (Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16)) >>> 0
    const carry = (Math.imul(a0, b1) + (middle & 0xffff)) >>> 0
    const upper = Math.imul(a1, b1) + (middle >>> 16) + (carry >>> 16)
    this.#high = (upper + Math.imul(this.#high, low) + Math.imul(ownLow, high)) | 0
    this.#low = Math.imul(ownLow, low)
  }
}

function readInt32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}

/** ASCII by hand, which for short texts costs less than the call. */
function writeUtf8(into: Buffer, text: string): number {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit >= 0x80) return into.write(text)
    into[at] = unit
  }
  return text.length
}
