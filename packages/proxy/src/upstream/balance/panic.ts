import type { Balanceable } from './picker.ts'

export interface UsableEndpoints<E extends Balanceable> {
  readonly endpoints: readonly E[]
  /** Too few are healthy: all are used. The cluster counts the requests it sends like this. */
  readonly isPanicking: boolean
}

/** The healthy endpoints, or all when fewer than `thresholdPercent` of them are healthy; a threshold of 0: never all. */
export function usableEndpoints<E extends Balanceable>(
  endpoints: readonly E[],
  thresholdPercent: number,
): UsableEndpoints<E> {
  const healthy = endpoints.filter((endpoint) => endpoint.healthy)
  const isPanicking = healthy.length * 100 < thresholdPercent * endpoints.length
  return isPanicking ? { endpoints, isPanicking } : { endpoints: healthy, isPanicking }
}
