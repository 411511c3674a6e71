import { type GlobalRateLimit, tryParseDuration } from '@meltemi/api'
import type { globalRateLimitToJson } from '@meltemi/api/encode'
import { translateMatch } from './match.ts'

/** One without a time is as good as the proxy's default: old resources may lack it. */
export function translateGlobalRateLimit(limit: GlobalRateLimit): Parameters<typeof globalRateLimitToJson>[0] {
  const { match, domain, requestTimeout, denyOnFail = false, rateLimitService, descriptors } = limit
  return {
    match: translateMatch(match),
    domain,
    cluster: rateLimitService,
    timeoutMs: tryParseDuration(requestTimeout ?? ''),
    failureModeDeny: denyOnFail,
    descriptors,
  }
}
