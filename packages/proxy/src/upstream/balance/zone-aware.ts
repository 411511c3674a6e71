/**
 * As much as possible to the proxy's own zone, while every endpoint gets about the same. What a zone can take is its share
 * of the cluster's endpoints; what it is sent is the share of proxies that are in it.
 *
 *   zone   proxies   endpoints   own zone   to others
 *   a        50 %       25 %       half       half, where there is capacity left
 *   b        50 %       75 %       all        nothing: 25 % are left for a
 */
import type { LocalityLbConfig } from '@meltemi/api/model'
import type { LocalityGroup } from './localities.ts'
import type { Balanceable, PickContext, Picker, Placed } from './picker.ts'

export type ZoneAwareConfig = Extract<LocalityLbConfig, { kind: 'zone-aware' }>

/** Where this proxy and those like it are, by the keys of their localities. */
export interface LocalZones {
  readonly own: string
  readonly total: ReadonlyMap<string, number>
  readonly healthy: ReadonlyMap<string, number>
}

export interface ZoneStats {
  readonly lbZoneRoutingAllDirectly: { add(count: number): void }
  readonly lbZoneRoutingSampled: { add(count: number): void }
  readonly lbZoneRoutingCrossZone: { add(count: number): void }
}

interface Plan {
  /** Index of the own zone. */
  readonly own: number
  /** Of one: what part stays in it. */
  readonly localPart: number
  /** Running sums of what each zone can still take, in 10,000ths of the cluster. */
  readonly capacities: readonly number[]
}

const WHOLE = 10_000

/** undefined where zones are not to be told apart. `groups`: of the first priority, with those that can be used. */
export function zonePlan(
  groups: readonly LocalityGroup<Placed>[],
  { minClusterSize }: ZoneAwareConfig,
  zones: LocalZones,
): Plan | undefined {
  const usable = groups.reduce((sum, { endpoints }) => sum + endpoints.length, 0)
  const isKnown = zones.total.size > 1 && (zones.total.get(zones.own) ?? 0) > 0
  if (groups.length < 2 || !isKnown || usable < minClusterSize) return undefined
  const proxies = countAll(zones.healthy)
  const sent = groups.map(({ key }) => share(zones.healthy.get(key) ?? 0, proxies))
  const taken = groups.map(({ endpoints }) => share(endpoints.length, usable))
  const own = groups.findIndex(({ key }) => key === zones.own)
  return { own, localPart: localPart(taken[own] ?? 0, sent[own] ?? 0), capacities: capacities(taken, sent, own) }
}

function share(count: number, total: number): number {
  return total === 0 ? 0 : Math.floor((WHOLE * count) / total)
}

function localPart(taken: number, sent: number): number {
  if (taken > 0 && taken >= sent) return 1
  return sent > 0 ? Math.floor((taken * WHOLE) / sent) / WHOLE : 0
}

function capacities(taken: readonly number[], sent: readonly number[], own: number): readonly number[] {
  let sum = 0
  return taken.map((each, at) => {
    if (at !== own) sum += Math.max(0, each - (sent[at] as number))
    return sum
  })
}

/** Chooses a zone, and an endpoint in it. */
export class ZonePicker<E extends Balanceable> implements Picker<E> {
  readonly #plan: Plan
  readonly #zones: readonly Picker<E>[]
  /** Where zones are not told apart. */
  readonly #everywhere: Picker<E>
  readonly #enabledPercent: number
  readonly #stats: ZoneStats

  constructor(
    plan: Plan,
    pickers: { readonly zones: readonly Picker<E>[]; readonly everywhere: Picker<E> },
    enabledPercent: number,
    stats: ZoneStats,
  ) {
    this.#plan = plan
    this.#zones = pickers.zones
    this.#everywhere = pickers.everywhere
    this.#enabledPercent = enabledPercent
    this.#stats = stats
  }

  pick(context: PickContext): E | undefined {
    const { random } = context
    if (this.#enabledPercent < 100 && random.next() * 100 >= this.#enabledPercent) return this.#everywhere.pick(context)
    const { own, localPart } = this.#plan
    if (localPart === 1) {
      this.#stats.lbZoneRoutingAllDirectly.add(1)
      return this.#zones[own]?.pick(context)
    }
    if (random.next() < localPart) {
      this.#stats.lbZoneRoutingSampled.add(1)
      return this.#zones[own]?.pick(context)
    }
    this.#stats.lbZoneRoutingCrossZone.add(1)
    return this.#zones[this.#chooseOther(random.next())]?.pick(context)
  }

  /** By the capacity that is left; by rounding there may be none, and then any will do. */
  #chooseOther(random01: number): number {
    const { capacities } = this.#plan
    const all = capacities[capacities.length - 1] as number
    if (all === 0) return Math.floor(random01 * capacities.length)
    const point = random01 * all
    let zone = 0
    while (point >= (capacities[zone] as number)) zone++
    return zone
  }
}

/** Whether too few of the proxies are healthy to tell where requests come from. */
export function areInPanic({ total, healthy }: LocalZones, thresholdPercent: number): boolean {
  return 100 * countAll(healthy) < thresholdPercent * countAll(total)
}

function countAll(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
