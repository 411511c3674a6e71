import type { CircuitBreakerConfig, RetryBudgetConfig } from '@meltemi/api/model'

/*
 * One Int32Array for each cluster, and each address of a listener, shared by all threads: the totals, then a copy per
 * worker, so that the main thread can take back what a dead worker held:
 *
 *   [ total: cx pending rq retry wanting tickets bell ][ worker 0: cx pending rq retry wanting ticket - ][ worker 1: … ]
 *
 * wanting: whether a worker waits for the place of a connection; ticket: since when, compared with others; bell: a
 * number that changes when whoever waits, or could make room, should look again.
 */
export const LimitKind = { Connections: 0, Pending: 1, Requests: 2, Retries: 3 } as const
export type LimitKind = (typeof LimitKind)[keyof typeof LimitKind]
const WANTING = 4
const TICKET = 5
const BELL = 6
const CELLS = 7

export function limitCells(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer((workers + 1) * CELLS * Int32Array.BYTES_PER_ELEMENT)
}

/** Takes back what a worker that is gone had acquired. Call while it does not run. */
export function reclaimLimits(cells: SharedArrayBuffer, worker: number): void {
  const array = new Int32Array(cells)
  const own = (worker + 1) * CELLS
  for (let kind = 0; kind <= WANTING; kind++) {
    Atomics.sub(array, kind, Atomics.exchange(array, own + kind, 0))
  }
  Atomics.store(array, own + TICKET, 0)
  ring(array)
}

/** What is held and wanted, by all workers; 0 when nothing is under way or waits. */
export function limitsInUse(cells: SharedArrayBuffer): number {
  const array = new Int32Array(cells)
  let sum = 0
  for (let base = 0; base < array.length; base += CELLS) {
    for (let at = 0; at < (base === 0 ? TICKET : CELLS); at++) sum += Math.abs(Atomics.load(array, base + at))
  }
  return sum
}

/** How many more there may be, over all workers. */
export function freeOf(cells: SharedArrayBuffer, kind: LimitKind, maxima: CircuitBreakerConfig): number {
  return new Limits(cells, 1, 0, maxima).free(kind)
}

/** The limits of one cluster as one worker sees them: exact over all workers. */
export class Limits {
  /** Whether there are other workers. */
  readonly isShared: boolean
  readonly #cells: Int32Array
  readonly #own: number
  readonly #workers: number
  #maxima: readonly number[]
  /** undefined: retries have a maximum of their own. */
  #budget: RetryBudgetConfig | undefined

  constructor(cells: SharedArrayBuffer, workers: number, worker: number, maxima: CircuitBreakerConfig) {
    this.isShared = workers > 1
    this.#cells = new Int32Array(cells)
    this.#own = (worker + 1) * CELLS
    this.#workers = workers
    this.#maxima = asList(maxima)
    this.#budget = maxima.retryBudget
  }

  /** From now on; what is held already stays. */
  setMaxima(maxima: CircuitBreakerConfig): void {
    this.#maxima = asList(maxima)
    this.#budget = maxima.retryBudget
  }

  tryAcquire(kind: LimitKind): boolean {
    const before = Atomics.add(this.#cells, kind, 1)
    if (before >= this.#maximum(kind)) {
      Atomics.sub(this.#cells, kind, 1)
      return false
    }
    this.#cells[this.#own + kind] = (this.#cells[this.#own + kind] as number) + 1
    return true
  }

  release(kind: LimitKind): void {
    Atomics.sub(this.#cells, kind, 1)
    this.#cells[this.#own + kind] = (this.#cells[this.#own + kind] as number) - 1
  }

  /** In use now, over all workers. */
  used(kind: LimitKind): number {
    return Atomics.load(this.#cells, kind)
  }

  /** In use now by this worker. */
  held(kind: LimitKind): number {
    return this.#cells[this.#own + kind] as number
  }

  /** How many more there may be. */
  free(kind: LimitKind): number {
    return Math.max(0, this.#maximum(kind) - this.used(kind))
  }

  isOpen(kind: LimitKind): boolean {
    return this.used(kind) >= this.#maximum(kind)
  }

  /** Of retries with a budget: a share of the requests that are under way now, in all workers. */
  #maximum(kind: LimitKind): number {
    if (kind !== LimitKind.Retries || this.#budget === undefined) return this.#maxima[kind] as number
    const { budgetPercent, minRetryConcurrency } = this.#budget
    return Math.max(minRetryConcurrency, Math.floor((this.used(LimitKind.Requests) * budgetPercent) / 100))
  }

  /** Some worker waits for the place of a connection. Asked for every reply. */
  get isWanted(): boolean {
    return Atomics.load(this.#cells, WANTING) > 0
  }

  /** This worker waits for the place of a connection from now on. */
  want(): void {
    this.waitAnew()
    Atomics.store(this.#cells, this.#own + WANTING, 1)
    Atomics.add(this.#cells, WANTING, 1)
  }

  unwant(): void {
    Atomics.store(this.#cells, this.#own + TICKET, 0)
    Atomics.store(this.#cells, this.#own + WANTING, 0)
    Atomics.sub(this.#cells, WANTING, 1)
  }

  /** Its wait begins anew, behind that of others: it has just had one. */
  waitAnew(): void {
    // 0 is no ticket
    const ticket = (Atomics.add(this.#cells, TICKET, 1) + 1) | 0 || 1
    Atomics.store(this.#cells, this.#own + TICKET, ticket)
  }

  /** Other workers that have no connection and wait for one; where this one has none either, those that wait longer. */
  starvingBefore(): number {
    const mine = this.held(LimitKind.Connections) > 0 ? 0 : (this.#cells[this.#own + TICKET] as number)
    let count = 0
    for (let worker = 1; worker <= this.#workers; worker++) {
      const other = worker * CELLS
      if (other === this.#own || Atomics.load(this.#cells, other + LimitKind.Connections) > 0) continue
      const ticket = Atomics.load(this.#cells, other + TICKET)
      if (ticket !== 0 && (mine === 0 || ((ticket - mine) | 0) < 0)) count++
    }
    return count
  }

  /** Tells all workers that they should look again. */
  ring(): void {
    ring(this.#cells)
  }

  /** Resolves with the number the bell then stands at, when it does not stand at `heard` any more. */
  async nextRing(heard: number): Promise<number> {
    const { async: isWaiting, value } = Atomics.waitAsync(this.#cells, BELL, heard)
    if (isWaiting) await value
    return Atomics.load(this.#cells, BELL)
  }
}

function asList(maxima: CircuitBreakerConfig): readonly number[] {
  return [maxima.maxConnections, maxima.maxPendingRequests, maxima.maxRequests, maxima.maxRetries]
}

function ring(cells: Int32Array): void {
  Atomics.add(cells, BELL, 1)
  Atomics.notify(cells, BELL)
}
