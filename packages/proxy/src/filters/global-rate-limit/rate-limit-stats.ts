import type { FilterHost } from '@meltemi/sdk'

export type RateLimitStats = ReturnType<typeof rateLimitStats>

/**
 * Envoy's names. Envoy has them under the cluster that a request goes to, which nobody knows yet here: they are under the
 * listener.
 */
export function rateLimitStats(host: FilterHost, statPrefix: string) {
  const prefix = statPrefix === '' ? 'ratelimit' : `ratelimit.${statPrefix}`
  return {
    ok: host.counter(`${prefix}.ok`),
    overLimit: host.counter(`${prefix}.over_limit`),
    error: host.counter(`${prefix}.error`),
    failureModeAllowed: host.counter(`${prefix}.failure_mode_allowed`),
    timeout: host.counter(`${prefix}.timeout`),
  }
}
