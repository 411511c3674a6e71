import type { FilterConfig, FilterOverride, RouteConfig } from '@meltemi/api/model'

/** What is needed of a route; a compiled one has it too. */
type OverridingRoute = Pick<RouteConfig, 'name'> & { readonly overrides?: readonly FilterOverride[] }

/**
 * What a route says to a filter of its listener: undefined: nothing; null: to be off. Its name tells for which route it
 * is, so that what filters keep by their configuration is kept for each route. Over xDS routes may speak to filters that a
 * listener does not have, and are not heard, as in Envoy.
 */
export function routeFilterConfig(
  filter: FilterConfig,
  route: OverridingRoute,
  position: number,
): FilterConfig | null | undefined {
  const override = route.overrides?.find(({ name }) => name === filter.name)
  if (override === undefined) return undefined
  if (override.filter === undefined) return null
  return { ...override.filter, name: `${filter.name}/${route.name || `#${position}`}` }
}
