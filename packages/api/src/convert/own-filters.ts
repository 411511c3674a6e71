import type { ConfigMessage } from '../schema/config-message.ts'
import { convertHttpRbac, convertNetworkRbac } from './authorization.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertExtAuthz } from './ext-authz.ts'
import { convertFault } from './fault.ts'
import { convertGlobalRateLimit } from './global-rate-limit.ts'
import { convertLocalRateLimit } from './local-rate-limit.ts'
import { convertMetadataOperations } from './metadata-operations.ts'

const FILTERS = 'aeraki.meta_protocol_proxy.filters'

/**
 * Reads the configuration of one type of filter: plain data for the proxy's filter of that type. What it does not read
 * is refused.
 */
export type FilterConverter = (config: ConfigMessage, context: ConvertContext) => unknown

/** By full name of the message. The filters themselves are in the proxy; others check their configuration themselves. */
export const OWN_FILTERS: ReadonlyMap<string, FilterConverter> = new Map<string, FilterConverter>([
  ['envoy.extensions.filters.network.rbac.v3.RBAC', convertNetworkRbac],
  ['envoy.extensions.filters.http.rbac.v3.RBAC', convertHttpRbac],
  [`${FILTERS}.ratelimit.v1alpha.RateLimit`, convertGlobalRateLimit],
  ['envoy.extensions.filters.network.ext_authz.v3.ExtAuthz', convertExtAuthz],
  ['meltemi.v1.ExtAuthz', convertExtAuthz],
  [`${FILTERS}.local_ratelimit.v1alpha.LocalRateLimit`, convertLocalRateLimit],
  ['meltemi.filters.fault.v1.Fault', convertFault],
  ['meltemi.filters.metadata.v1.MetadataOperations', convertMetadataOperations],
])
