/**
 * What all threads know of the hosts of one cluster, in shared memory: what they count of them, who is ejected, and who
 * has failed its health checks.
 *
 *   [ header: bell leader lock hosts ejected … ][ slot 0 ][ slot 1 ] …
 *
 *   slot: [ hashes of the address ][ flags ][ failures in a row ][ replies of this interval ][ ejections ][ checks ]
 *         [ address as text ][ users ]
 *
 * A slot belongs to one address as long as a worker has that host: each has a bit in `users`. Slots are found by their
 * hash, and searched from there on. Counts are changed by anybody; slots change hands, and hosts are ejected, under the
 * lock alone.
 */
import type { SharedBlock } from '../shared-limits.ts'

/** Hosts of a cluster beyond so many are balanced like others, and nobody watches them. */
export const MAX_HOSTS = 1024
const MAX_WORKERS = 256
const HEADER = 32
const STRIDE = 56
/** Cells of a slot, of four letters each. */
const TEXT = 19
/** More than a path of a socket may have. */
const MAX_LETTERS = 112
const LETTERS = /^[\x20-\x7e]+$/
const USERS = 48
/** A thread that ends while it holds the lock loses it; nobody else holds it for longer than a look at all slots. */
const LOCK_WAIT_MS = 1000
/** Who takes back what a worker has had, for the lock. */
const RECLAIMING = MAX_WORKERS + 1

/** Cells of the header. */
const Head = { Bell: 0, Leader: 1, Lock: 2, Hosts: 3, HadTraffic: 4 } as const

/** Cells of the header with what the last look at all hosts has found; see `rateOf`. */
export const Rates = { Mean: 8, Limit: 9, LocalMean: 10, LocalLimit: 11 } as const
export type Rates = (typeof Rates)[keyof typeof Rates]

/** Cells of a slot. */
export const Cell = {
  HashHigh: 0,
  HashLow: 1,
  /** See HostFlag. */
  Flags: 2,
  /** Failures in a row. */
  Failures: 3,
  GatewayFailures: 4,
  LocalFailures: 5,
  /** Of this interval: how many requests, and how many of them went well. */
  Total: 6,
  Successes: 7,
  LocalTotal: 8,
  LocalSuccesses: 9,
  /** How often as long as the first one the next ejection lasts. */
  Ejections: 10,
  /** When, in milliseconds modulo 2³². */
  EjectedAt: 11,
  UnejectedAt: 12,
  /** Milliseconds that this ejection lasts longer. */
  Jitter: 13,
  /** See `rateOf`. */
  Rate: 14,
  LocalRate: 15,
  /** Checks in a row. */
  GoodChecks: 16,
  BadChecks: 17,
  /** Where it is asked for its health; NOT_CHECKED: nowhere. */
  CheckPort: 18,
} as const
export type Cell = (typeof Cell)[keyof typeof Cell]

export const HostFlag = {
  Ejected: 1,
  /** It fails its health checks, or was not checked yet. */
  Unhealthy: 2,
  /** Not checked yet. */
  Unchecked: 4,
  /** Its last check got no answer. */
  TimedOut: 8,
  /** It has come back, and nothing has gone well for a while since. */
  WasUnejected: 16,
} as const
export type HostFlag = (typeof HostFlag)[keyof typeof HostFlag]

export const NOT_CHECKED = 0
/** Of a socket of the machine. */
export const NO_PORT = 0x1_0000

const PREFIX = 'hosts/'

/** The memory of the hosts of a cluster. */
export function hostsBlock(cluster: string): SharedBlock {
  return { key: `${PREFIX}${cluster}`, bytes: (HEADER + MAX_HOSTS * STRIDE) * Int32Array.BYTES_PER_ELEMENT }
}

export function isHostsKey(key: string): boolean {
  return key.startsWith(PREFIX)
}

/** Takes back what a worker that is gone has had. Call while it does not run. */
export function reclaimHosts(block: SharedArrayBuffer, worker: number): void {
  const cells = new Int32Array(block)
  unlock(cells, worker + 1)
  lock(cells, RECLAIMING)
  for (let base = HEADER; base < cells.length; base += STRIDE) forgetUser(cells, base, worker)
  unlock(cells, RECLAIMING)
  Atomics.compareExchange(cells, Head.Leader, worker + 1, 0)
  ring(cells)
}

/** The hosts of one cluster as one worker sees them. */
export class HostTable {
  readonly cells: Int32Array
  readonly #worker: number
  readonly isShared: boolean
  #isLocked = false

  constructor(block: SharedArrayBuffer, workers: number, worker: number) {
    this.cells = new Int32Array(block)
    this.isShared = workers > 1
    this.#worker = worker
  }

  /** In use, by any worker. */
  get size(): number {
    return Atomics.load(this.cells, Head.Hosts)
  }

  /** The first cell of the slot of an address; -1: there is none left. `flags`: of a host that nobody has yet. */
  join(address: string, flags: number): number {
    if (this.#worker >= MAX_WORKERS || address.length > MAX_LETTERS || !LETTERS.test(address)) return -1
    const high = hash(address, 0x0100_0193)
    const low = hash(address, 0xcc9e_2d51)
    return this.locked(() => {
      const base = this.#find(high, low)
      if (base < 0) return -1
      if (!isUsed(this.cells, base)) this.#occupy(base, address, [high, low], flags)
      const word = base + USERS + (this.#worker >> 5)
      Atomics.or(this.cells, word, 1 << (this.#worker & 31))
      return base
    })
  }

  /** This worker has the host no more. */
  leave(base: number): void {
    this.locked(() => forgetUser(this.cells, base, this.#worker))
  }

  /** `ip:port` of a slot. */
  addressOf(base: number): string {
    let text = ''
    for (let at = 0; at < MAX_LETTERS; at++) {
      const code = (Atomics.load(this.cells, base + TEXT + (at >> 2)) >>> ((at & 3) * 8)) & 0xff
      if (code === 0) break
      text += String.fromCharCode(code)
    }
    return text
  }

  get(base: number, cell: Cell): number {
    return Atomics.load(this.cells, base + cell)
  }

  set(base: number, cell: Cell, value: number): void {
    Atomics.store(this.cells, base + cell, value)
  }

  /** Returns what it is now. */
  add(base: number, cell: Cell, count: number): number {
    return Atomics.add(this.cells, base + cell, count) + count
  }

  /** Returns what it was, and makes it 0. */
  take(base: number, cell: Cell): number {
    return Atomics.exchange(this.cells, base + cell, 0)
  }

  has(base: number, flag: HostFlag): boolean {
    return (this.get(base, Cell.Flags) & flag) !== 0
  }

  /** False when it was so already. */
  flag(base: number, flag: HostFlag, isSet: boolean): boolean {
    const at = base + Cell.Flags
    const before = isSet ? Atomics.or(this.cells, at, flag) : Atomics.and(this.cells, at, ~flag)
    return ((before & flag) !== 0) !== isSet
  }

  rate(at: Rates): number {
    return rateOf(Atomics.load(this.cells, at))
  }

  setRate(at: Rates, percent: number): void {
    Atomics.store(this.cells, at, rateCell(percent))
  }

  /** Those that any worker has. */
  slots(): readonly number[] {
    const found: number[] = []
    for (let base = HEADER; base < this.cells.length; base += STRIDE) if (isUsed(this.cells, base)) found.push(base)
    return found
  }

  count(flag: HostFlag): number {
    return this.slots().filter((base) => this.has(base, flag)).length
  }

  /** There has been a connection to one of them. */
  get hadTraffic(): boolean {
    return Atomics.load(this.cells, Head.HadTraffic) !== 0
  }

  noteTraffic(): void {
    if (this.cells[Head.HadTraffic] === 0) Atomics.store(this.cells, Head.HadTraffic, 1)
  }

  /** One thread looks after the hosts: whoever asks first, when nobody does. */
  tryLead(): boolean {
    const before = Atomics.compareExchange(this.cells, Head.Leader, 0, this.#worker + 1)
    return before === 0 || before === this.#worker + 1
  }

  resign(): void {
    if (Atomics.compareExchange(this.cells, Head.Leader, this.#worker + 1, 0) === this.#worker + 1) this.ring()
  }

  /** Tells all workers to look again. */
  ring(): void {
    ring(this.cells)
  }

  /** Resolves with the number the bell then stands at, when it does not stand at `heard` any more. */
  async nextRing(heard: number): Promise<number> {
    const { async: isWaiting, value } = Atomics.waitAsync(this.cells, Head.Bell, heard)
    if (isWaiting) await value
    return Atomics.load(this.cells, Head.Bell)
  }

  /** Nobody else changes slots or ejects meanwhile. */
  locked<T>(task: () => T): T {
    if (this.#isLocked) return task()
    lock(this.cells, this.#worker + 1)
    this.#isLocked = true
    try {
      return task()
    } finally {
      this.#isLocked = false
      unlock(this.cells, this.#worker + 1)
    }
  }

  /** The slot of the hash, or one that is free; -1: all are taken. */
  #find(high: number, low: number): number {
    const { cells } = this
    let free = -1
    for (let step = 0; step < MAX_HOSTS; step++) {
      const base = HEADER + (((high >>> 0) + step) % MAX_HOSTS) * STRIDE
      if (cells[base + Cell.HashHigh] === high && cells[base + Cell.HashLow] === low) return base
      if (free < 0 && !isUsed(cells, base)) free = base
      // nobody was ever further on
      if (cells[base + Cell.HashHigh] === 0) break
    }
    return free
  }

  #occupy(base: number, address: string, [high, low]: readonly [number, number], flags: number): void {
    this.cells.fill(0, base, base + STRIDE)
    this.set(base, Cell.HashHigh, high)
    this.set(base, Cell.HashLow, low)
    this.set(base, Cell.Flags, flags)
    for (let at = 0; at < address.length; at++) {
      Atomics.or(this.cells, base + TEXT + (at >> 2), (address.charCodeAt(at) & 0xff) << ((at & 3) * 8))
    }
    Atomics.add(this.cells, Head.Hosts, 1)
  }
}

/** In percent; -1: not known. Cells hold hundredths of it, and 0 is for "not known". */
export function rateOf(cell: number): number {
  return cell === 0 ? -1 : (cell - 1) / 100
}

export function rateCell(percent: number): number {
  return percent < 0 ? 0 : Math.round(percent * 100) + 1
}

function isUsed(cells: Int32Array, base: number): boolean {
  for (let at = base + USERS; at < base + STRIDE; at++) if (Atomics.load(cells, at) !== 0) return true
  return false
}

function forgetUser(cells: Int32Array, base: number, worker: number): void {
  const bit = 1 << (worker & 31)
  const before = Atomics.and(cells, base + USERS + (worker >> 5), ~bit)
  if ((before & bit) === 0 || isUsed(cells, base)) return
  // its hash stays: those behind it are found through it
  Atomics.store(cells, base + Cell.Flags, 0)
  Atomics.sub(cells, Head.Hosts, 1)
}

function lock(cells: Int32Array, who: number): void {
  for (;;) {
    const holder = Atomics.compareExchange(cells, Head.Lock, 0, who)
    if (holder === 0) return
    const end = Atomics.wait(cells, Head.Lock, holder, LOCK_WAIT_MS)
    // whoever has it has stopped in the middle of it
    if (end === 'timed-out') Atomics.compareExchange(cells, Head.Lock, holder, 0)
  }
}

/** Nothing happens where somebody else has it by now. */
function unlock(cells: Int32Array, who: number): void {
  if (Atomics.compareExchange(cells, Head.Lock, who, 0) === who) Atomics.notify(cells, Head.Lock, 1)
}

function ring(cells: Int32Array): void {
  Atomics.add(cells, Head.Bell, 1)
  Atomics.notify(cells, Head.Bell)
}

/** Never 0. Two of different factors tell any two addresses of one cluster apart. */
function hash(text: string, factor: number): number {
  let value = text.length
  for (let at = 0; at < text.length; at++) {
    const mixed = Math.imul(value ^ text.charCodeAt(at), factor)
    value = (mixed << 15) | (mixed >>> 17)
  }
  const mixed = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b)
  return (mixed ^ (mixed >>> 13)) | 0 || 1
}
