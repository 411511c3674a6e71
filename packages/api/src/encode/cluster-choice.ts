import type { RouteConfig, WeightedCluster } from '../model/index.ts'
import { lbMetadataInit } from './lb-metadata.ts'

type MetadataMatch = { metadataMatch?: ReturnType<typeof lbMetadataInit> }

interface WeightedClusters {
  readonly clusters: ({ name: string; weight: number } & MetadataMatch)[]
  readonly totalWeight: number
}

/** How routes name where requests go: one cluster, or several with their weights and the sum that older readers want. */
export type ClusterSpecifier =
  | { readonly case: 'cluster'; readonly value: string }
  | { readonly case: 'weightedClusters'; readonly value: WeightedClusters }

export type ClusterChoice = { readonly clusterSpecifier: ClusterSpecifier } & Readonly<MetadataMatch>

/** The fields of a route's action, or a tcp_proxy. */
export function clusterChoiceInit(clusters: readonly WeightedCluster[]): ClusterChoice {
  const [first, ...others] = clusters
  if (first !== undefined && others.length === 0 && first.weight === 1) {
    return { clusterSpecifier: { case: 'cluster', value: first.cluster }, ...metadataMatchInit(first) }
  }
  const totalWeight = clusters.reduce((sum, { weight }) => sum + weight, 0)
  const entries = clusters.map((each) => ({ name: each.cluster, weight: each.weight, ...metadataMatchInit(each) }))
  return { clusterSpecifier: { case: 'weightedClusters', value: { clusters: entries, totalWeight } } }
}

function metadataMatchInit({ metadataMatch }: WeightedCluster): MetadataMatch {
  return metadataMatch === undefined ? {} : { metadataMatch: lbMetadataInit(metadataMatch) }
}

/** The same of a route, which may leave it to a key of the metadata. */
export function routeClusterInit({ clusters, clusterKey }: Pick<RouteConfig, 'clusters' | 'clusterKey'>) {
  const [first] = clusters
  if (clusterKey === undefined || first === undefined) return clusterChoiceInit(clusters)
  return { clusterSpecifier: { case: 'clusterHeader' as const, value: clusterKey }, ...metadataMatchInit(first) }
}
