import type { ClusterConfig, ListenerConfig, RouteTableConfig } from '@meltemi/api/model'
import { rdsKey } from '@meltemi/api/model'
import type { ProxyFilterDefinition } from '../filters/proxy-filter.ts'
import { proxyFilters } from '../filters/proxy-filters.ts'
import { hostsBlock } from '../upstream/health/host-table.ts'
import type { SharedBlock } from '../upstream/shared-limits.ts'
import { routeFilterConfig } from './route-filter-config.ts'

/** The routes under a key of `rdsKey`; undefined: there are none yet. */
export type TableOf = (key: string) => RouteTableConfig | undefined

/** The memory that clusters and listeners share over all threads, besides their limits: each key once. */
export function sharedBlocks(
  clusters: readonly ClusterConfig[],
  listeners: readonly ListenerConfig[],
  tableOf: TableOf,
): readonly SharedBlock[] {
  const blocks = [
    ...clusters.flatMap(blocksOfHosts),
    ...listeners.flatMap((listener) => blocksOfFilters(listener, tableOf)),
  ]
  return [...new Map(blocks.map((block) => [block.key, block])).values()]
}

function blocksOfHosts({ name, outlierDetection, healthCheck }: ClusterConfig): readonly SharedBlock[] {
  return outlierDetection === undefined && healthCheck === undefined ? [] : [hostsBlock(name)]
}

function blocksOfFilters(listener: ListenerConfig, tableOf: TableOf): readonly SharedBlock[] {
  const { filter } = listener
  if (filter.kind !== 'meta-protocol') return []
  const routes = (filter.rds === undefined ? filter.routes : tableOf(rdsKey(filter.rds)))?.routes ?? []
  return filter.filters.flatMap((config) => {
    const definition: ProxyFilterDefinition | undefined = proxyFilters.find(({ typeUrl }) => typeUrl === config.typeUrl)
    if (definition?.sharedBlocks === undefined) return []
    const ofRoutes = routes.flatMap((route, position) => routeFilterConfig(config, route, position) ?? [])
    const sameType = ofRoutes.filter(({ typeUrl }) => typeUrl === config.typeUrl)
    return [config, ...sameType].flatMap((each) => definition.sharedBlocks?.(each, listener) ?? [])
  })
}
