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

/** Where the halves of a 64-bit word lie, on the little-endian machines that Node runs on. */
const LOWER_HALF = 0
const UPPER_HALF = 1
/** How far to look for an endpoint that was not tried; beyond, any such endpoint will do. */
const MAX_STEPS = 1_024

/** Points of the ring, sorted: the halves of their hashes and the index of the endpoint they belong to. */
interface Ring {
  readonly highs: Uint32Array
  readonly lows: Uint32Array
  readonly owners: Uint32Array
}

export function createRingHashBalancer(config: RingHashConfig): Balancer {
  return {
    build: (endpoints, shares = normalizeWeights(endpoints)) =>
      new RingHashPicker(endpoints, shares, buildRing(endpoints, shares, config)),
  }
}

class RingHashPicker<E extends Balanceable> implements Picker<E> {
  readonly #endpoints: readonly E[]
  readonly #ring: Ring
  readonly #withoutHash: RandomPicker<E>

  constructor(endpoints: readonly E[], shares: readonly number[], ring: Ring) {
    this.#endpoints = endpoints
    this.#ring = ring
    this.#withoutHash = new RandomPicker(endpoints, shares)
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
function buildRing(endpoints: readonly Balanceable[], shares: readonly number[], config: RingHashConfig): Ring {
  // those without a share have no points, and do not make the ring endless
  const least = shares.reduce((lowest, share) => (share > 0 ? Math.min(lowest, share) : lowest), 1)
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

/**
 * Sorts 64-bit words of (upper half of the hash, place before the sort), which the engine does without calling
 * back: rings may have millions of points. What then differs only in the lower half is put in order afterwards.
 */
function sortRing({ highs, lows, owners }: Ring, points: number): Ring {
  const words = new BigUint64Array(points)
  const halves = new Uint32Array(words.buffer)
  for (let point = 0; point < points; point++) {
    halves[point * 2 + UPPER_HALF] = highs[point] as number
    halves[point * 2 + LOWER_HALF] = point
  }
  words.sort()
  const sorted = newRing(points)
  for (let slot = 0; slot < points; slot++) {
    const point = halves[slot * 2 + LOWER_HALF] as number
    place(sorted, slot, { high: highs[point] as number, low: lows[point] as number, owner: owners[point] as number })
  }
  return sorted
}

/** Into `slot`, or as many before it as have an equal upper and a greater lower half. */
function place(ring: Ring, slot: number, point: { high: number; low: number; owner: number }): void {
  let at = slot
  for (; at > 0 && ring.highs[at - 1] === point.high && (ring.lows[at - 1] as number) > point.low; at--) {
    ring.lows[at] = ring.lows[at - 1] as number
    ring.owners[at] = ring.owners[at - 1] as number
    ring.highs[at] = point.high
  }
  ring.highs[at] = point.high
  ring.lows[at] = point.low
  ring.owners[at] = point.owner
}
