import type { ListenerConfig, RouteTableConfig } from '@meltemi/api/model'

/** Names of the clusters that routes lead to, copies of requests included. */
export function clustersOfTable({ routes }: RouteTableConfig): readonly string[] {
  return routes.flatMap(({ clusters, mirrors }) => [...clusters, ...mirrors].map(({ cluster }) => cluster))
}

/** Names of the clusters that a listener itself names; with rds, that is none. */
export function clustersOfListener({ filter }: ListenerConfig): readonly string[] {
  if (filter.kind === 'tcp-proxy') return filter.clusters.map(({ cluster }) => cluster)
  return clustersOfTable(filter.routes)
}
