import { create, type JsonValue, toJson } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import { RateLimitSchema } from '../gen/aeraki/meta_protocol_proxy/filters/global_ratelimit/v1alpha/ratelimit_pb.ts'
import type { MatchConfig } from '../model/index.ts'
import { typeRegistry } from '../schema/type-registry.ts'
import { matchersInit } from './match.ts'

/** What the reference's RateLimit can say. */
export interface ReferenceRateLimit {
  readonly match: MatchConfig
  readonly domain: string
  readonly cluster: string
  /** undefined: the proxy's default. */
  readonly timeoutMs: number | undefined
  readonly failureModeDeny: boolean
  readonly descriptors: readonly { readonly property: string; readonly descriptorKey: string }[]
}

/** A RateLimit in proto3 JSON, as the configuration of a filter. */
export function globalRateLimitToJson(limit: ReferenceRateLimit): JsonValue {
  const { match, domain, cluster, timeoutMs, failureModeDeny, descriptors } = limit
  const message = create(RateLimitSchema, {
    ...(match.metadata.length === 0 ? {} : { match: { metadata: matchersInit(match) } }),
    domain,
    ...(timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) }),
    failureModeDeny,
    rateLimitService: {
      grpcService: { targetSpecifier: { case: 'envoyGrpc', value: { clusterName: cluster } } },
    },
    descriptors: descriptors.map(({ property, descriptorKey }) => ({ property, descriptorKey })),
  })
  return toJson(RateLimitSchema, message, { registry: typeRegistry })
}
