/** Which objects with Aeraki's label are of those that are made here, so that they go when nothing stands for them. */

import { FILTER_NAMES, META_PROTOCOL_FILTER } from '../translate/envoy-filters/envoy-filter.ts'
import { GATEWAY_PREFIX, VIRTUAL_SERVICE_PREFIX } from '../translate/envoy-filters/filter-names.ts'
import type { StoredObject } from './object-plan.ts'

/** Aeraki has made others as well, of the protocols that Envoy has by itself, in whose place we put nothing. */
export function isOfSidecars(stored: StoredObject): boolean {
  return /^aeraki-(outbound|inbound)-/.test(stored.metadata.name) && patchesOf(stored) !== undefined
}

/** The host of the service that an EnvoyFilter leads a gateway to; empty: it does not say; undefined: it is none of ours. */
export function hostOfGatewayFilter(stored: StoredObject): string | undefined {
  // Aeraki puts no others there
  const patches = patchesOf(stored, new Set([META_PROTOCOL_FILTER]))
  if (!stored.metadata.name.startsWith(GATEWAY_PREFIX) || patches === undefined) return undefined
  const routes = patches[0]?.patch?.value?.typed_config?.value?.rds?.routeConfigName
  return typeof routes === 'string' ? routes.replace(/_\d+$/, '') : ''
}

/** The same of a VirtualService. */
export function hostOfVirtualService({ metadata, spec }: StoredObject): string | undefined {
  if (!metadata.name.startsWith(VIRTUAL_SERVICE_PREFIX)) return undefined
  const { hosts } = (spec ?? {}) as { readonly hosts?: unknown }
  const [host] = Array.isArray(hosts) ? (hosts as readonly unknown[]) : []
  return typeof host === 'string' ? host : ''
}

/** As somebody may have written it. */
interface Patch {
  readonly applyTo?: unknown
  readonly match?: { readonly cluster?: { readonly name?: unknown } }
  readonly patch?: {
    readonly value?: {
      readonly name?: unknown
      readonly typed_config?: { readonly value?: { readonly rds?: { readonly routeConfigName?: unknown } } }
    }
  }
}

/** Those of filters, without those of the clusters beside them; undefined: not all are of filters of ours. */
function patchesOf({ spec }: StoredObject, names: ReadonlySet<unknown> = FILTER_NAMES): readonly Patch[] | undefined {
  const { configPatches } = (spec ?? {}) as { readonly configPatches?: unknown }
  if (!Array.isArray(configPatches)) return undefined
  const all = configPatches as readonly (Patch | null)[]
  const patches = all.filter((patch) => !isOfCluster(patch))
  const isOurs = patches.length > 0 || all.length === 0
  return isOurs && patches.every((patch) => names.has(patch?.patch?.value?.name))
    ? (patches as readonly Patch[])
    : undefined
}

/** Of a cluster of clients: it is taken away, and another one put in its place. */
function isOfCluster(patch: Patch | null): boolean {
  const name = patch?.match?.cluster?.name ?? patch?.patch?.value?.name
  return patch?.applyTo === 'CLUSTER' && typeof name === 'string' && name.startsWith('outbound|')
}
