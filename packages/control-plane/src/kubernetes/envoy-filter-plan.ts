import { isDeepStrictEqual } from 'node:util'
import { type EnvoyFilter, FILTER_NAMES } from '../translate/envoy-filters/envoy-filter.ts'
import type { ApiObject } from './api-object.ts'

/** An EnvoyFilter as the API server has it: of ours, or of anybody who gave it our label. */
export interface StoredFilter extends ApiObject {
  readonly spec?: unknown
}

export interface PlanInputs {
  readonly stored: readonly StoredFilter[]
  readonly wanted: readonly EnvoyFilter[]
  /** Names that are not to be deleted. */
  readonly isKept: (name: string) => boolean
}

export interface FilterPlan {
  readonly create: readonly EnvoyFilter[]
  readonly update: readonly { readonly stored: StoredFilter; readonly wanted: EnvoyFilter }[]
  readonly delete: readonly StoredFilter[]
}

/** What is to be done so that there is what is wanted. Nothing, when it has been done. */
export function planFilters({ stored, wanted, isKept }: PlanInputs): FilterPlan {
  const before = new Map(stored.map((filter) => [keyOf(filter), filter]))
  const after = new Map(wanted.map((filter) => [keyOf(filter), filter]))
  return {
    create: [...after.values()].filter((filter) => !before.has(keyOf(filter))),
    update: [...after].flatMap(([key, filter]) => {
      const old = before.get(key)
      return old === undefined || isDeepStrictEqual(old.spec, filter.spec) ? [] : [{ stored: old, wanted: filter }]
    }),
    delete: [...before]
      .filter(([key, old]) => !after.has(key) && isOfSidecars(old) && !isKept(old.metadata.name))
      .map(([, old]) => old),
  }
}

function keyOf({ metadata: { namespace = '', name } }: ApiObject): string {
  return `${namespace}/${name}`
}

/** Aeraki has made others as well, of gateways and of the protocols that Envoy has by itself, in whose place we put nothing. */
function isOfSidecars({ metadata: { name }, spec }: StoredFilter): boolean {
  if (!/^aeraki-(outbound|inbound)-/.test(name)) return false
  const { configPatches } = (spec ?? {}) as { readonly configPatches?: unknown }
  return Array.isArray(configPatches) && configPatches.every(isOfOurs)
}

function isOfOurs(patch: { readonly patch?: { readonly value?: { readonly name?: unknown } } } | null): boolean {
  return FILTER_NAMES.has(patch?.patch?.value?.name)
}
