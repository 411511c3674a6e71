import type { LbMetadata } from './endpoint.ts'
import type { ErrorTypeName } from './error-type.ts'
import type { FilterConfig } from './listener.ts'
import type { MatchConfig } from './match.ts'
import type { HedgePolicyConfig, RetryPolicyConfig } from './retry.ts'

export interface WeightedCluster {
  readonly cluster: string
  readonly weight: number
  /** What endpoints of the cluster must have in their metadata, where it has subsets. */
  readonly metadataMatch?: LbMetadata
}

/** One change of a message's properties; value undefined removes the key. */
export interface PropertyChange {
  readonly key: string
  readonly value: string | undefined
}

export interface MirrorPolicy {
  readonly cluster: string
  readonly numerator: number
  readonly denominator: 100 | 10_000 | 1_000_000
}

/** What a route says to one filter of its listener. */
export interface FilterOverride {
  /** Of the filter, as in the listener's list. */
  readonly name: string
  /** In the place of the listener's, with its name; undefined: the filter is off for this route. */
  readonly filter: FilterConfig | undefined
}

/** What the proxy itself tells the client. */
export interface DirectResponse {
  readonly errorType: ErrorTypeName
  readonly message: string
}

export interface RouteConfig {
  readonly name: string
  readonly match: MatchConfig
  /**
   * One entry of any weight for a plain cluster, and one without a name where a key names it; empty with a direct response.
   * The sum of the weights is above 0.
   */
  readonly clusters: readonly WeightedCluster[]
  /** Metadata keys, case-sensitive; empty: no hash. */
  readonly hashPolicy: readonly string[]
  readonly mirrors: readonly MirrorPolicy[]
  /** Milliseconds; 0: none; undefined: the listener's. */
  readonly timeoutMs: number | undefined
  /** Absent: each request is tried once. */
  readonly retry?: RetryPolicyConfig
  readonly hedge?: HedgePolicyConfig
  /** Larger requests are not tried again; default 1 MiB. */
  readonly requestBufferLimitBytes?: number
  readonly requestMutation: readonly PropertyChange[]
  readonly responseMutation: readonly PropertyChange[]
  /** The metadata key that holds the cluster's name; undefined: `clusters` has it. */
  readonly clusterKey?: string
  /** undefined: a service answers. */
  readonly directResponse?: DirectResponse
  /** undefined: all filters are as the listener has them. */
  readonly overrides?: readonly FilterOverride[]
}

export interface RouteTableConfig {
  readonly name: string
  readonly routes: readonly RouteConfig[]
}
