import type { ResourceKey } from '@meltemi/api'
import type { StoredResource } from '../admin/backend.ts'
import { plainHost } from '../store/host-name.ts'
import type { World } from '../store/world.ts'

/**
 * `<namespace>/<host>` of services of which a RedisService or RedisDestination is refused and has no version in force: without
 * it their filters would ask for no password, for example.
 */
export function refusedRedis(resources: ReadonlyMap<ResourceKey, StoredResource>, world: World): ReadonlySet<string> {
  const found = new Set<string>()
  for (const [key, { resource }] of resources) {
    if (resource.kind !== 'RedisService' && resource.kind !== 'RedisDestination') continue
    if (world.resources.has(key)) continue
    // what is refused may lack what its type promises
    const { host } = (resource.spec ?? {}) as { readonly host?: unknown }
    for (const each of Array.isArray(host) ? (host as readonly unknown[]) : [host])
      if (typeof each === 'string') found.add(`${resource.metadata.namespace}/${plainHost(each)}`)
  }
  return found
}
