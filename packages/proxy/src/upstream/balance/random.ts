import type { Balanceable, Balancer, PickContext, Picker } from './picker.ts'
import { isTried, pickUntried, randomIndex } from './tried.ts'

export function createRandomBalancer(): Balancer {
  return { build: (endpoints) => new RandomPicker(endpoints) }
}

/** Draws by weight: at once when the weights are equal, else by binary search in their running sums. */
export class RandomPicker<E extends Balanceable> implements Picker<E> {
  readonly #endpoints: readonly E[]
  /** Running sums of the weights; null when all are equal. */
  readonly #sums: Float64Array | null

  /** `shares`: of each, instead of its weight. */
  constructor(endpoints: readonly E[], shares: readonly number[] = endpoints.map(({ weight }) => weight)) {
    this.#endpoints = endpoints
    this.#sums = shares.every((share) => share === shares[0]) ? null : runningSums(shares)
  }

  pick(context: PickContext): E | undefined {
    const endpoint = this.#draw(context)
    if (endpoint === undefined || !isTried(endpoint, context.tried)) return endpoint
    const second = this.#draw(context)
    if (second !== undefined && !isTried(second, context.tried)) return second
    return pickUntried(this.#endpoints, context, endpoint)
  }

  #draw(context: PickContext): E | undefined {
    const sums = this.#sums
    if (sums === null) return this.#endpoints[randomIndex(this.#endpoints.length, context.random)]
    const point = context.random.next() * (sums[sums.length - 1] as number)
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] as number) > point) high = middle
      else low = middle + 1
    }
    return this.#endpoints[low]
  }
}

export function hasEqualWeights(endpoints: readonly Balanceable[]): boolean {
  return endpoints.every((endpoint) => endpoint.weight === endpoints[0]?.weight)
}

function runningSums(shares: readonly number[]): Float64Array {
  let sum = 0
  return Float64Array.from(shares, (share) => {
    sum += share
    return sum
  })
}
