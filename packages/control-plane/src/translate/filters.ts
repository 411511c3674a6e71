import type { FilterConfig } from '@meltemi/api'
import type { ServiceView } from '../store/world.ts'

/** Names and types are those of the reference. */
const METADATA_EXCHANGE = filterOf('metadata_exchange', 'MetadataExchange')
const ISTIO_STATS = filterOf('istio_stats', 'IstioStats')

/** Who calls whom is counted for every service; workloads are told who calls them unless their service wants it otherwise. */
export function translateFilters({ host, tellsPeers }: ServiceView): readonly FilterConfig[] {
  const stats = { ...ISTIO_STATS, config: { destinationService: host } }
  return tellsPeers ? [METADATA_EXCHANGE, stats] : [stats]
}

function filterOf(name: string, type: string): FilterConfig {
  const typeUrl = `type.googleapis.com/aeraki.meta_protocol_proxy.filters.${name}.v1alpha.${type}`
  return { name: `aeraki.meta_protocol.filters.${name}`, typeUrl, config: undefined }
}
