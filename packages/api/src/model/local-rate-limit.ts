import type { MatchConfig } from './match.ts'

/** Reference: the LocalRateLimit of MetaProtocol Proxy. */
export interface LocalRateLimitConfig {
  readonly statPrefix: string
  /** For what no condition matches; undefined: that is not limited. */
  readonly bucket: TokenBucketConfig | undefined
  /** The first one that matches decides alone. */
  readonly conditions: readonly { readonly match: MatchConfig; readonly bucket: TokenBucketConfig }[]
  /** What is over the limit is counted, and goes on. */
  readonly isShadow: boolean
}

export interface TokenBucketConfig {
  readonly maxTokens: number
  readonly tokensPerFill: number
  /** From 1, with a fraction. */
  readonly fillIntervalMs: number
  /** Each connection has its own. */
  readonly perConnection: boolean
  /** Each combination of the values of these has its own; empty: they make no difference. */
  readonly metadataKeys: readonly string[]
  /** How many combinations have their own at once. */
  readonly maxBuckets: number
}
