import {
  type LocalRateLimit,
  type LocalRateLimitConfig,
  type TokenBucket,
  type TokenBucketConfig,
  type TokenBucketScope,
  tryParseDuration,
} from '@meltemi/api'
import { translateMatch } from './match.ts'

const DEFAULT_BUCKETS = 10_000

/** Its statistics have the name of the host, as in the reference. */
export function translateLocalRateLimit(host: string, limit: LocalRateLimit): LocalRateLimitConfig {
  const { tokenBucket, tokenBucketScope, conditions = [], shadowMode = false } = limit
  return {
    statPrefix: host,
    bucket: tokenBucket === undefined ? undefined : translateBucket(tokenBucket, tokenBucketScope),
    conditions: conditions.map((condition) => ({
      match: translateMatch(condition.match),
      bucket: translateBucket(condition.tokenBucket, condition.tokenBucketScope),
    })),
    isShadow: shadowMode,
  }
}

/** Throws for an interval that is none. */
function translateBucket(
  { maxTokens, tokensPerFill, fillInterval }: TokenBucket,
  { perDownstreamConnection = false, attributes = [], maxBuckets = DEFAULT_BUCKETS }: TokenBucketScope = {},
): TokenBucketConfig {
  const fillIntervalMs = tryParseDuration(fillInterval)
  if (fillIntervalMs === undefined) throw new TypeError(`${JSON.stringify(fillInterval)} is no duration`)
  const scope = { perConnection: perDownstreamConnection, metadataKeys: attributes, maxBuckets }
  return { maxTokens, tokensPerFill, fillIntervalMs, ...scope }
}
