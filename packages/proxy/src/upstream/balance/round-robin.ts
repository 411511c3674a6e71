import type { LoadBalancerConfig } from '@meltemi/api'
import type { Random } from '../../util/random.ts'
import type { Balanceable, Balancer, BalanceTools, PickContext, Picker } from './picker.ts'
import { hasEqualWeights } from './random.ts'
import { SlowStart } from './slow-start.ts'
import { isTried, pickUntried } from './tried.ts'
import { WeightedSchedule } from './weighted-schedule.ts'

type RoundRobinConfig = Extract<LoadBalancerConfig, { kind: 'round-robin' }>

/** Survives changes of the endpoints, so that they do not send everything to the first ones again. */
interface Position {
  next: number
}

/**
 * Each in turn, from a random start; with unequal weights, and while endpoints start slowly, by an even schedule of their
 * shares.
 */
export function createRoundRobinBalancer({ slowStart }: RoundRobinConfig, { random, turn }: BalanceTools): Balancer {
  const position: Position = { next: random.u32() }
  const settled = <E extends Balanceable>(endpoints: readonly E[]): Picker<E> =>
    hasEqualWeights(endpoints)
      ? new TurnPicker(endpoints, position)
      : new WeightedTurnPicker(endpoints, random, staticWeight)
  if (slowStart === undefined) return { build: settled }
  const start = new SlowStart(slowStart, turn)
  const weightOf = (endpoint: Balanceable) => endpoint.weight * start.partOf(endpoint)
  return {
    build: (endpoints) =>
      endpoints.length < 2
        ? settled(endpoints)
        : start.pickerOf(endpoints, new WeightedTurnPicker(endpoints, random, weightOf), settled(endpoints)),
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
