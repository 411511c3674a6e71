/**
 * From all endpoints of a cluster to the picker that chooses among them:
 *
 *   subset ──► priority ──► locality ──► endpoint
 *   by what    by load      by weight,   by the
 *   the route               or by zone   policy
 *   asks for
 *
 * What a cluster does not use is not there: one without subsets, priorities and localities has its policy's picker alone.
 */
import type { ClusterConfig } from '@meltemi/api/model'
import { Balancers } from './balancers.ts'
import {
  effectiveWeight,
  groupByLocality,
  type LocalityGroup,
  LocalityPicker,
  localityKey,
  localityShares,
} from './localities.ts'
import type { BalanceTools, Picker, Placed } from './picker.ts'
import { createBalancer, isHashing } from './policies.ts'
import { type LevelHealth, type LevelLoad, priorityLoads } from './priority-load.ts'
import { type LoadedPicker, NO_PICKER, PanicPicker, PriorityPicker } from './priority-picker.ts'
import { SubsetPicker, type SubsetStats } from './subset-picker.ts'
import {
  areInPanic,
  type LocalZones,
  type ZoneAwareConfig,
  ZonePicker,
  type ZoneStats,
  zonePlan,
} from './zone-aware.ts'

export type BalanceConfig = Pick<ClusterConfig, 'loadBalancer' | 'localityLb' | 'subsets' | 'panicThresholdPercent'>

export type BalanceStats = SubsetStats & ZoneStats & { readonly lbHealthyPanic: { add(count: number): void } }

/** A part of a cluster: which one, and what the localities in it weigh; null: nothing. */
interface Part<E extends Placed> {
  readonly key: string
  readonly weightOf: ((group: LocalityGroup<E>, priority: number) => number) | null
}

/** Endpoints of one priority that may be picked. */
interface Level<E extends Placed> {
  readonly priority: number
  readonly all: readonly E[]
  readonly usable: readonly E[]
  readonly kind: 'healthy' | 'degraded' | 'panic'
}

const DEFAULT_ZONE_AWARE: ZoneAwareConfig = {
  kind: 'zone-aware',
  routingEnabledPercent: 100,
  minClusterSize: 6,
  failTrafficOnPanic: false,
}

/** One per cluster and worker; what must outlive a change of the endpoints is in it. */
export class ClusterBalancer {
  readonly #config: BalanceConfig
  readonly #tools: BalanceTools
  readonly #stats: BalanceStats
  readonly #balancers: Balancers
  readonly #isHashing: boolean
  readonly #knowsZones: boolean
  #spansZones = false

  constructor(config: BalanceConfig, tools: BalanceTools, stats: BalanceStats) {
    this.#config = config
    this.#tools = tools
    this.#stats = stats
    this.#balancers = new Balancers(() => createBalancer(config.loadBalancer, tools))
    this.#isHashing = isHashing(config.loadBalancer)
    const { localityLb, loadBalancer } = config
    this.#knowsZones = !this.#isHashing && localityLb?.kind !== 'weighted' && loadBalancer.kind !== 'peak-ewma'
  }

  /** Whether it matters to what was built last in which zones this proxy and its like are. */
  get usesZones(): boolean {
    return this.#knowsZones && this.#spansZones
  }

  /** `zones`: undefined where nobody knows in which zones this proxy and its like are. */
  build<E extends Placed>(endpoints: readonly E[], zones?: LocalZones): Picker<E> {
    const { subsets, localityLb } = this.#config
    this.#balancers.renew()
    this.#spansZones = this.#knowsZones && isInSeveralZones(endpoints)
    const weightOf = localityLb?.kind === 'weighted' ? (group: LocalityGroup<E>) => group.weight : null
    if (subsets === undefined) {
      // it may have had some before
      this.#stats.lbSubsetsActive.set(0)
      return this.#buildPart(endpoints, { key: '', weightOf }, zones)
    }
    const inSubset = subsets.scaleLocalityWeight ? scaledWeights(endpoints) : weightOf
    const part = (key: string) => ({ key, weightOf: subsets.localityWeightAware ? inSubset : null })
    return new SubsetPicker(
      endpoints,
      subsets,
      {
        build: (members, key) => this.#buildPart(members, part(key), zones),
        canPick: (members) => this.#canPick(members),
      },
      this.#stats,
    )
  }

  #canPick(endpoints: readonly Placed[]): boolean {
    return endpoints.some(({ healthy }) => healthy) || (endpoints.length > 0 && this.#config.panicThresholdPercent > 0)
  }

  #buildPart<E extends Placed>(endpoints: readonly E[], part: Part<E>, zones: LocalZones | undefined): Picker<E> {
    const levels = byPriority(endpoints)
    const loads = priorityLoads(levels.map(healthOf), this.#config.panicThresholdPercent)
    const loaded = this.#loaded(levels, loads, (level) => this.#buildLevel(level, part, zones))
    const [only] = loaded
    return loaded.length === 1 && only !== undefined ? only.picker : new PriorityPicker(loaded, this.#isHashing)
  }

  /** What has a load: first the healthy ones of all priorities, then the degraded ones. */
  #loaded<E extends Placed>(
    levels: readonly (readonly E[])[],
    loads: readonly LevelLoad[],
    build: (level: Level<E>) => Picker<E>,
  ): readonly LoadedPicker<E>[] {
    return (['healthy', 'degraded'] as const).flatMap((kind) =>
      levels.flatMap((all, priority) => {
        const { [kind]: percent, isPanicking } = loads[priority] as LevelLoad
        if (percent === 0) return []
        const usable = all.filter((each) => each.healthy && each.degraded === (kind === 'degraded'))
        const level: Level<E> = isPanicking
          ? { priority, all, usable: all, kind: 'panic' }
          : { priority, all, usable, kind }
        return [{ percent, picker: build(level) }]
      }),
    )
  }

  #buildLevel<E extends Placed>(level: Level<E>, part: Part<E>, zones: LocalZones | undefined): Picker<E> {
    if (level.kind !== 'panic') return this.#buildUsable(level, part, zones)
    const { localityLb } = this.#config
    const fails = localityLb?.kind === 'zone-aware' && localityLb.failTrafficOnPanic
    // as in Envoy localities do not count in panic, but for policies that hash
    const picker = fails ? NO_PICKER : this.#isHashing ? this.#buildHashing(level, part) : this.#leaf(level, part, '')
    return level.all.length === 0 ? picker : new PanicPicker<E>(picker, this.#stats.lbHealthyPanic)
  }

  #buildUsable<E extends Placed>(level: Level<E>, part: Part<E>, zones: LocalZones | undefined): Picker<E> {
    if (this.#isHashing) return this.#buildHashing(level, part)
    if (part.weightOf !== null) return this.#buildWeighted(level, part, part.weightOf)
    if (level.priority > 0 || zones === undefined || !this.usesZones) return this.#leaf(level, part, '')
    return this.#buildZones(level, part, zones)
  }

  /** Their tables have everybody in them: what localities weigh goes into the shares. */
  #buildHashing<E extends Placed>(level: Level<E>, { key, weightOf }: Part<E>): Picker<E> {
    const balancer = this.#balancers.of(partKey(key, level, ''))
    const all = groupByLocality(level.all)
    const weights = new Map(all.map((group) => [group.key, weightOf?.(group, level.priority) ?? 0]))
    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0)
    const groups = groupByLocality(level.usable).map((group) => ({ ...group, weight: weights.get(group.key) ?? 0 }))
    const shares = localityShares(groups, total)
    if (shares === undefined) return balancer.build(level.usable)
    return balancer.build(
      groups.flatMap(({ endpoints }) => endpoints),
      shares,
    )
  }

  #buildWeighted<E extends Placed>(
    level: Level<E>,
    part: Part<E>,
    weightOf: NonNullable<Part<E>['weightOf']>,
  ): Picker<E> {
    const usable = new Map(groupByLocality(level.usable).map(({ key, endpoints }) => [key, endpoints]))
    const weighed = groupByLocality(level.all).flatMap((group) => {
      const endpoints = usable.get(group.key) ?? []
      const weight = effectiveWeight(weightOf(group, level.priority), endpoints.length, group.endpoints.length)
      return weight > 0 ? [{ key: group.key, endpoints, weight }] : []
    })
    if (weighed.length === 0) return this.#leaf(level, part, '')
    return new LocalityPicker(
      weighed.map(({ key, endpoints }) => this.#leaf({ ...level, usable: endpoints }, part, key)),
      weighed.map(({ weight }) => weight),
      this.#tools.random,
    )
  }

  #buildZones<E extends Placed>(level: Level<E>, part: Part<E>, zones: LocalZones): Picker<E> {
    const { localityLb, panicThresholdPercent } = this.#config
    const config = localityLb?.kind === 'zone-aware' ? localityLb : DEFAULT_ZONE_AWARE
    const everywhere = this.#leaf(level, part, '')
    const groups = groupByLocality(level.usable)
    const plan = zonePlan(groups, config, zones)
    if (plan === undefined) return everywhere
    if (areInPanic(zones, panicThresholdPercent)) return config.failTrafficOnPanic ? NO_PICKER : everywhere
    const pickers = groups.map(({ key, endpoints }) => this.#leaf({ ...level, usable: endpoints }, part, key))
    return new ZonePicker(plan, { zones: pickers, everywhere }, config.routingEnabledPercent, this.#stats)
  }

  #leaf<E extends Placed>(level: Level<E>, part: Part<E>, locality: string): Picker<E> {
    return this.#balancers.of(partKey(part.key, level, locality)).build(level.usable)
  }
}

function isInSeveralZones(endpoints: readonly Placed[]): boolean {
  const first = endpoints[0]?.locality
  const key = localityKey(first)
  return endpoints.some(({ locality }) => locality !== first && localityKey(locality) !== key)
}

/** In panic they go on where the healthy ones were. */
function partKey(part: string, { priority, kind }: Level<Placed>, locality: string): string {
  return `${part} ${priority} ${kind === 'degraded' ? kind : ''} ${locality}`
}

/** By number, from 0; at least one, and empty ones where numbers are left out. */
function byPriority<E extends Placed>(endpoints: readonly E[]): readonly (readonly E[])[] {
  const levels: E[][] = [[]]
  for (const endpoint of endpoints) {
    while (levels.length <= endpoint.priority) levels.push([])
    levels[endpoint.priority]?.push(endpoint)
  }
  return levels
}

function healthOf(endpoints: readonly Placed[]): LevelHealth {
  const healthy = endpoints.filter((each) => each.healthy && !each.degraded).length
  const degraded = endpoints.filter((each) => each.healthy && each.degraded).length
  return { total: endpoints.length, healthy, degraded }
}

/** Weights of localities by the part of their endpoints that a subset has. */
function scaledWeights<E extends Placed>(endpoints: readonly E[]): NonNullable<Part<E>['weightOf']> {
  const totals = new Map<string, number>()
  for (const [priority, level] of byPriority(endpoints).entries()) {
    for (const { key, endpoints: members } of groupByLocality(level)) totals.set(`${priority} ${key}`, members.length)
  }
  return (group, priority) => {
    const total = totals.get(`${priority} ${group.key}`) ?? group.endpoints.length
    return Math.round((group.weight * group.endpoints.length) / total)
  }
}
