/** Which objects with Aeraki's label are of those that are made here, so that they go when nothing stands for them. */

import { FILTER_NAMES } from '../translate/envoy-filters/envoy-filter.ts'
import { GATEWAY_PREFIX, VIRTUAL_SERVICE_PREFIX } from '../translate/envoy-filters/filter-names.ts'
import type { StoredObject } from './object-plan.ts'

/** Aeraki has made others as well, of the protocols that Envoy has by itself, in whose place we put nothing. */
export function isOfSidecars(stored: StoredObject): boolean {
  return /^aeraki-(outbound|inbound)-/.test(stored.metadata.name) && patchesOf(stored) !== undefined
}

/** The host of the service that an EnvoyFilter leads a gateway to; empty: it does not say; undefined: it is none of ours. */
export function hostOfGatewayFilter(stored: StoredObject): string | undefined {
  const patches = patchesOf(stored)
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
  readonly patch?: {
    readonly value?: {
      readonly name?: unknown
      readonly typed_config?: { readonly value?: { readonly rds?: { readonly routeConfigName?: unknown } } }
    }
  }
}

/** undefined: not all are of filters of ours. */
function patchesOf({ spec }: StoredObject): readonly Patch[] | undefined {
  const { configPatches } = (spec ?? {}) as { readonly configPatches?: unknown }
  if (!Array.isArray(configPatches)) return undefined
  const patches = configPatches as readonly (Patch | null)[]
  return patches.every((patch) => FILTER_NAMES.has(patch?.patch?.value?.name))
    ? (patches as readonly Patch[])
    : undefined
}
