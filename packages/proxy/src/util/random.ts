/** Randomness as the request path sees it, so that tests and the simulation can replay a run from its seed. */
import { randomBytes } from 'node:crypto'

export interface Random {
  /** In [0, 1). */
  next(): number
  /** In [0, 2³²). */
  u32(): number
}

const TWO_TO_THE_32 = 4_294_967_296
const WARM_UP_ROUNDS = 12

/** sfc32: 128 bits of state, no multiplication. Fast and fair, and no secret: never use it for keys. */
export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** Equal seeds give equal sequences; any safe integer will do. */
  constructor(seed: number) {
    this.#a = 0
    this.#b = seed | 0
    this.#c = Math.floor(seed / TWO_TO_THE_32) | 0
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.u32()
  }

  next(): number {
    return this.u32() / TWO_TO_THE_32
  }

  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }
}

/** A generator with a seed of the system's, other in each worker. */
export function createRandom(): Random {
  return new SeededRandom(randomBytes(6).readUIntBE(0, 6))
}
