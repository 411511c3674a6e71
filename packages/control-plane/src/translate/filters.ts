import type { FilterConfig } from '@meltemi/api'
import { globalRateLimitToJson, localRateLimitToJson } from '@meltemi/api/encode'
import type { ProtocolView, ServiceView } from '../store/world.ts'
import { translateAuthorization } from './authorization/authorization.ts'
import { faultFilters } from './fault.ts'
import { translateGlobalRateLimit } from './global-rate-limit.ts'
import { translateLocalRateLimit } from './local-rate-limit.ts'

/** Names and types are those of the reference. */
const LOCAL_RATE_LIMIT = filterOf('local_ratelimit', 'LocalRateLimit')
const GLOBAL_RATE_LIMIT = filterOf('ratelimit', 'RateLimit')
const METADATA_EXCHANGE = filterOf('metadata_exchange', 'MetadataExchange')
const ISTIO_STATS = filterOf('istio_stats', 'IstioStats')

/**
 * Whoever may not send a request is told so before anything else looks at it; after that in the order of the reference.
 * Who calls whom is counted for every service; workloads are told who calls them unless their service wants it otherwise.
 */
export function translateFilters(
  view: ServiceView,
  protocol: ProtocolView,
  trustDomains: readonly string[],
): readonly FilterConfig[] {
  const authorization = translateAuthorization(view, protocol, trustDomains)
  // limits at the clients' side, since there are no listeners of ours beside workloads yet
  return [...authorization, ...rateLimitFilters(view), ...peerFilters(view), ...faultFilters(view)]
}

/** Of who calls whom. */
export function peerFilters({ host, tellsPeers }: ServiceView): readonly FilterConfig[] {
  const stats = { ...ISTIO_STATS, config: { destinationService: host } }
  return tellsPeers ? [METADATA_EXCHANGE, stats] : [stats]
}

/** The router's limits: the own one, then that of a service. */
export function rateLimitFilters({ router }: ServiceView): readonly FilterConfig[] {
  const { hosts: [host = ''] = [], localRateLimit: local, globalRateLimit: global } = router?.spec ?? {}
  const filters: FilterConfig[] = []
  if (local !== undefined)
    filters.push({ ...LOCAL_RATE_LIMIT, config: localRateLimitToJson(translateLocalRateLimit(host, local)) })
  if (global !== undefined)
    filters.push({ ...GLOBAL_RATE_LIMIT, config: globalRateLimitToJson(translateGlobalRateLimit(global)) })
  return filters
}

function filterOf(name: string, type: string): FilterConfig {
  const typeUrl = `type.googleapis.com/aeraki.meta_protocol_proxy.filters.${name}.v1alpha.${type}`
  return { name: `aeraki.meta_protocol.filters.${name}`, typeUrl, config: undefined }
}
