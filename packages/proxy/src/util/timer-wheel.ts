/**
 * Deadlines by the thousand: a hierarchical timing wheel whose entries are the objects that wait, so that setting
 * and clearing a deadline allocates nothing. Only the next slot in use has a real timer.
 *
 *   level 0   256 slots of 1 tick          reaches 2.56 s with ticks of 10 ms
 *   level 1   256 slots of 256 ticks       11 min     ┐ when time enters such a slot, its entries
 *   level 2   256 slots of 65,536 ticks    46 h       │ move down to the level that now fits
 *   level 3   256 slots of 2²⁴ ticks       497 days   ┘
 */
import type { Clock, Timer } from '@meltemi/runtime'

/** What can wait in a wheel. Preset: timerNext and timerPrev null, timerTick 0; only the wheel changes them. */
export interface TimerNode {
  timerNext: TimerNode | null
  timerPrev: TimerNode | null
  timerTick: number
  onTimer(): void
}

const SLOTS = 256
const LEVELS = 4
const SPANS = [1, SLOTS, SLOTS ** 2, SLOTS ** 3]
const MAX_TICKS = SLOTS ** LEVELS - 1
/** Longer than any rounding of the clock, so that a timer that comes a hair early cannot spin. */
const MIN_DELAY_MS = 1
const NEVER = Number.POSITIVE_INFINITY

class SlotHead implements TimerNode {
  timerNext: TimerNode = this
  timerPrev: TimerNode = this
  timerTick = 0
  onTimer(): void {}
}

export class TimerWheel {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #originMs: number
  readonly #heads: SlotHead[] = Array.from({ length: SLOTS * LEVELS }, () => new SlotHead())
  readonly #wake = (): void => this.#onClock()
  /** Everything due up to and including this tick has been called. */
  #tick = 0
  #size = 0
  #timer: Timer | null = null
  #armedTick = NEVER
  #advancing = false

  constructor(clock: Clock, tickMs = 10) {
    this.#clock = clock
    this.#tickMs = tickMs
    this.#originMs = clock.now()
  }

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /**
   * Calls `node.onTimer()` once, never early and at most about two ticks late; a node that waits already is moved.
   * Delays above 497 days are cut. Hand in `nowMs` where the clock has just been read.
   */
  schedule(node: TimerNode, delayMs: number, nowMs = this.#clock.now()): void {
    if (node.timerNext !== null) this.#unlink(node)
    const elapsedMs = nowMs - this.#originMs
    if (this.#size === 0 && !this.#advancing) this.#tick = Math.floor(elapsedMs / this.#tickMs)
    const due = Math.ceil((elapsedMs + delayMs) / this.#tickMs)
    node.timerTick = Math.min(Math.max(due, this.#tick + 1), this.#tick + MAX_TICKS)
    const wakeTick = this.#insert(node)
    this.#size++
    if (wakeTick < this.#armedTick && !this.#advancing) this.#arm(wakeTick, nowMs)
  }

  /** Forgets a node; one that does not wait is left alone. */
  cancel(node: TimerNode): void {
    if (node.timerNext === null) return
    this.#unlink(node)
  }

  /** Forgets all nodes without calling them. The wheel can be used again. */
  stop(): void {
    for (const head of this.#heads) {
      while (head.timerNext !== head) this.#unlink(head.timerNext)
    }
    this.#disarm()
  }

  #insert(node: TimerNode): number {
    const tick = node.timerTick
    const distance = tick - this.#tick
    const level = distance < SLOTS ? 0 : distance < SLOTS ** 2 ? 1 : distance < SLOTS ** 3 ? 2 : 3
    const head = this.#heads[level * SLOTS + ((tick >>> (level * 8)) & (SLOTS - 1))] as SlotHead
    const last = head.timerPrev
    node.timerPrev = last
    node.timerNext = head
    last.timerNext = node
    head.timerPrev = node
    return tick - (tick % (SPANS[level] as number))
  }

  #unlink(node: TimerNode): void {
    const next = node.timerNext as TimerNode
    const previous = node.timerPrev as TimerNode
    previous.timerNext = next
    next.timerPrev = previous
    node.timerNext = null
    node.timerPrev = null
    this.#size--
  }

  #onClock(): void {
    this.#timer = null
    this.#armedTick = NEVER
    this.#advancing = true
    const nowMs = this.#clock.now()
    try {
      this.#advance(Math.floor((nowMs - this.#originMs) / this.#tickMs))
    } finally {
      this.#advancing = false
      const next = this.#nextTick()
      if (next !== NEVER) this.#arm(next, nowMs)
    }
  }

  #advance(toTick: number): void {
    for (let tick = this.#nextTick(); tick <= toTick; tick = this.#nextTick()) {
      this.#tick = tick
      for (let level = LEVELS - 1; level > 0; level--) if (tick % (SPANS[level] as number) === 0) this.#moveDown(level)
      this.#callSlot(tick)
    }
    if (this.#tick < toTick) this.#tick = toTick
  }

  #callSlot(tick: number): void {
    const head = this.#heads[tick & (SLOTS - 1)] as SlotHead
    try {
      while (head.timerNext !== head) {
        const node = head.timerNext
        this.#unlink(node)
        node.onTimer()
      }
    } catch (error: unknown) {
      // Whoever else waits in this slot is called at the next wake-up.
      this.#tick = tick - 1
      throw error
    }
  }

  #moveDown(level: number): void {
    const head = this.#heads[level * SLOTS + ((this.#tick >>> (level * 8)) & (SLOTS - 1))] as SlotHead
    while (head.timerNext !== head) {
      const node = head.timerNext
      this.#unlink(node)
      this.#insert(node)
      this.#size++
    }
  }

  /** The next tick at which a slot in use is entered. */
  #nextTick(): number {
    if (this.#size === 0) return NEVER
    let next = NEVER
    for (let level = 0; level < LEVELS; level++) next = Math.min(next, this.#nextTickOf(level))
    return next
  }

  #nextTickOf(level: number): number {
    const span = SPANS[level] as number
    const start = this.#tick - (this.#tick % span)
    const slot = (this.#tick >>> (level * 8)) & (SLOTS - 1)
    for (let ahead = 1; ahead <= SLOTS; ahead++) {
      const head = this.#heads[level * SLOTS + ((slot + ahead) & (SLOTS - 1))] as SlotHead
      if (head.timerNext !== head) return start + ahead * span
    }
    return NEVER
  }

  #arm(tick: number, nowMs: number): void {
    this.#disarm()
    this.#armedTick = tick
    const delayMs = this.#originMs + tick * this.#tickMs - nowMs
    this.#timer = this.#clock.setTimer(Math.max(MIN_DELAY_MS, delayMs), this.#wake)
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#armedTick = NEVER
  }
}
