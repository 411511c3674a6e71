import type { LbMetadata } from './endpoint.ts'
import type { MatchConfig } from './match.ts'

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

export interface RouteConfig {
  readonly name: string
  readonly match: MatchConfig
  /** One entry of any weight for a plain cluster. Never empty; the sum of the weights is above 0. */
  readonly clusters: readonly WeightedCluster[]
  /** Metadata keys, case-sensitive; empty: no hash. */
  readonly hashPolicy: readonly string[]
  readonly mirrors: readonly MirrorPolicy[]
  /** Milliseconds; 0: none; undefined: the listener's. */
  readonly timeoutMs: number | undefined
  readonly requestMutation: readonly PropertyChange[]
  readonly responseMutation: readonly PropertyChange[]
}

export interface RouteTableConfig {
  readonly name: string
  readonly routes: readonly RouteConfig[]
}
