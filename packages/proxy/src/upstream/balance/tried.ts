import type { Random } from '../../util/random.ts'
import type { Balanceable, PickContext } from './picker.ts'

export function isTried(endpoint: Balanceable, tried: PickContext['tried']): boolean {
  return tried?.includes(endpoint) ?? false
}

/** One that was not tried, from a random start; `otherwise` when all were. */
export function pickUntried<E extends Balanceable>(
  endpoints: readonly E[],
  context: PickContext,
  otherwise: E | undefined,
): E | undefined {
  const start = randomIndex(endpoints.length, context.random)
  for (let step = 0; step < endpoints.length; step++) {
    const endpoint = endpoints[(start + step) % endpoints.length] as E
    if (!isTried(endpoint, context.tried)) return endpoint
  }
  return otherwise
}

export function randomIndex(length: number, random: Random): number {
  return Math.floor(random.next() * length)
}
