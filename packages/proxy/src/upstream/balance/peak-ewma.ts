import type { LoadBalancerConfig } from '@meltemi/api'
import type { Balanceable, Balancer, BalanceTools, PickContext, Picker } from './picker.ts'
import { isTried, pickUntried, randomIndex } from './tried.ts'

type PeakEwmaConfig = Extract<LoadBalancerConfig, { kind: 'peak-ewma' }>

/** Of two drawn at random the one that costs less: how long it takes to reply, times the requests it would then have. */
export function createPeakEwmaBalancer(config: PeakEwmaConfig, { turn }: BalanceTools): Balancer {
  return { build: (endpoints) => new PeakEwmaPicker(endpoints, config, turn) }
}

class PeakEwmaPicker<E extends Balanceable> implements Picker<E> {
  readonly #endpoints: readonly E[]
  readonly #config: PeakEwmaConfig
  readonly #turn: BalanceTools['turn']

  constructor(endpoints: readonly E[], config: PeakEwmaConfig, turn: BalanceTools['turn']) {
    this.#endpoints = endpoints
    this.#config = config
    this.#turn = turn
  }

  pick(context: PickContext): E | undefined {
    const endpoints = this.#endpoints
    if (endpoints.length < 2) return endpoints[0]
    const first = randomIndex(endpoints.length, context.random)
    // anyone but the first, each as likely
    const second = (first + 1 + randomIndex(endpoints.length - 1, context.random)) % endpoints.length
    const cheaper = this.#cheaper(endpoints[first] as E, endpoints[second] as E, context)
    return isTried(cheaper, context.tried) ? pickUntried(endpoints, context, cheaper) : cheaper
  }

  #cheaper(a: E, b: E, { tried }: PickContext): E {
    if (tried !== null && isTried(a, tried) !== isTried(b, tried)) return isTried(a, tried) ? b : a
    return this.#costOf(b) < this.#costOf(a) ? b : a
  }

  /** As Envoy's: one that has requests under way and never replied may be one that never will. */
  #costOf({ latency, activeRequests }: E): number {
    const { defaultReplyMs, penalty } = this.#config
    if (latency?.isKnown) return latency.estimate(this.#turn.nowMs) * (activeRequests + 1)
    return activeRequests > 0 ? penalty + activeRequests : defaultReplyMs
  }
}
