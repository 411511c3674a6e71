import { durationFromMs } from '@bufbuild/protobuf/wkt'
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSourceSchema,
} from '../gen/envoy/config/core/v3/config_source_pb.ts'
import type { ApiConfigSource, ConfigSource } from '../model/index.ts'
import type { Init } from './init.ts'

const DEFAULT_FETCH_TIMEOUT_MS = 15_000

/** A ConfigSource, which says where a resource comes from. */
export function configSourceInit(source: ConfigSource): Init<typeof ConfigSourceSchema> {
  return {
    configSourceSpecifier:
      source.kind === 'ads' ? { case: 'ads', value: {} } : { case: 'apiConfigSource', value: apiInit(source.api) },
    resourceApiVersion: ApiVersion.V3,
    ...(source.initialFetchTimeoutMs === DEFAULT_FETCH_TIMEOUT_MS
      ? {}
      : { initialFetchTimeout: durationFromMs(source.initialFetchTimeoutMs) }),
  }
}

function apiInit({ cluster, delta }: ApiConfigSource) {
  return {
    apiType: delta ? ApiConfigSource_ApiType.DELTA_GRPC : ApiConfigSource_ApiType.GRPC,
    transportApiVersion: ApiVersion.V3,
    grpcServices: [{ targetSpecifier: { case: 'envoyGrpc' as const, value: { clusterName: cluster } } }],
  }
}
