import { create, type JsonValue, toJson } from '@bufbuild/protobuf'
import {
  type BucketScopeSchema,
  LocalRateLimitSchema,
} from '../gen/aeraki/meta_protocol_proxy/filters/local_ratelimit/v1alpha/local_ratelimit_pb.ts'
import type { LocalRateLimitConfig, TokenBucketConfig } from '../model/index.ts'
import { typeRegistry } from '../schema/type-registry.ts'
import type { Init } from './init.ts'
import { matchersInit } from './match.ts'

const DEFAULT_BUCKETS = 10_000
const NANOS_PER_MS = 1_000_000
const NANOS_PER_S = 1_000_000_000

/** A LocalRateLimit in proto3 JSON, as the configuration of a filter. */
export function localRateLimitToJson({ statPrefix, bucket, conditions, isShadow }: LocalRateLimitConfig): JsonValue {
  const message = create(LocalRateLimitSchema, {
    statPrefix,
    ...(bucket === undefined ? {} : bucketInit(bucket)),
    conditions: conditions.map((condition) => ({
      match: { metadata: matchersInit(condition.match) },
      ...bucketInit(condition.bucket),
    })),
    shadowMode: isShadow,
  })
  return toJson(LocalRateLimitSchema, message, { registry: typeRegistry })
}

function bucketInit(bucket: TokenBucketConfig) {
  const { maxTokens, tokensPerFill, fillIntervalMs, perConnection, metadataKeys } = bucket
  const nanos = Math.round(fillIntervalMs * NANOS_PER_MS)
  return {
    tokenBucket: {
      maxTokens,
      tokensPerFill,
      fillInterval: { seconds: BigInt(Math.floor(nanos / NANOS_PER_S)), nanos: nanos % NANOS_PER_S },
    },
    ...(perConnection || metadataKeys.length > 0 ? { tokenBucketScope: scopeInit(bucket) } : {}),
  } satisfies Init<typeof LocalRateLimitSchema>
}

function scopeInit({ perConnection, metadataKeys, maxBuckets }: TokenBucketConfig): Init<typeof BucketScopeSchema> {
  return {
    perDownstreamConnection: perConnection,
    metadataKeys: [...metadataKeys],
    ...(maxBuckets === DEFAULT_BUCKETS ? {} : { maxBuckets }),
  }
}
