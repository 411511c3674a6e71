import type { Locality } from '@meltemi/api/model'
import type { Random } from '../../util/random.ts'
import type { Balanceable, PickContext, Picker, Placed } from './picker.ts'
import { OVERPROVISIONING_FACTOR } from './priority-load.ts'
import { WeightedSchedule } from './weighted-schedule.ts'

/** The endpoints of one locality and priority. */
export interface LocalityGroup<E extends Placed> {
  readonly key: string
  /** As configured; 0: none. */
  readonly weight: number
  readonly endpoints: readonly E[]
}

/** In the order in which they first occur. */
export function groupByLocality<E extends Placed>(endpoints: readonly E[]): readonly LocalityGroup<E>[] {
  const groups = Map.groupBy(endpoints, ({ locality }) => localityKey(locality))
  return [...groups].map(([key, group]) => ({ key, weight: (group[0] as E).localityWeight, endpoints: group }))
}

/** Equal for equal localities; `` for one that is not known. */
export function localityKey(locality: Locality | undefined): string {
  return locality === undefined ? '' : `${locality.region}/${locality.zone}/${locality.subZone}`
}

/** What a locality's weight is worth when only so many of its endpoints can be used. */
export function effectiveWeight(weight: number, usable: number, total: number): number {
  return total === 0 ? 0 : weight * Math.min(1, ((OVERPROVISIONING_FACTOR / 100) * usable) / total)
}

/** Chooses a locality by an even schedule of their weights, then an endpoint in it. */
export class LocalityPicker<E extends Balanceable> implements Picker<E> {
  readonly #pickers: readonly Picker<E>[]
  readonly #weights: readonly number[]
  readonly #schedule: WeightedSchedule

  /** At least one; all weights are above 0. */
  constructor(pickers: readonly Picker<E>[], weights: readonly number[], random: Random) {
    this.#pickers = pickers
    this.#weights = weights
    this.#schedule = new WeightedSchedule(weights, random)
  }

  pick(context: PickContext): E | undefined {
    const index = this.#schedule.peek()
    this.#schedule.advance(this.#weights[index] as number)
    return (this.#pickers[index] as Picker<E>).pick(context)
  }
}

/**
 * For policies that hash: each endpoint's part of all by its locality's weight and, inside of it, its own. In the order of
 * the groups. undefined when no locality has a weight.
 */
export function localityShares<E extends Placed>(
  groups: readonly LocalityGroup<E>[],
  total: number,
): readonly number[] | undefined {
  if (!(total > 0)) return undefined
  return groups.flatMap(({ weight, endpoints }) => {
    const sum = endpoints.reduce((weights, endpoint) => weights + endpoint.weight, 0)
    return endpoints.map((endpoint) => ((weight / total) * endpoint.weight) / sum)
  })
}
