import { RateLimitResponse_Code as Code, type RateLimitStatusInit } from '@meltemi/api/rate-limit'

/** Tells of the limit that is over, else of the one with the least left; none when no limit was met. */
export function responseHeaders(statuses: readonly RateLimitStatusInit[]): { key: string; value: string }[] {
  let closest: RateLimitStatusInit | undefined
  for (const status of statuses) {
    if (status.currentLimit === undefined) continue
    const isCloser = (status.limitRemaining ?? 0) < (closest?.limitRemaining ?? Number.POSITIVE_INFINITY)
    if (isCloser || status.code === Code.OVER_LIMIT) closest = status
  }
  if (closest === undefined) return []
  return [
    { key: 'RateLimit-Limit', value: String(closest.currentLimit?.requestsPerUnit ?? 0) },
    { key: 'RateLimit-Remaining', value: String(closest.limitRemaining ?? 0) },
    { key: 'RateLimit-Reset', value: String(closest.durationUntilReset?.seconds ?? 0) },
  ]
}
