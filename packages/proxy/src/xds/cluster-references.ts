import { clustersOfFilter, type ListenerConfig, type RouteTableConfig } from '@meltemi/api/model'

/** Names of the clusters that routes lead to, copies of requests included. */
export function clustersOfTable({ routes }: RouteTableConfig): readonly string[] {
  return routes
    .flatMap(({ clusters, mirrors }) => [...clusters, ...mirrors].map(({ cluster }) => cluster))
    .filter(isNamed)
}

/** By the route, and not by each request. */
function isNamed(cluster: string): boolean {
  return cluster !== ''
}

/** Names of the clusters that a listener itself names: its filters, and without rds its routes. */
export function clustersOfListener({ filter }: ListenerConfig): readonly string[] {
  if (filter.kind === 'tcp-proxy') return filter.clusters.map(({ cluster }) => cluster)
  return [...filter.filters.flatMap(clustersOfFilter), ...clustersOfTable(filter.routes)]
}
