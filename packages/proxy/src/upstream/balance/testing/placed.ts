/** Endpoints and requests for tests of balancing. */
import type { LbMetadata } from '@meltemi/api/model'
import { MetadataCriteria } from '../../../routing/metadata-criteria.ts'
import { SeededRandom } from '../../../util/random.ts'
import type { BalanceStats } from '../cluster-balancer.ts'
import type { Balanceable, PickContext, Picker, Placed } from '../picker.ts'

export type TestEndpoint = { -readonly [K in keyof Placed]: Placed[K] }

/** `10.0.0.1` and so on, with what `changes` say of each. */
export function placed(address: string, changes: Partial<Placed> = {}): TestEndpoint {
  return {
    address,
    hostname: '',
    weight: 1,
    activeRequests: 0,
    healthySinceMs: 0,
    latency: null,
    healthy: true,
    degraded: false,
    priority: 0,
    locality: undefined,
    localityWeight: 0,
    metadata: {},
    ...changes,
  }
}

/** So many of them, `<name>0` and so on. */
export function several(count: number, name: string, changes: Partial<Placed> = {}): TestEndpoint[] {
  return Array.from({ length: count }, (_, at) => placed(`${name}${at}`, changes))
}

export function request(random: SeededRandom, wanted?: LbMetadata): PickContext {
  const criteria = wanted === undefined ? null : new MetadataCriteria(wanted)
  return { hasHash: false, hashHigh: 0, hashLow: 0, criteria, tried: null, random }
}

/** How many of so many picks each address gets; none: `-`. */
export function countPicks(
  picker: Picker<Balanceable>,
  picks: number,
  context: PickContext = request(new SeededRandom(7)),
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (let pick = 0; pick < picks; pick++) {
    const address = picker.pick(context)?.address ?? '-'
    counts.set(address, (counts.get(address) ?? 0) + 1)
  }
  return counts
}

/** The sum of those whose address begins like this. */
export function sumOf(counts: ReadonlyMap<string, number>, name: string): number {
  return [...counts].reduce((sum, [address, count]) => (address.startsWith(name) ? sum + count : sum), 0)
}

export type CountedStats = BalanceStats & { readonly counts: Map<string, number> }

/** What was counted is in `counts`. */
export function countedStats(): CountedStats {
  const counts = new Map<string, number>()
  const counter = (name: string) => ({
    add: (more: number) => void counts.set(name, (counts.get(name) ?? 0) + more),
    set: (value: number) => void counts.set(name, value),
  })
  return {
    counts,
    lbHealthyPanic: counter('panic'),
    lbSubsetsActive: counter('active'),
    lbSubsetsSelected: counter('selected'),
    lbSubsetsFallback: counter('fallback'),
    lbSubsetsFallbackPanic: counter('fallback panic'),
    lbSubsetsOverflow: counter('overflow'),
    lbSubsetsForgotten: counter('forgotten'),
    lbZoneRoutingAllDirectly: counter('all directly'),
    lbZoneRoutingSampled: counter('sampled'),
    lbZoneRoutingCrossZone: counter('cross zone'),
  }
}
