import { isDeepStrictEqual } from 'node:util'
import type { FilterConfig } from '@meltemi/api/model'
import type { ProxyFilter } from '../filters/proxy-filter.ts'
import { type MadeFilter, type RouteFilter, RouteFilters } from '../filters/route-filters.ts'
import type { CompiledRoute } from '../routing/route.ts'
import type { RouteTable } from '../routing/table.ts'
import { routeFilterConfig } from './route-filter-config.ts'

export interface RouteFiltersParts {
  /** Of the listener. */
  readonly configs: readonly FilterConfig[]
  readonly filters: readonly ProxyFilter[]
  /** Makes a filter in the place `slot` of the listener's. Throws when it cannot. */
  create(config: FilterConfig, slot: number): ProxyFilter
}

/**
 * Makes the filters that the routes of a table have for themselves; null: none. Those that are as `before` go on with what
 * they know. Throws an Error that names the filter and its route.
 */
export function buildRouteFilters(
  parts: RouteFiltersParts,
  table: RouteTable,
  before: RouteFilters | null,
): RouteFilters | null {
  if (!table.hasOverrides || parts.configs.length === 0) return null
  const made = new Map<string, MadeFilter>()
  const make = (config: FilterConfig, slot: number): ProxyFilter => {
    const key = keyOf(config, slot, made)
    const known = [made.get(key), before?.made.get(key)].find((each) => isDeepStrictEqual(each?.config, config))
    const filter = known?.filter ?? createFor(parts, config, slot)
    made.set(key, { config, filter })
    return filter
  }
  const byRoute = new Map<CompiledRoute, readonly RouteFilter[]>()
  for (const [position, route] of table.routes.entries()) {
    const filters = parts.configs.map((base, slot) => {
      const config = routeFilterConfig(base, route, position)
      return config ? make(config, slot) : config
    })
    if (filters.some((filter) => filter !== undefined)) byRoute.set(route, filters)
  }
  return byRoute.size === 0 ? null : new RouteFilters({ table, base: parts.filters, byRoute, made })
}

/** Routes of one name may say different things. */
function keyOf(config: FilterConfig, slot: number, made: ReadonlyMap<string, MadeFilter>): string {
  for (let nth = 0; ; nth++) {
    const key = `${slot}/${nth}/${config.name}`
    const there = made.get(key)
    if (there === undefined || isDeepStrictEqual(there.config, config)) return key
  }
}

function createFor(parts: RouteFiltersParts, config: FilterConfig, slot: number): ProxyFilter {
  const base = parts.configs[slot] as FilterConfig
  if (base.typeUrl !== config.typeUrl) {
    throw new Error(`filter '${config.name}': expected a ${base.typeUrl}, got a ${config.typeUrl}`)
  }
  return parts.create(config, slot)
}
