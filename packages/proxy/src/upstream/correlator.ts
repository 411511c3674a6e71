import type { MessageId } from '@meltemi/sdk'

/** Which waiting party a reply belongs to: the one thing in which connections of different protocols differ. */
export interface Correlator<Waiting> {
  readonly size: number
  readonly capacity: number
  /** How many of `size` have not been given up. */
  readonly waiting: number
  /** Registers one more; returns its ticket, above 0: the upstream id where ids are rewritten. Only while size < capacity. */
  add(waiting: Waiting): number
  /** Who waits for this reply, or null; `last` false keeps the place for more replies. */
  match(id: MessageId, last: boolean): Waiting | null
  /** Forgets one that no longer waits. False: its reply will still come and cannot be told from others'. */
  remove(ticket: number): boolean
  /** Whether this is an id of ours whose reply is no longer waited for, and so not one that the service made up. */
  isOld(id: MessageId): boolean
  /** Removes and returns one, in no special order; null when none is left. */
  pop(): Waiting | null
}

/** At most one waits, and whatever comes is its reply. */
export class SingleCorrelator<Waiting> implements Correlator<Waiting> {
  readonly capacity = 1
  #waiting: Waiting | null = null

  get size(): number {
    return this.#waiting === null ? 0 : 1
  }

  get waiting(): number {
    return this.size
  }

  add(waiting: Waiting): number {
    this.#waiting = waiting
    return 1
  }

  match(_id: MessageId, last: boolean): Waiting | null {
    const waiting = this.#waiting
    if (last) this.#waiting = null
    return waiting
  }

  remove(): boolean {
    this.#waiting = null
    return false
  }

  isOld(): boolean {
    return false
  }

  pop(): Waiting | null {
    return this.match(0, true)
  }
}

const SLOT_BITS = 10
const SLOTS = 1 << SLOT_BITS
const SLOT_MASK = SLOTS - 1
const GENERATIONS = 1 << (31 - SLOT_BITS)

/**
 * Ids of our own, 1,024 … 2³¹−1: the slot in the low ten bits, above it how often the slot was used. A reply that
 * comes late, twice or from nowhere carries an old generation and matches nobody.
 */
export class IdCorrelator<Waiting> implements Correlator<Waiting> {
  readonly capacity = SLOTS
  readonly #slots: (Waiting | null)[] = []
  readonly #generations: number[] = []
  readonly #free: number[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  get waiting(): number {
    return this.#size
  }

  add(waiting: Waiting): number {
    const slot = this.#free.pop() ?? this.#newSlot()
    this.#slots[slot] = waiting
    this.#size++
    return ((this.#generations[slot] as number) << SLOT_BITS) | slot
  }

  match(id: MessageId, last: boolean): Waiting | null {
    if (typeof id !== 'number') return null
    const slot = id & SLOT_MASK
    if (this.#generations[slot] !== id >>> SLOT_BITS || id < 0 || id > 0x7fffffff) return null
    const waiting = this.#slots[slot] as Waiting | null
    if (last && waiting !== null) this.#release(slot)
    return waiting
  }

  remove(ticket: number): boolean {
    this.match(ticket, true)
    return true
  }

  isOld(id: MessageId): boolean {
    if (typeof id !== 'number' || id < SLOTS || id > 0x7fffffff) return false
    return id >>> SLOT_BITS < (this.#generations[id & SLOT_MASK] ?? 0)
  }

  pop(): Waiting | null {
    if (this.#size === 0) return null
    for (let slot = 0; slot < this.#slots.length; slot++) {
      const waiting = this.#slots[slot] as Waiting | null
      if (waiting === null) continue
      this.#release(slot)
      return waiting
    }
    return null
  }

  #newSlot(): number {
    this.#slots.push(null)
    return this.#generations.push(1) - 1
  }

  #release(slot: number): void {
    const next = (this.#generations[slot] as number) + 1
    this.#generations[slot] = next === GENERATIONS ? 1 : next
    this.#slots[slot] = null
    this.#free.push(slot)
    this.#size--
  }
}

const QUEUE = 1024

/** Replies come in the order of the requests. One that was given up keeps its place until its reply has passed. */
export class OrderCorrelator<Waiting> implements Correlator<Waiting> {
  readonly capacity = QUEUE
  readonly #queue: (Waiting | null)[] = new Array<Waiting | null>(QUEUE).fill(null)
  #head = 0
  #tail = 0
  #givenUp = 0

  /** Counts the given-up ones as well: they occupy the connection. */
  get size(): number {
    return this.#tail - this.#head
  }

  get waiting(): number {
    return this.size - this.#givenUp
  }

  add(waiting: Waiting): number {
    this.#queue[this.#tail % QUEUE] = waiting
    return ++this.#tail
  }

  match(_id: MessageId, last: boolean): Waiting | null {
    if (this.#head === this.#tail) return null
    const at = this.#head % QUEUE
    const waiting = this.#queue[at] as Waiting | null
    if (last) {
      if (waiting === null) this.#givenUp--
      this.#queue[at] = null
      this.#head++
    }
    return waiting
  }

  remove(ticket: number): boolean {
    const at = (ticket - 1) % QUEUE
    if (ticket > this.#head && this.#queue[at] !== null) {
      this.#queue[at] = null
      this.#givenUp++
    }
    return true
  }

  isOld(): boolean {
    return false
  }

  pop(): Waiting | null {
    while (this.#head < this.#tail) {
      const waiting = this.match(0, true)
      if (waiting !== null) return waiting
    }
    return null
  }
}
