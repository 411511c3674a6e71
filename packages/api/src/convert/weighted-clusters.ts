import type { LbMetadata, WeightedCluster } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertMetadataMatch } from './lb-metadata.ts'

const LARGEST_SUM = 2 ** 32 - 1

/**
 * Field `cluster` or `weighted_clusters` of a route or a tcp_proxy, with the `metadata_match` beside it; any other way to
 * name a cluster is refused as unread.
 */
export function convertClusterChoice(owner: ConfigMessage, context: ConvertContext): readonly WeightedCluster[] {
  const wanted = convertMetadataMatch(owner)
  const weighted = owner.message('weighted_clusters')
  if (weighted !== undefined) return convertWeighted(weighted, wanted, context)
  if (owner.has('cluster_header')) return [{ cluster: '', weight: 1, ...metadataMatch(wanted) }]
  if (!owner.has('cluster')) return []
  if (owner.text('cluster') === '') owner.error('cluster', 'must not be empty')
  warnUnknownCluster(owner, 'cluster', context)
  return [{ cluster: owner.text('cluster'), weight: 1, ...metadataMatch(wanted) }]
}

function convertWeighted(
  weighted: ConfigMessage,
  wanted: LbMetadata | undefined,
  context: ConvertContext,
): readonly WeightedCluster[] {
  const clusters = weighted.messages('clusters').map((entry) => {
    if (entry.has('name')) warnUnknownCluster(entry, 'name', context)
    else if (!entry.has('cluster_header')) entry.reportMissing('name')
    const own = convertMetadataMatch(entry)
    return {
      cluster: entry.text('name'),
      weight: entry.number('weight') ?? 0,
      // what the cluster's entry says counts more than what the route says of all
      ...metadataMatch(own === undefined ? wanted : { ...wanted, ...own }),
    }
  })
  const sum = clusters.reduce((total, entry) => total + entry.weight, 0)
  if (clusters.length === 0) weighted.reportMissing('clusters')
  else if (sum === 0) weighted.error('clusters', 'the sum of the weights must be more than 0')
  else if (sum > LARGEST_SUM)
    weighted.error('clusters', `the sum of the weights must be at most ${LARGEST_SUM}, got ${sum}`)
  return clusters
}

function metadataMatch(wanted: LbMetadata | undefined): Pick<WeightedCluster, 'metadataMatch'> {
  return wanted === undefined ? {} : { metadataMatch: wanted }
}

/** Field `cluster_header` of a route: the key of the metadata that holds the cluster's name. */
export function convertClusterKey(action: ConfigMessage | undefined): { readonly clusterKey?: string } {
  return action?.has('cluster_header') ? { clusterKey: action.text('cluster_header') } : {}
}

/** Not an error: the cluster may come later, and until then the local reply says so. */
export function warnUnknownCluster(owner: ConfigMessage, name: string, context: ConvertContext): void {
  const cluster = owner.text(name)
  if (cluster !== '' && context.clusterNames?.has(cluster) === false)
    owner.warning(name, `there is no cluster ${JSON.stringify(cluster)}`)
}
