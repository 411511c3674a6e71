import type { Locality } from '@meltemi/api/model'
import { localityKey } from './balance/localities.ts'
import type { Placed } from './balance/picker.ts'
import type { LocalZones } from './balance/zone-aware.ts'

/** The zones of this proxy and those like it, from the endpoints of the cluster that is named for them. */
export function localZones(own: Locality | undefined, endpoints: readonly Placed[]): LocalZones | undefined {
  if (own === undefined) return undefined
  const total = new Map<string, number>()
  const healthy = new Map<string, number>()
  for (const endpoint of endpoints) {
    const key = localityKey(endpoint.locality)
    total.set(key, (total.get(key) ?? 0) + 1)
    if (endpoint.healthy && !endpoint.degraded) healthy.set(key, (healthy.get(key) ?? 0) + 1)
  }
  return { own: localityKey(own), total, healthy }
}
