import type { LocalRateLimitConfig, TokenBucketConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertMatch } from './match.ts'

const MIN_INTERVAL_MS = 1
const DEFAULT_BUCKETS = 10_000

/** Reads a LocalRateLimit. */
export function convertLocalRateLimit(limit: ConfigMessage): LocalRateLimitConfig {
  const conditions = limit.messages('conditions').map((condition) => ({
    match: convertMatch(condition.message('match')),
    bucket: convertBucket(condition),
  }))
  const bucket = limit.has('token_bucket') ? convertBucket(limit) : undefined
  if (bucket === undefined && conditions.length === 0) limit.reportMissing('token_bucket')
  if (bucket === undefined && limit.has('token_bucket_scope')) {
    limit.refuse('token_bucket_scope', 'is of no use without a token_bucket')
  }
  return { statPrefix: limit.text('stat_prefix'), bucket, conditions, isShadow: limit.flag('shadow_mode') ?? false }
}

/** The token_bucket of a message, and whose it is. */
function convertBucket(owner: ConfigMessage): TokenBucketConfig {
  const bucket = owner.message('token_bucket')
  const scope = owner.message('token_bucket_scope')
  const fillIntervalMs = bucket?.exactMs('fill_interval') ?? MIN_INTERVAL_MS
  if (fillIntervalMs < MIN_INTERVAL_MS) bucket?.error('fill_interval', 'must be at least 1ms')
  return {
    maxTokens: bucket?.number('max_tokens') ?? 0,
    tokensPerFill: bucket?.number('tokens_per_fill') ?? 1,
    fillIntervalMs,
    ...convertScope(scope),
  }
}

function convertScope(
  scope: ConfigMessage | undefined,
): Pick<TokenBucketConfig, 'perConnection' | 'metadataKeys' | 'maxBuckets'> {
  const perConnection = scope?.flag('per_downstream_connection') ?? false
  const metadataKeys = scope?.texts('metadata_keys') ?? []
  if (scope !== undefined && !perConnection && metadataKeys.length === 0) scope.reportMissing('metadata_keys')
  if (scope?.has('max_buckets') && metadataKeys.length === 0) {
    scope.refuse('max_buckets', 'is of no use without metadata_keys')
  }
  return { perConnection, metadataKeys, maxBuckets: scope?.number('max_buckets') ?? DEFAULT_BUCKETS }
}
