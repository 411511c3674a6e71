/** The seam of load balancing: building is slow and rare, picking is fast, and allocates nothing. */
import type { LoadBalancerConfig } from '@meltemi/api'
import type { Random } from '../../util/random.ts'

/** What balancing needs to know of an endpoint. */
export interface Balanceable {
  /** `ip:port`. */
  readonly address: string
  /** Hashed instead of the address when the cluster asks for it; empty: none. */
  readonly hostname: string
  /** At least 1. */
  readonly weight: number
  readonly healthy: boolean
  /** This worker's. */
  readonly activeRequests: number
}

/** One per exchange, or one reused. */
export interface PickContext {
  readonly hasHash: boolean
  /** The hash's upper and lower half, unsigned. */
  readonly hashHigh: number
  readonly hashLow: number
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
  /** The endpoints are those to choose from, health and panic considered; their order matters for hashing. */
  build<E extends Balanceable>(endpoints: readonly E[]): Picker<E>
}

/** How a policy is made from its configuration. */
export type BalancerFactory<K extends LoadBalancerConfig['kind']> = (
  config: Extract<LoadBalancerConfig, { kind: K }>,
  random: Random,
) => Balancer
