import { authorization, httpAuthorization } from './authorization/authorization.ts'
import { envoyExtAuthz, extAuthz } from './ext-authz/ext-authz.ts'
import { fault } from './fault/fault-filter.ts'
import { globalRateLimit } from './global-rate-limit/global-rate-limit.ts'
import { istioStats } from './istio-stats/istio-stats.ts'
import { localRateLimit } from './local-rate-limit/local-rate-limit.ts'
import { metadataOperations } from './metadata/metadata-operations.ts'
import { metadataExchange } from './metadata-exchange/metadata-exchange.ts'
import type { ProxyFilterDefinition } from './proxy-filter.ts'

/** The filters of the proxy itself. */
export const proxyFilters: readonly ProxyFilterDefinition[] = [
  authorization,
  httpAuthorization,
  localRateLimit,
  globalRateLimit,
  extAuthz,
  envoyExtAuthz,
  metadataExchange,
  istioStats,
  fault,
  metadataOperations,
]
