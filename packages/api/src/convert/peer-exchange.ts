import type { ConfigMessage } from '../schema/config-message.ts'

/**
 * Istio's proxies tell each other what they are in bytes before those of the client, where both ask for this protocol by
 * ALPN. Here messages themselves carry it, see the filter `metadata_exchange`: so it is never asked for nor agreed on, and
 * the filter that would speak it has nothing to do.
 */
export const PEER_EXCHANGE = 'istio-peer-exchange'
const METADATA_EXCHANGE = 'envoy.tcp.metadataexchange.config.MetadataExchange'

/** Refuses all `filters` of a cluster but that one. */
export function checkClusterFilters(cluster: ConfigMessage): void {
  for (const filter of cluster.messages('filters')) {
    const config = filter.any('typed_config')
    if (config === undefined) filter.reportMissing('typed_config')
    else if (config.typeName !== METADATA_EXCHANGE)
      filter.problems.refuse(config, `filter ${config.typeName} of a cluster is not supported yet`)
  }
}
