import {
  type MetaRouterSpec,
  type ResourcePath,
  type ResourceProblems,
  type TokenBucket,
  tryParseDuration,
} from '@meltemi/api/resource'
import { checkMatch } from './check-match.ts'
import type { Loose } from './loose.ts'

/** What the proxy's limiter can keep to, as in Envoy. */
const MIN_FILL_INTERVAL_MS = 50

/** Both are described and checked, so that what is written stays right, but nothing acts on them yet. */
export function checkRateLimits(
  { localRateLimit, globalRateLimit }: Loose<MetaRouterSpec>,
  problems: ResourceProblems,
): void {
  if (localRateLimit !== undefined) {
    const path: ResourcePath = ['spec', 'localRateLimit']
    refuse(path, problems)
    checkBucket(localRateLimit.tokenBucket, [...path, 'tokenBucket'], problems)
    for (const [index, { match, tokenBucket }] of (localRateLimit.conditions ?? []).entries()) {
      checkMatch(match, [...path, 'conditions', index, 'match'], problems)
      checkBucket(tokenBucket, [...path, 'conditions', index, 'tokenBucket'], problems)
    }
  }
  if (globalRateLimit !== undefined) {
    const path: ResourcePath = ['spec', 'globalRateLimit']
    refuse(path, problems)
    checkMatch(globalRateLimit.match, [...path, 'match'], problems)
    if (tryParseDuration(globalRateLimit.requestTimeout ?? '') !== 0) return
    const message = 'expected a time above 0, for without one an answer could be waited for for ever'
    problems.error({ code: 'invalid-value', path: [...path, 'requestTimeout'], message })
  }
}

function refuse(path: ResourcePath, problems: ResourceProblems): void {
  problems.error({ code: 'not-supported-yet', path, message: 'rate limits are not supported yet', fix: 'leave it out' })
}

function checkBucket(bucket: Loose<TokenBucket> | undefined, path: ResourcePath, problems: ResourceProblems): void {
  const intervalMs = tryParseDuration(bucket?.fillInterval ?? '')
  if (intervalMs === undefined || intervalMs >= MIN_FILL_INTERVAL_MS) return
  const message = `expected at least ${MIN_FILL_INTERVAL_MS}ms, found ${bucket?.fillInterval}`
  problems.error({ code: 'invalid-value', path: [...path, 'fillInterval'], message })
}
