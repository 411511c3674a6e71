import type { LoadBalancerConfig } from '@meltemi/api'
import type { Balanceable, Balancer, BalanceTools, PickContext, Picker } from './picker.ts'
import { hasEqualWeights } from './random.ts'
import { WeightedTurnPicker } from './round-robin.ts'
import { SlowStart } from './slow-start.ts'
import { isTried, pickUntried, randomIndex } from './tried.ts'

type LeastRequestConfig = Extract<LoadBalancerConfig, { kind: 'least-request' }>

/**
 * With equal weights: the least busy of a few drawn at random. With unequal ones, and while endpoints start slowly, as
 * Envoy: an even schedule of shares by `weight / (active requests + 1) ^ bias`.
 */
export function createLeastRequestBalancer(config: LeastRequestConfig, { random, turn }: BalanceTools): Balancer {
  const { choiceCount, activeRequestBias = 1, slowStart } = config
  const loaded = loadedWeight(activeRequestBias)
  const settled = <E extends Balanceable>(endpoints: readonly E[]): Picker<E> =>
    hasEqualWeights(endpoints)
      ? new LeastRequestPicker(endpoints, choiceCount)
      : new WeightedTurnPicker(endpoints, random, loaded)
  if (slowStart === undefined) return { build: settled }
  const start = new SlowStart(slowStart, turn)
  const weightOf = (endpoint: Balanceable) => loaded(endpoint) * start.partOf(endpoint)
  return {
    build: (endpoints) =>
      endpoints.length < 2
        ? settled(endpoints)
        : start.pickerOf(endpoints, new WeightedTurnPicker(endpoints, random, weightOf), settled(endpoints)),
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

function loadedWeight(bias: number): (endpoint: Balanceable) => number {
  if (bias === 1) return (endpoint) => endpoint.weight / (endpoint.activeRequests + 1)
  return (endpoint) => endpoint.weight / (endpoint.activeRequests + 1) ** bias
}
