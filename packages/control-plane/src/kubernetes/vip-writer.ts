import { isDeepStrictEqual } from 'node:util'
import { keyOf, type Resource, type ResourceKey, type ServiceEntry } from '@meltemi/api'
import type { StoredResource } from '../admin/backend.ts'
import { compareAge } from '../store/precedence.ts'
import type { World } from '../store/world.ts'
import { hasFilters } from '../translate/envoy-filters/filter-ports.ts'
import { callApi, MERGE_PATCH } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'
import { FIELD_MANAGER } from './labelled-objects.ts'
import { planVips, type VipClaim } from './vip-pool.ts'
import type { WriteRound } from './write-round.ts'

/** What is read of a ServiceEntry before it is changed. */
interface StoredEntry {
  readonly metadata: { readonly resourceVersion: string }
  readonly spec: { readonly addresses?: readonly string[] }
}

const GROUP = '/apis/networking.istio.io/v1alpha3'

/** Gives addresses to ServiceEntries that have none, or one that is an older one's, and a port for which there are EnvoyFilters. */
export class VipWriter {
  readonly #cluster: Cluster
  /** Written, and not yet seen by us. */
  readonly #given = new Map<ResourceKey, readonly string[]>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** `resources`: all there are. `accepted`: those in force. */
  async run(
    resources: ReadonlyMap<ResourceKey, StoredResource>,
    accepted: World['resources'],
    round: WriteRound,
  ): Promise<void> {
    const entries = [...resources.values()].flatMap(({ resource }) =>
      resource.kind === 'ServiceEntry' ? [resource] : [],
    )
    for (const key of this.#given.keys()) if (!resources.has(key)) this.#given.delete(key)
    const claims = entries.toSorted(compareAge).map((entry) => this.#claim(entry, accepted.get(keyOf(entry))))
    const { addresses, unserved } = planVips(claims)
    for (const key of unserved) round.fail(`an address for ${key}`, new Error('all 64,770 of 240.240.0.0/16 are taken'))
    const byKey = new Map(entries.map((entry) => [keyOf(entry), entry]))
    for (const [key, wanted] of addresses) await this.#give(byKey.get(key) as ServiceEntry, wanted, round)
  }

  #claim(entry: ServiceEntry, accepted: Resource | undefined): VipClaim {
    const key = keyOf(entry)
    const written = addressesOf(entry)
    const given = this.#given.get(key)
    if (given !== undefined && !isDeepStrictEqual(written, given)) return { key, addresses: given, isOurs: false }
    this.#given.delete(key)
    return { key, addresses: written, isOurs: accepted?.kind === 'ServiceEntry' && isServed(accepted) }
  }

  async #give(entry: ServiceEntry, addresses: readonly string[], round: WriteRound): Promise<void> {
    const { namespace, name } = entry.metadata
    const path = `${GROUP}/namespaces/${namespace}/serviceentries/${name}`
    const { signal } = round
    const isDone = await round.write(`give ${addresses} to ServiceEntry ${namespace}/${name}`, async () => {
      const { metadata, spec } = await callApi<StoredEntry>(this.#cluster, path, { signal })
      if (!isDeepStrictEqual(spec.addresses ?? [], addressesOf(entry)))
        throw new Error('its addresses are others by now')
      // fails when somebody was faster
      const body = { metadata: { resourceVersion: metadata.resourceVersion }, spec: { addresses } }
      const call = { method: 'PATCH', contentType: MERGE_PATCH, body, signal } as const
      await callApi(this.#cluster, `${path}?${FIELD_MANAGER}`, call)
    })
    if (isDone) this.#given.set(keyOf(entry), addresses)
  }
}

/** Names with a wildcard lead to no one address, and without a resolution connections go where clients mean them. */
function isServed({ spec: { hosts, ports = [], resolution = 'NONE' } }: ServiceEntry): boolean {
  if (resolution === 'NONE' || (hosts[0] ?? '*').includes('*')) return false
  return ports.some(({ name }) => hasFilters(name))
}

/** What is refused may lack what its type promises. */
function addressesOf({ spec }: ServiceEntry): readonly string[] {
  const { addresses } = (spec ?? {}) as { readonly addresses?: unknown }
  return Array.isArray(addresses) ? addresses.filter((address) => typeof address === 'string') : []
}
