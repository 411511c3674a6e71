import type { ApiConfigSource, ConfigSource } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { SourceContext } from './convert-context.ts'
import { refuseOldVersion } from './grpc-service.ts'

const FETCH_TIMEOUT_MS = 15_000

/** Reads field `name`, a ConfigSource: `ads`, or an `api_config_source` over gRPC. undefined, with problems: neither. */
export function convertConfigSource(
  owner: ConfigMessage,
  name: string,
  context: SourceContext,
): ConfigSource | undefined {
  const source = owner.message(name)
  if (source === undefined) return undefined
  refuseOldVersion(source, 'resource_api_version')
  const initialFetchTimeoutMs = source.durationMs('initial_fetch_timeout') ?? FETCH_TIMEOUT_MS
  if (source.message('ads') !== undefined) {
    if (!context.hasAds) source.error('ads', 'there is no dynamic_resources.ads_config to ask')
    return { kind: 'ads', initialFetchTimeoutMs }
  }
  const api = convertApiConfigSource(source, 'api_config_source', context)
  return api === undefined ? undefined : { kind: 'grpc', api, initialFetchTimeoutMs }
}

/** Reads field `name`, an ApiConfigSource of type GRPC or DELTA_GRPC with one cluster of the bootstrap. */
export function convertApiConfigSource(
  owner: ConfigMessage,
  name: string,
  context: SourceContext,
): ApiConfigSource | undefined {
  const source = owner.message(name)
  if (source === undefined) return undefined
  const type = source.enumName('api_type')
  if (type !== 'GRPC' && type !== 'DELTA_GRPC') source.error('api_type', `expected GRPC or DELTA_GRPC, got ${type}`)
  refuseOldVersion(source, 'transport_api_version')
  return { cluster: convertService(source, context), delta: type === 'DELTA_GRPC' }
}

function convertService(source: ConfigMessage, { staticClusters }: SourceContext): string {
  const [service, another] = source.messages('grpc_services')
  if (service === undefined) source.reportMissing('grpc_services')
  if (another !== undefined) another.problems.error(another, 'more than one service is not supported yet')
  const grpc = service?.message('envoy_grpc')
  const cluster = grpc?.text('cluster_name') ?? ''
  if (cluster !== '' && !staticClusters.has(cluster)) {
    grpc?.error(
      'cluster_name',
      `there is no cluster ${JSON.stringify(cluster)} in the bootstrap with endpoints of its own`,
    )
  }
  return cluster
}
