import { keyOf, type PlacedResource, parseResources, type Resource, type ResourceKey } from '@meltemi/api'
import { WorldBuilder, type WorldOptions } from '../store/build-world.ts'
import { withVersion } from '../store/resource-version.ts'
import type { ServiceView, StatusNote, World } from '../store/world.ts'

/** Resources as a user writes them, for tests. */

export const WORLD_OPTIONS: WorldOptions = {
  domain: 'cluster.local',
  defaultProtocols: [
    { protocol: 'thrift', codec: 'aeraki.meta_protocol.codec.thrift' },
    { protocol: 'awesomerpc', codec: 'aeraki.meta_protocol.codec.awesomerpc' },
  ],
}

/** Throws for a text with mistakes. */
export function placed(yaml: string, file = 'test.yaml'): readonly PlacedResource[] {
  const { resources, problems } = parseResources(yaml, file)
  const error = problems.find(({ severity }) => severity === 'error')
  if (error !== undefined) throw new Error(`${error.line}: ${error.path}: ${error.message}`)
  return resources
}

export function resources(yaml: string): readonly Resource[] {
  return placed(yaml).map(({ resource }) => withVersion(resource))
}

export function byKey(list: readonly Resource[]): ReadonlyMap<ResourceKey, Resource> {
  return new Map(list.map((resource) => [keyOf(resource), resource]))
}

export function worldOf(yaml: string): World {
  return new WorldBuilder(WORLD_OPTIONS).apply({ set: byKey(resources(yaml)), deleted: [], modules: new Map() })
}

/** The only service of a world, or the one with this host. */
export function serviceOf(yaml: string, host?: string): ServiceView {
  const { services } = worldOf(yaml)
  const view = host === undefined ? [...services.values()][0] : services.get(host)
  if (view === undefined) throw new Error(`there is no service ${host ?? ''}`)
  return view
}

/** `severity code key path` of each, in order. */
export function shown(notes: readonly StatusNote[]): readonly string[] {
  return notes.map(({ severity, code, key, path }) => `${severity} ${code} ${key} ${path.join('.')}`).sort()
}
