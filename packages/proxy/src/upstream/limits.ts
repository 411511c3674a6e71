import type { CircuitBreakerConfig } from '@meltemi/api/model'

/*
 * One Int32Array for all clusters, shared by all threads. Per cluster the totals, then a copy per worker, so that
 * the main thread can take back what a dead worker held:
 *
 *   [ total: cx pending rq retry ][ worker 0: cx pending rq retry ][ worker 1: … ]
 */
const KINDS = 4
export const LimitKind = { Connections: 0, Pending: 1, Requests: 2, Retries: 3 } as const
export type LimitKind = (typeof LimitKind)[keyof typeof LimitKind]

export function limitCells(clusters: number, workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(clusters * (workers + 1) * KINDS * Int32Array.BYTES_PER_ELEMENT)
}

/** Takes back what a worker that is gone had acquired. Call while it does not run. */
export function reclaimLimits(cells: SharedArrayBuffer, workers: number, worker: number): void {
  const array = new Int32Array(cells)
  const stride = (workers + 1) * KINDS
  for (let base = 0; base < array.length; base += stride) {
    for (let kind = 0; kind < KINDS; kind++) {
      const held = Atomics.exchange(array, base + (worker + 1) * KINDS + kind, 0)
      Atomics.sub(array, base + kind, held)
    }
  }
}

/** The limits of one cluster as one worker sees them: exact over all workers. */
export class Limits {
  readonly #cells: Int32Array
  readonly #total: number
  readonly #own: number
  readonly #maxima: readonly number[]

  constructor(
    cells: SharedArrayBuffer,
    cluster: number,
    workers: number,
    worker: number,
    config: CircuitBreakerConfig,
  ) {
    this.#cells = new Int32Array(cells)
    this.#total = cluster * (workers + 1) * KINDS
    this.#own = this.#total + (worker + 1) * KINDS
    this.#maxima = [config.maxConnections, config.maxPendingRequests, config.maxRequests, config.maxRetries]
  }

  tryAcquire(kind: LimitKind): boolean {
    const before = Atomics.add(this.#cells, this.#total + kind, 1)
    if (before >= (this.#maxima[kind] as number)) {
      Atomics.sub(this.#cells, this.#total + kind, 1)
      return false
    }
    this.#cells[this.#own + kind] = (this.#cells[this.#own + kind] as number) + 1
    return true
  }

  release(kind: LimitKind): void {
    Atomics.sub(this.#cells, this.#total + kind, 1)
    this.#cells[this.#own + kind] = (this.#cells[this.#own + kind] as number) - 1
  }

  /** In use now, over all workers. */
  used(kind: LimitKind): number {
    return Atomics.load(this.#cells, this.#total + kind)
  }

  isOpen(kind: LimitKind): boolean {
    return this.used(kind) >= (this.#maxima[kind] as number)
  }
}
