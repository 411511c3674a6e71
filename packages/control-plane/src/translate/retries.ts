import { type MetaRoute, RETRY_CONDITIONS, type RouteConfig, tryParseDuration } from '@meltemi/api'

/** Of HTTPRetry in Istio those that mean something here: the service knows nothing of the request. */
const DEFAULT_RETRY_ON = 'connect-failure,refused-stream'
const BACKOFF_MS = 25
/** The longest wait, in times the first. */
const LONGEST = 10

/** Milliseconds, rounded up, so that no time becomes none. */
export function timeoutOf(text: string | undefined): number | undefined {
  const ms = text === undefined ? undefined : tryParseDuration(text)
  return ms === undefined ? undefined : Math.ceil(ms)
}

/** No attempts: no policy, but for the time of the one try. */
export function retriesOf(retries: MetaRoute['retries']): Pick<RouteConfig, 'retry'> {
  if (retries === undefined) return {}
  const perTryTimeoutMs = timeoutOf(retries.perTryTimeout) ?? 0
  if (retries.attempts === 0 && perTryTimeoutMs === 0) return {}
  const baseMs = Math.max(1, timeoutOf(retries.backoff) ?? BACKOFF_MS)
  const named = (retries.retryOn ?? DEFAULT_RETRY_ON).split(',').map((name) => name.trim())
  return {
    retry: {
      retryOn: RETRY_CONDITIONS.filter((condition) => named.includes(condition)),
      numRetries: retries.attempts,
      perTryTimeoutMs,
      backOff: { baseMs, maxMs: baseMs * LONGEST },
      retriableHeaders: [],
      retriableRequestHeaders: [],
    },
  }
}
