import type { GrpcServiceConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertHeader } from './tracer.ts'
import { warnUnknownCluster } from './weighted-clusters.ts'

/** Reads the GrpcService of a filter. `timeoutMs`: what the filter says itself, `defaultMs` where neither says anything. */
export function convertGrpcService(
  service: ConfigMessage | undefined,
  timeoutMs: number | undefined,
  defaultMs: number,
  context: ConvertContext,
): GrpcServiceConfig {
  const grpc = service?.message('envoy_grpc')
  if (grpc !== undefined) warnUnknownCluster(grpc, 'cluster_name', context)
  // where both are said, that of the service stays unread, and is refused
  const chosen = timeoutMs ?? service?.durationMs('timeout') ?? defaultMs
  return {
    cluster: grpc?.text('cluster_name') ?? '',
    authority: grpc?.text('authority') ?? '',
    headers: service?.messages('initial_metadata').map(convertHeader) ?? [],
    timeoutMs: chosen,
  }
}

/** Envoy's services and resources have version 3, and no other. */
export function refuseOldVersion(owner: ConfigMessage, name: string): void {
  if (owner.enumName(name) === 'V2') owner.error(name, 'expected V3, got V2')
}
