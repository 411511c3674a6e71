import {
  type LocalRateLimit,
  type MetaRouterSpec,
  type ResourcePath,
  type ResourceProblems,
  tryParseDuration,
} from '@meltemi/api/resource'
import { checkMatch } from './check-match.ts'
import type { Loose } from './loose.ts'

const MIN_FILL_INTERVAL_MS = 1

type Local = Loose<LocalRateLimit>

export function checkRateLimits(
  { localRateLimit, globalRateLimit }: Loose<MetaRouterSpec>,
  problems: ResourceProblems,
): void {
  if (localRateLimit !== undefined) checkLocal(localRateLimit, ['spec', 'localRateLimit'], problems)
  if (globalRateLimit !== undefined) {
    const path: ResourcePath = ['spec', 'globalRateLimit']
    checkMatch(globalRateLimit.match, [...path, 'match'], problems)
    if (tryParseDuration(globalRateLimit.requestTimeout ?? '') !== 0) return
    const message = 'expected a time above 0, for without one an answer could be waited for for ever'
    problems.error({ code: 'invalid-value', path: [...path, 'requestTimeout'], message })
  }
}

function checkLocal(limit: Local, path: ResourcePath, problems: ResourceProblems): void {
  checkBucket(limit, path, problems)
  for (const [index, condition] of (limit.conditions ?? []).entries()) {
    const at: ResourcePath = [...path, 'conditions', index]
    checkMatch(condition.match, [...at, 'match'], problems)
    checkBucket(condition, at, problems)
  }
}

function checkBucket(
  { tokenBucket, tokenBucketScope }: Pick<Local, 'tokenBucket' | 'tokenBucketScope'>,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  checkScope(tokenBucketScope, tokenBucket !== undefined, [...path, 'tokenBucketScope'], problems)
  const intervalMs = tryParseDuration(tokenBucket?.fillInterval ?? '')
  if (intervalMs === undefined || intervalMs >= MIN_FILL_INTERVAL_MS) return
  const message = `expected at least ${MIN_FILL_INTERVAL_MS}ms, found ${tokenBucket?.fillInterval}`
  problems.error({ code: 'invalid-value', path: [...path, 'tokenBucket', 'fillInterval'], message })
}

function checkScope(
  scope: Local['tokenBucketScope'],
  hasBucket: boolean,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  if (scope === undefined) return
  const fix = 'leave it out'
  if (!hasBucket) problems.error({ code: 'conflicting-fields', path, message: 'needs a tokenBucket', fix })
  const hasKeys = (scope.attributes?.length ?? 0) > 0
  if (scope.maxBuckets !== undefined && !hasKeys) {
    problems.error({ code: 'conflicting-fields', path: [...path, 'maxBuckets'], message: 'needs attributes', fix })
  }
  if (scope.perDownstreamConnection === false && !hasKeys) {
    const message = 'neither connections nor attributes make a difference'
    problems.error({ code: 'nothing-to-do', path, message, fix })
  }
}
