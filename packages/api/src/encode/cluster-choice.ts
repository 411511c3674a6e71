import type { WeightedCluster } from '../model/index.ts'

interface WeightedClusters {
  readonly clusters: { name: string; weight: number }[]
  readonly totalWeight: number
}

/** How routes name where requests go: one cluster, or several with their weights and the sum that older readers want. */
export type ClusterChoice =
  | { readonly case: 'cluster'; readonly value: string }
  | { readonly case: 'weightedClusters'; readonly value: WeightedClusters }

export function clusterChoiceInit(clusters: readonly WeightedCluster[]): ClusterChoice {
  const [first, ...others] = clusters
  if (first !== undefined && others.length === 0 && first.weight === 1) return { case: 'cluster', value: first.cluster }
  const totalWeight = clusters.reduce((sum, { weight }) => sum + weight, 0)
  const entries = clusters.map(({ cluster, weight }) => ({ name: cluster, weight }))
  return { case: 'weightedClusters', value: { clusters: entries, totalWeight } }
}
