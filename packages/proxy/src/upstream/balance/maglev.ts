/**
 * Maglev hashing: a table of prime size that the endpoints fill in turn, each in its own permutation of the slots.
 * One lookup per pick, and few keys move when endpoints come and go. Filled as Envoy does it.
 */
import type { LoadBalancerConfig } from '@meltemi/api'
import { Hash64 } from '../../util/hash.ts'
import { hashKeyOf, normalizeWeights, remainder } from './hash-weights.ts'
import type { Balanceable, Balancer, PickContext, Picker } from './picker.ts'
import { RandomPicker } from './random.ts'
import { isTried, pickUntried } from './tried.ts'

type MaglevConfig = Extract<LoadBalancerConfig, { kind: 'maglev' }>

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
  return {
    build: (endpoints, shares = normalizeWeights(endpoints)) =>
      new MaglevPicker(endpoints, shares, buildTable(endpoints, shares, config)),
  }
}

class MaglevPicker<E extends Balanceable> implements Picker<E> {
  readonly #endpoints: readonly E[]
  /** Slot → index of its endpoint. */
  readonly #table: Int32Array
  readonly #withoutHash: RandomPicker<E>

  constructor(endpoints: readonly E[], shares: readonly number[], table: Int32Array) {
    this.#endpoints = endpoints
    this.#table = table
    this.#withoutHash = new RandomPicker(endpoints, shares)
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

function buildTable(
  endpoints: readonly Balanceable[],
  shares: readonly number[],
  { tableSize, useHostname }: MaglevConfig,
): Int32Array {
  const fillers = createFillers(endpoints, shares, { tableSize, useHostname })
  if (fillers.length === 0) return new Int32Array(0)
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
function createFillers(
  endpoints: readonly Balanceable[],
  shares: readonly number[],
  { tableSize, useHostname }: Pick<MaglevConfig, 'tableSize' | 'useHostname'>,
): Filler[] {
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
  // one without a share would never have its turn
  return fillers.filter(({ share }) => share > 0).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}
