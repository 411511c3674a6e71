import type { Balanceable } from './picker.ts'

/** Shares of one: each weight by the sum of all. */
export function normalizeWeights(endpoints: readonly Balanceable[]): readonly number[] {
  const sum = endpoints.reduce((total, endpoint) => total + endpoint.weight, 0)
  return endpoints.map((endpoint) => endpoint.weight / sum)
}

/** The name by which hashing places an endpoint. */
export function hashKeyOf(endpoint: Balanceable, useHostname: boolean): string {
  return useHostname && endpoint.hostname !== '' ? endpoint.hostname : endpoint.address
}
