/** The seam of load balancing: building is slow and rare, picking is fast, and allocates nothing. */
import type { LoadBalancerConfig } from '@meltemi/api'
import type { LbMetadata, Locality } from '@meltemi/api/model'
import type { MetadataCriteria } from '../../routing/metadata-criteria.ts'
import type { Random } from '../../util/random.ts'
import type { PeakLatency } from './peak-latency.ts'

/** What a balancing policy needs to know of an endpoint. */
export interface Balanceable {
  /** `ip:port`. */
  readonly address: string
  /** Hashed instead of the address when the cluster asks for it; empty: none. */
  readonly hostname: string
  /** At least 1. */
  readonly weight: number
  /** This worker's. */
  readonly activeRequests: number
  /** Since when it is in use without interruption, in milliseconds of the thread's clock. */
  readonly healthySinceMs: number
  /** Of this worker's replies; null where nobody asks for it. */
  readonly latency: PeakLatency | null
}

/** What is needed besides to choose among priorities, localities and subsets. */
export interface Placed extends Balanceable {
  /** Not healthy: for use in panic only. */
  readonly healthy: boolean
  /** Healthy, but not as good as those that are not degraded. */
  readonly degraded: boolean
  /** From 0, which comes first. */
  readonly priority: number
  readonly locality: Locality | undefined
  /** Of its locality; 0: none. */
  readonly localityWeight: number
  readonly metadata: LbMetadata
}

/** One per exchange, or one reused. */
export interface PickContext {
  readonly hasHash: boolean
  /** The hash's upper and lower half, unsigned. */
  readonly hashHigh: number
  readonly hashLow: number
  /** Which subset is wanted; null: nothing is asked for. */
  readonly criteria: MetadataCriteria | null
  /** Avoided while there is another one; null: none tried yet. */
  readonly tried: readonly Balanceable[] | null
  readonly random: Random
}

export interface Picker<E extends Balanceable> {
  /** undefined when there is no endpoint at all. */
  pick(context: PickContext): E | undefined
}

/** One per cluster and worker, kept over changes of endpoints: what must outlive them (a position) is its state. */
export interface Balancer {
  /**
   * The endpoints are those to choose from, health and panic considered; their order matters for hashing. `shares`: of
   * each endpoint, instead of its part of the sum of weights; only policies that hash get them.
   */
  build<E extends Balanceable>(endpoints: readonly E[], shares?: readonly number[]): Picker<E>
}

/** What balancers share with the rest of their thread. */
export interface BalanceTools {
  readonly random: Random
  /** The time of this turn of the event loop. */
  readonly turn: { readonly nowMs: number }
}

/** How a policy is made from its configuration. */
export type BalancerFactory<K extends LoadBalancerConfig['kind']> = (
  config: Extract<LoadBalancerConfig, { kind: K }>,
  tools: BalanceTools,
) => Balancer
