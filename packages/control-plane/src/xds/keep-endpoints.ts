import type { Snapshot, XdsResource } from './xds-resource.ts'

/**
 * A snapshot as one stream must see it. A cluster that is gone stays with its client until nothing refers to it, and so
 * do its endpoints: Envoy does not answer before it has them, even if it was to have the cluster for a moment only.
 */
export function keepEndpoints(
  next: Snapshot,
  before: Snapshot | undefined,
  hasCluster: (name: string) => boolean,
): Snapshot {
  const { cluster, endpoint } = next.resources
  if (before === undefined || before.resources.endpoint === endpoint) return next
  const kept: (readonly [string, XdsResource])[] = []
  before.resources.endpoint.forEach((resource, name) => {
    if (!endpoint.has(name) && !cluster.has(name) && hasCluster(name)) kept.push([name, resource])
  })
  if (kept.length === 0) return next
  return { ...next, resources: { ...next.resources, endpoint: new Map([...endpoint, ...kept]) } }
}
