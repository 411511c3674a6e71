import type { MetadataMatcher } from './match.ts'

/**
 * What a route's `retry_on` may list, by Envoy's names; the last two are ours. docs/resilience.md says what each covers.
 */
export const RETRY_CONDITIONS = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'refused-stream',
  'retriable-headers',
  'error-status',
  'non-idempotent',
] as const
export type RetryCondition = (typeof RETRY_CONDITIONS)[number]

/** As Envoy's RetryPolicy, for any protocol. */
export interface RetryPolicyConfig {
  readonly retryOn: readonly RetryCondition[]
  /** Tries after the first; default 1. */
  readonly numRetries: number
  /** Milliseconds from when a try leaves until its reply begins; 0: as long as the request has. */
  readonly perTryTimeoutMs: number
  /** Before each retry: any time up to a bound that begins at `baseMs` and doubles up to `maxMs`. Default 25 and 250. */
  readonly backOff: { readonly baseMs: number; readonly maxMs: number }
  /** Replies, by their properties, after which `retriable-headers` tries again; any of them. */
  readonly retriableHeaders: readonly MetadataMatcher[]
  /** Requests that are tried again, any of them; empty: all. */
  readonly retriableRequestHeaders: readonly MetadataMatcher[]
}

/** As Envoy's HedgePolicy: tries at the same time, of which the first good reply counts. */
export interface HedgePolicyConfig {
  /** At least 1; default 1. */
  readonly initialRequests: number
  /** Of one more than that. */
  readonly additionalChance: { readonly numerator: number; readonly denominator: 100 | 10_000 | 1_000_000 }
  /** A try that has no reply in its time goes on beside the next one. */
  readonly onPerTryTimeout: boolean
}

/** Instead of `maxRetries`: retries as a share of what is under way. */
export interface RetryBudgetConfig {
  /** 0-100, default 20. */
  readonly budgetPercent: number
  /** So many are allowed whatever is under way; default 3. */
  readonly minRetryConcurrency: number
}
