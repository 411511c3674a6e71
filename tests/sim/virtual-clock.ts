import type { Clock, Timer } from '@meltemi/runtime'

const WALL_START_MS = 1_700_000_000_000
const MAX_TURNS = 3_000_000

class Entry implements Timer {
  readonly dueMs: number
  readonly order: number
  callback: (() => void) | null

  constructor(dueMs: number, order: number, callback: () => void) {
    this.dueMs = dueMs
    this.order = order
    this.callback = callback
  }

  cancel(): void {
    this.callback = null
  }
}

/**
 * Time that jumps from event to event. What is due at the same moment makes one turn of the loop, in the order in
 * which it was set; then come the immediates, as after the I/O of a real turn.
 */
export class VirtualClock implements Clock {
  #nowMs = 0
  #order = 0
  #turns = 0
  /** A binary heap by due time, then by order. */
  readonly #heap: Entry[] = []
  #immediates: (() => void)[] = []
  /** Promises have been settled: whoever awaits them is to be let run before the next turn. */
  #hasSettled = false

  now(): number {
    return this.#nowMs
  }

  wallTime(): number {
    return WALL_START_MS + this.#nowMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const entry = new Entry(this.#nowMs + Math.max(0, delayMs), this.#order++, callback)
    this.#push(entry)
    return entry
  }

  setImmediate(callback: () => void): void {
    this.#immediates.push(callback)
  }

  /** To be called by what settles a promise in virtual time. */
  noteSettled(): void {
    this.#hasSettled = true
  }

  /** How many timers wait, without the cancelled ones. */
  get pendingTimers(): number {
    return this.#heap.filter((entry) => entry.callback !== null).length
  }

  /** Runs everything due up to then; afterwards it is `endMs`. */
  async runUntil(endMs: number): Promise<void> {
    await this.#run(endMs)
    this.#nowMs = Math.max(this.#nowMs, endMs)
  }

  /** Runs until nothing waits any more. */
  runUntilIdle(): Promise<void> {
    return this.#run(Number.POSITIVE_INFINITY)
  }

  async #run(endMs: number): Promise<void> {
    await settle()
    this.#runImmediates()
    for (let next = this.#heap[0]; next !== undefined && next.dueMs <= endMs; next = this.#heap[0]) {
      if (++this.#turns > MAX_TURNS) throw new Error(`more than ${MAX_TURNS} turns: there is no end`)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      this.#runTurn()
      if (this.#hasSettled) {
        this.#hasSettled = false
        await settle()
        this.#runImmediates()
      }
    }
  }

  #runTurn(): void {
    const lastOrder = this.#order
    for (let next = this.#heap[0]; next !== undefined; next = this.#heap[0]) {
      if (next.dueMs > this.#nowMs || next.order >= lastOrder) break
      this.#pop()
      next.callback?.()
    }
    this.#runImmediates()
  }

  #runImmediates(): void {
    // what they set themselves belongs to the next turn, which may follow at the same moment
    while (this.#immediates.length > 0) {
      const batch = this.#immediates
      this.#immediates = []
      for (const callback of batch) callback()
      if (++this.#turns > MAX_TURNS) throw new Error('immediates set each other without end')
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent] as Entry, entry)) break
      heap[at] = heap[parent] as Entry
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Entry
    if (heap.length === 0) return
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++
      if (isBefore(last, heap[child] as Entry)) break
      heap[at] = heap[child] as Entry
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}

const SETTLE_ROUNDS = 24

/** Lets chains of promises that need no I/O run to their end; the same number of rounds each time, so runs replay. */
async function settle(): Promise<void> {
  for (let round = 0; round < SETTLE_ROUNDS; round++) await undefined
}
