/**
 * Maglev hashing: a table of prime size that the endpoints fill in turn, each in its own permutation of the slots.
 * One lookup per pick, and few keys move when endpoints come and go. Filled as Envoy does it.
 */
import type { LoadBalancerConfig } from '@meltemi/api'
import { Hash64 } from '../../util/hash.ts'
import { hashKeyOf, normalizeWeights } from './hash-weights.ts'
import type { Balanceable, Balancer, PickContext, Picker } from './picker.ts'
import { RandomPicker } from './random.ts'
import { isTried, pickUntried } from './tried.ts'

type MaglevConfig = Extract<LoadBalancerConfig, { kind: 'maglev' }>

const TWO_TO_THE_32 = 4_294_967_296
const EMPTY = -1
/** How far to look for an endpoint that was not tried; beyond, any such endpoint will do. */
const MAX_STEPS = 1_024

/** An endpoint while the table is filled. */
interface Filler {
  readonly owner: number
  readonly key: string
  readonly share: number
  readonly skip: number
  /** The next slot of its permutation. */
  slot: number
  /** Takes no turn before its share times the number of the round reaches this. */
  target: number
}

export function createMaglevBalancer(config: MaglevConfig): Balancer {
  return { build: (endpoints) => new MaglevPicker(endpoints, buildTable(endpoints, config)) }
}

class MaglevPicker<E extends Balanceable> implements Picker<E> {
  readonly #endpoints: readonly E[]
  /** Slot → index of its endpoint. */
  readonly #table: Int32Array
  readonly #withoutHash: RandomPicker<E>

  constructor(endpoints: readonly E[], table: Int32Array) {
    this.#endpoints = endpoints
    this.#table = table
    this.#withoutHash = new RandomPicker(endpoints)
  }

  pick(context: PickContext): E | undefined {
    const table = this.#table
    if (!context.hasHash || table.length === 0) return this.#withoutHash.pick(context)
    const start = remainder(context.hashHigh, context.hashLow, table.length)
    const first = this.#endpoints[table[start] as number] as E
    if (!isTried(first, context.tried)) return first
    const steps = Math.min(table.length, MAX_STEPS)
    for (let step = 1; step < steps; step++) {
      const endpoint = this.#endpoints[table[(start + step) % table.length] as number] as E
      if (!isTried(endpoint, context.tried)) return endpoint
    }
    return pickUntried(this.#endpoints, context, first)
  }
}

/** Of the 64-bit number by at most 2²⁰ or so: no intermediate value exceeds 2⁵³. */
function remainder(high: number, low: number, divisor: number): number {
  return ((high % divisor) * (TWO_TO_THE_32 % divisor) + low) % divisor
}

function buildTable(endpoints: readonly Balanceable[], { tableSize, useHostname }: MaglevConfig): Int32Array {
  if (endpoints.length === 0) return new Int32Array(0)
  const fillers = createFillers(endpoints, tableSize, useHostname)
  const greatest = fillers.reduce((share, filler) => Math.max(share, filler.share), 0)
  const table = new Int32Array(tableSize).fill(EMPTY)
  let filled = 0
  for (let round = 1; filled < tableSize; round++) {
    for (let at = 0; at < fillers.length && filled < tableSize; at++) {
      const filler = fillers[at] as Filler
      if (round * filler.share < filler.target) continue
      filler.target += greatest
      takeSlot(table, filler)
      filled++
    }
  }
  return table
}

function takeSlot(table: Int32Array, filler: Filler): void {
  while (table[filler.slot] !== EMPTY) filler.slot = (filler.slot + filler.skip) % table.length
  table[filler.slot] = filler.owner
  filler.slot = (filler.slot + filler.skip) % table.length
}

/** In the order of their keys, so that the table does not depend on the order of the endpoints. */
function createFillers(endpoints: readonly Balanceable[], tableSize: number, useHostname: boolean): Filler[] {
  const shares = normalizeWeights(endpoints)
  const hash = new Hash64()
  const fillers = endpoints.map((endpoint, owner) => {
    const key = hashKeyOf(endpoint, useHostname)
    hash.reset()
    hash.update(key)
    const slot = remainder(hash.high, hash.low, tableSize)
    hash.reset(0, 1)
    hash.update(key)
    const skip = remainder(hash.high, hash.low, tableSize - 1) + 1
    return { owner, key, share: shares[owner] as number, skip, slot, target: 0 }
  })
  return fillers.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}
