import type { ExtAuthzConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertGrpcService, refuseOldVersion } from './grpc-service.ts'
import { convertMatch } from './match.ts'

/** As Envoy's. */
const TIMEOUT_MS = 200

/** Reads our ExtAuthz, or that of Envoy's network filter, which has the same names but less of them. */
export function convertExtAuthz(authz: ConfigMessage, context: ConvertContext): ExtAuthzConfig {
  refuseOldVersion(authz, 'transport_api_version')
  if (!authz.has('grpc_service')) authz.reportMissing('grpc_service')
  return {
    statPrefix: authz.text('stat_prefix'),
    grpcService: convertGrpcService(authz.message('grpc_service'), undefined, TIMEOUT_MS, context),
    failureModeAllow: authz.flag('failure_mode_allow') ?? false,
    includeTlsSession: authz.flag('include_tls_session') ?? false,
    match: convertMatch(authz.message('match')),
    contextExtensions: Object.fromEntries(authz.textMap('context_extensions')),
  }
}
