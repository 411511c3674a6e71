/**
 * Consistent hashing on a ring, placing endpoints as Envoy does, so that both send a key to the same one.
 *
 *   0 ──── a_1 ── b_0 ───────── a_0 ── b_1 ──── 2⁶⁴
 *                      ^ a key belongs to the next point, here a
 */
import type { LoadBalancerConfig } from '@meltemi/api'
import { Hash64 } from '../../util/hash.ts'
import { hashKeyOf, normalizeWeights } from './hash-weights.ts'
import type { Balanceable, Balancer, PickContext, Picker } from './picker.ts'
import { RandomPicker } from './random.ts'
import { isTried, pickUntried } from './tried.ts'

type RingHashConfig = Extract<LoadBalancerConfig, { kind: 'ring-hash' }>

const RADIX_BITS = 8
const RADIX = 1 << RADIX_BITS
const HALF_BITS = 32
/** How far to look for an endpoint that was not tried; beyond, any such endpoint will do. */
const MAX_STEPS = 1_024

/** Points of the ring, sorted: the halves of their hashes and the index of the endpoint they belong to. */
interface Ring {
  readonly highs: Uint32Array
  readonly lows: Uint32Array
  readonly owners: Uint32Array
}

export function createRingHashBalancer(config: RingHashConfig): Balancer {
  return { build: (endpoints) => new RingHashPicker(endpoints, buildRing(endpoints, config)) }
}

class RingHashPicker<E extends Balanceable> implements Picker<E> {
  readonly #endpoints: readonly E[]
  readonly #ring: Ring
  readonly #withoutHash: RandomPicker<E>

  constructor(endpoints: readonly E[], ring: Ring) {
    this.#endpoints = endpoints
    this.#ring = ring
    this.#withoutHash = new RandomPicker(endpoints)
  }

  pick(context: PickContext): E | undefined {
    const { owners } = this.#ring
    if (!context.hasHash || owners.length === 0) return this.#withoutHash.pick(context)
    const start = findPoint(this.#ring, context.hashHigh, context.hashLow)
    const first = this.#endpoints[owners[start] as number] as E
    if (!isTried(first, context.tried)) return first
    const steps = Math.min(owners.length, MAX_STEPS)
    for (let step = 1; step < steps; step++) {
      const endpoint = this.#endpoints[owners[(start + step) % owners.length] as number] as E
      if (!isTried(endpoint, context.tried)) return endpoint
    }
    return pickUntried(this.#endpoints, context, first)
  }
}

/** The first point at or after a hash, and the ring's first beyond its end. */
function findPoint({ highs, lows }: Ring, high: number, low: number): number {
  let from = 0
  let to = highs.length
  while (from < to) {
    const middle = (from + to) >>> 1
    const pointHigh = highs[middle] as number
    if (pointHigh < high || (pointHigh === high && (lows[middle] as number) < low)) from = middle + 1
    else to = middle
  }
  return from === highs.length ? 0 : from
}

/**
 * The least endpoint gets a whole number of points, the others their share of the running total, until the ring
 * has its size.
 */
function buildRing(endpoints: readonly Balanceable[], config: RingHashConfig): Ring {
  const shares = normalizeWeights(endpoints)
  const least = shares.reduce((lowest, share) => Math.min(lowest, share), 1)
  const size = Math.min(Math.ceil(least * config.minimumRingSize) / least, config.maximumRingSize)
  const capacity = endpoints.length === 0 ? 0 : Math.ceil(size) + 1
  const ring = newRing(capacity)
  const hash = new Hash64()
  let points = 0
  let target = 0
  for (let owner = 0; owner < endpoints.length; owner++) {
    const prefix = `${hashKeyOf(endpoints[owner] as Balanceable, config.useHostname)}_`
    target += size * (shares[owner] as number)
    for (let replica = 0; points < target && points < capacity; replica++) {
      hash.reset()
      hash.update(prefix + replica)
      ring.highs[points] = hash.high
      ring.lows[points] = hash.low
      ring.owners[points++] = owner
    }
  }
  return sortRing(ring, points)
}

function newRing(size: number): Ring {
  return { highs: new Uint32Array(size), lows: new Uint32Array(size), owners: new Uint32Array(size) }
}

/** By radix, from the lowest byte up: rings may have millions of points, and a comparing sort would block for seconds. */
function sortRing(unsorted: Ring, points: number): Ring {
  let order = Uint32Array.from({ length: points }, (_, index) => index)
  for (const half of [unsorted.lows, unsorted.highs]) {
    for (let shift = 0; shift < HALF_BITS; shift += RADIX_BITS) order = sortByDigit(order, half, shift)
  }
  return {
    highs: order.map((index) => unsorted.highs[index] as number),
    lows: order.map((index) => unsorted.lows[index] as number),
    owners: order.map((index) => unsorted.owners[index] as number),
  }
}

function sortByDigit(order: Uint32Array<ArrayBuffer>, keys: Uint32Array, shift: number): Uint32Array<ArrayBuffer> {
  const starts = new Uint32Array(RADIX + 1)
  for (const index of order) starts[(((keys[index] as number) >>> shift) & (RADIX - 1)) + 1]! += 1
  for (let digit = 1; digit <= RADIX; digit++) starts[digit]! += starts[digit - 1] as number
  const sorted = new Uint32Array(order.length)
  for (const index of order) {
    const digit = ((keys[index] as number) >>> shift) & (RADIX - 1)
    sorted[starts[digit] as number] = index
    starts[digit]! += 1
  }
  return sorted
}
