import type { Balanceable } from './picker.ts'

const TWO_TO_THE_32 = 4_294_967_296

/** Shares of one: each weight by the sum of all. */
export function normalizeWeights(endpoints: readonly Balanceable[]): readonly number[] {
  const sum = endpoints.reduce((total, endpoint) => total + endpoint.weight, 0)
  return endpoints.map((endpoint) => endpoint.weight / sum)
}

/** The name by which hashing places an endpoint. */
export function hashKeyOf(endpoint: Balanceable, useHostname: boolean): string {
  return useHostname && endpoint.hostname !== '' ? endpoint.hostname : endpoint.address
}

/** Of the 64-bit number by at most 2²⁰ or so: no intermediate value exceeds 2⁵³. */
export function remainder(high: number, low: number, divisor: number): number {
  return ((high % divisor) * (TWO_TO_THE_32 % divisor) + low) % divisor
}
