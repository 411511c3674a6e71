import type { SocketAddress } from '@meltemi/api/model'
import { isHostsKey, reclaimHosts } from './health/host-table.ts'
import { limitCells, limitsInUse, reclaimLimits } from './limits.ts'

/** Where one thread stands among all that share the limits. */
export interface LimitShare {
  readonly workers: number
  readonly worker: number
  /** The memory of what is limited under this key, the same for all. */
  cells(key: string): SharedArrayBuffer
  /** Other memory that is the same for all; zeros where nobody has had it yet. */
  block(wanted: SharedBlock): SharedArrayBuffer
}

/** Memory that all threads have under one key, which stands for its size and for what is in it. */
export interface SharedBlock {
  readonly key: string
  readonly bytes: number
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
  readonly #blocks = new Map<string, SharedArrayBuffer>()

  constructor(workers: number) {
    this.workers = workers
  }

  /** Of all limits; 0 when nothing is under way or waits. */
  get inUse(): number {
    let sum = 0
    for (const cells of this.#cells.values()) sum += limitsInUse(cells)
    return sum
  }

  cells(key: string): SharedArrayBuffer {
    return this.#of(key)
  }

  /** For a worker in this very thread. */
  share(worker: number): LimitShare {
    return {
      workers: this.workers,
      worker,
      cells: (key) => this.#of(key),
      block: (wanted) => this.#block(wanted),
    }
  }

  /** Makes what is not there yet. */
  take(keys: readonly string[], blocks: readonly SharedBlock[] = []): readonly NamedCells[] {
    return [
      ...keys.map((key) => ({ key, cells: this.#of(key) })),
      ...blocks.map((wanted) => ({ key: wanted.key, cells: this.#block(wanted) })),
    ]
  }

  /** Who has it goes on with it; who asks next for the key begins anew. */
  forget(key: string): void {
    this.#cells.delete(key)
    this.#blocks.delete(key)
  }

  /** See `reclaimLimits`. */
  reclaim(worker: number): void {
    for (const cells of this.#cells.values()) reclaimLimits(cells, worker)
    for (const [key, block] of this.#blocks) if (isHostsKey(key)) reclaimHosts(block, worker)
  }

  #of(key: string): SharedArrayBuffer {
    const cells = this.#cells.get(key) ?? limitCells(this.workers)
    this.#cells.set(key, cells)
    return cells
  }

  #block({ key, bytes }: SharedBlock): SharedArrayBuffer {
    const block = this.#blocks.get(key) ?? new SharedArrayBuffer(bytes)
    this.#blocks.set(key, block)
    return block
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
    if (cells === undefined) throw new Error(`the memory of ${key} was not handed over`)
    return cells
  }

  block({ key }: SharedBlock): SharedArrayBuffer {
    return this.cells(key)
  }
}
