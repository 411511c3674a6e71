import type { SocketAddress } from '@meltemi/api/model'
import { limitCells, limitsInUse, reclaimLimits } from './limits.ts'

/** Where one thread stands among all that share the limits. */
export interface LimitShare {
  readonly workers: number
  readonly worker: number
  /** The memory of what is limited under this key, the same for all. */
  cells(key: string): SharedArrayBuffer
}

/** On its way to a thread. */
export interface NamedCells {
  readonly key: string
  readonly cells: SharedArrayBuffer
}

export function clusterLimitKey(name: string): string {
  return `cluster/${name}`
}

/** By address, not by name: it is the open socket that is limited. */
export function listenerLimitKey({ host, port }: SocketAddress): string {
  return `listener/${host}:${port}`
}

/** The memory of all limits, in the thread that hands it to all others. */
export class SharedLimits {
  readonly workers: number
  readonly #cells = new Map<string, SharedArrayBuffer>()

  constructor(workers: number) {
    this.workers = workers
  }

  /** Of all keys; 0 when nothing is under way or waits. */
  get inUse(): number {
    let sum = 0
    for (const cells of this.#cells.values()) sum += limitsInUse(cells)
    return sum
  }

  /** For a worker in this very thread. */
  share(worker: number): LimitShare {
    return { workers: this.workers, worker, cells: (key) => this.#of(key) }
  }

  /** Makes what is not there yet. */
  take(keys: readonly string[]): readonly NamedCells[] {
    return keys.map((key) => ({ key, cells: this.#of(key) }))
  }

  /** Who has it goes on with it; who asks next for the key begins anew. */
  forget(key: string): void {
    this.#cells.delete(key)
  }

  /** See `reclaimLimits`. */
  reclaim(worker: number): void {
    for (const cells of this.#cells.values()) reclaimLimits(cells, worker)
  }

  #of(key: string): SharedArrayBuffer {
    const cells = this.#cells.get(key) ?? limitCells(this.workers)
    this.#cells.set(key, cells)
    return cells
  }
}

/** The other end, in a thread that is handed what it needs with each change. */
export class HandedLimits implements LimitShare {
  readonly workers: number
  readonly worker: number
  #cells = new Map<string, SharedArrayBuffer>()

  constructor(workers: number, worker: number) {
    this.workers = workers
    this.worker = worker
  }

  /** In the place of what was handed before: who needed that has it. */
  take(handed: readonly NamedCells[]): void {
    this.#cells = new Map(handed.map(({ key, cells }) => [key, cells]))
  }

  cells(key: string): SharedArrayBuffer {
    const cells = this.#cells.get(key)
    if (cells === undefined) throw new Error(`the limits of ${key} were not handed over`)
    return cells
  }
}
