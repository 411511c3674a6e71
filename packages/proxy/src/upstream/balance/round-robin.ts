import type { LoadBalancerConfig } from '@meltemi/api'
import type { Random } from '../../util/random.ts'
import type { Balanceable, Balancer, PickContext, Picker } from './picker.ts'
import { hasEqualWeights } from './random.ts'
import { isTried, pickUntried } from './tried.ts'
import { WeightedSchedule } from './weighted-schedule.ts'

/** Survives changes of the endpoints, so that they do not send everything to the first ones again. */
interface Position {
  next: number
}

/** Each in turn, from a random start; with unequal weights by an even schedule of their shares. */
export function createRoundRobinBalancer(_config: LoadBalancerConfig, random: Random): Balancer {
  const position: Position = { next: random.u32() }
  return {
    build: (endpoints) =>
      hasEqualWeights(endpoints)
        ? new TurnPicker(endpoints, position)
        : new WeightedTurnPicker(endpoints, random, staticWeight),
  }
}

class TurnPicker<E extends Balanceable> implements Picker<E> {
  readonly #endpoints: readonly E[]
  readonly #position: Position

  constructor(endpoints: readonly E[], position: Position) {
    this.#endpoints = endpoints
    this.#position = position
    position.next %= Math.max(1, endpoints.length)
  }

  pick(context: PickContext): E | undefined {
    const first = this.#take()
    if (context.tried === null) return first
    let endpoint = first
    for (let turn = 1; turn < this.#endpoints.length && isTried(endpoint as E, context.tried); turn++) {
      endpoint = this.#take()
    }
    return endpoint
  }

  #take(): E | undefined {
    const position = this.#position
    const endpoint = this.#endpoints[position.next]
    position.next = position.next + 1 < this.#endpoints.length ? position.next + 1 : 0
    return endpoint
  }
}

/** Shares by weight, where the weight is asked for at each turn. */
export class WeightedTurnPicker<E extends Balanceable> implements Picker<E> {
  readonly #endpoints: readonly E[]
  readonly #schedule: WeightedSchedule
  readonly #weightOf: (endpoint: E) => number

  /** `endpoints` must not be empty. */
  constructor(endpoints: readonly E[], random: Random, weightOf: (endpoint: E) => number) {
    this.#endpoints = endpoints
    this.#schedule = new WeightedSchedule(endpoints.map(weightOf), random)
    this.#weightOf = weightOf
  }

  pick(context: PickContext): E | undefined {
    const endpoint = this.#take()
    if (!isTried(endpoint, context.tried)) return endpoint
    const second = this.#take()
    return isTried(second, context.tried) ? pickUntried(this.#endpoints, context, second) : second
  }

  #take(): E {
    const endpoint = this.#endpoints[this.#schedule.peek()] as E
    this.#schedule.advance(this.#weightOf(endpoint))
    return endpoint
  }
}

function staticWeight(endpoint: Balanceable): number {
  return endpoint.weight
}
