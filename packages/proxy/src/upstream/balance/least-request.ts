import type { LoadBalancerConfig } from '@meltemi/api'
import type { Random } from '../../util/random.ts'
import type { Balanceable, Balancer, PickContext, Picker } from './picker.ts'
import { hasEqualWeights } from './random.ts'
import { WeightedTurnPicker } from './round-robin.ts'
import { isTried, pickUntried, randomIndex } from './tried.ts'

type LeastRequestConfig = Extract<LoadBalancerConfig, { kind: 'least-request' }>

/**
 * With equal weights: the least busy of a few drawn at random. With unequal ones, as Envoy: an even schedule of
 * shares by `weight / (active requests + 1)`.
 */
export function createLeastRequestBalancer({ choiceCount }: LeastRequestConfig, random: Random): Balancer {
  return {
    build: (endpoints) =>
      hasEqualWeights(endpoints)
        ? new LeastRequestPicker(endpoints, choiceCount)
        : new WeightedTurnPicker(endpoints, random, loadedWeight),
  }
}

class LeastRequestPicker<E extends Balanceable> implements Picker<E> {
  readonly #endpoints: readonly E[]
  readonly #choiceCount: number

  constructor(endpoints: readonly E[], choiceCount: number) {
    this.#endpoints = endpoints
    this.#choiceCount = choiceCount
  }

  pick(context: PickContext): E | undefined {
    const endpoints = this.#endpoints
    let best: E | undefined
    for (let choice = 0; choice < this.#choiceCount; choice++) {
      const endpoint = endpoints[randomIndex(endpoints.length, context.random)]
      if (endpoint === undefined || isTried(endpoint, context.tried)) continue
      if (best === undefined || endpoint.activeRequests < best.activeRequests) best = endpoint
    }
    return best ?? pickUntried(endpoints, context, endpoints[0])
  }
}

function loadedWeight(endpoint: Balanceable): number {
  return endpoint.weight / (endpoint.activeRequests + 1)
}
