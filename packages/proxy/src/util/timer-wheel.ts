/**
 * Deadlines by the thousand: a hierarchical timing wheel whose entries are the objects that wait, so that setting
 * and clearing a deadline allocates nothing. Only the next slot in use has a real timer.
 *
 *   level 0   256 slots of 1 tick          reaches 2.56 s with ticks of 10 ms
 *   level 1   256 slots of 256 ticks       11 min     ┐ when time enters such a slot, its entries
 *   level 2   256 slots of 65,536 ticks    46 h       │ move down to the level that now fits
 *   level 3   256 slots of 2²⁴ ticks       248 days   ┘
 *
 * Ticks are counted modulo 2³² in small integers, and compared by their distance, which is below 2³¹.
 */
import type { Clock, Timer } from '@meltemi/runtime'

/** What can wait in a wheel. Preset: timerNext and timerPrev null, timerTick 0; only the wheel changes them. */
export interface TimerNode {
  timerNext: TimerNode | null
  timerPrev: TimerNode | null
  timerTick: number
  onTimer(): void
}

const SLOT_BITS = 8
const SLOTS = 1 << SLOT_BITS
const LEVELS = 4
const MAX_TICKS = 0x7fff_fff0
/** Longer than any rounding of the clock, so that a timer that comes a hair early cannot spin. */
const MIN_DELAY_MS = 1

class SlotHead implements TimerNode {
  timerNext: TimerNode = this
  timerPrev: TimerNode = this
  timerTick = 0
  onTimer(): void {}
}

export class TimerWheel {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #maxDelayMs: number
  readonly #originMs: number
  readonly #heads: SlotHead[] = Array.from({ length: SLOTS * LEVELS }, () => new SlotHead())
  readonly #wake = (): void => this.#onClock()
  /** Everything due up to and including this tick has been called. */
  #tick = 0
  #size = 0
  #timer: Timer | null = null
  /** Means something only while there is a timer. */
  #armedTick = 0
  #advancing = false

  constructor(clock: Clock, tickMs = 10) {
    this.#clock = clock
    this.#tickMs = tickMs
    this.#maxDelayMs = MAX_TICKS * tickMs
    this.#originMs = clock.now()
  }

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /**
   * Calls `node.onTimer()` once, never early and at most about two ticks late; a node that waits already is moved.
   * Delays above 248 days are cut. Hand in `nowMs` where the clock has just been read.
   */
  schedule(node: TimerNode, delayMs: number, nowMs = this.#clock.now()): void {
    if (node.timerNext !== null) this.#unlink(node)
    const elapsedMs = nowMs - this.#originMs
    if (this.#size === 0 && !this.#advancing) this.#tick = this.#tickAt(elapsedMs)
    const dueMs = elapsedMs + Math.min(delayMs, this.#maxDelayMs)
    const distance = (Math.ceil(dueMs / this.#tickMs) - this.#tick) | 0
    node.timerTick = distance > 0 ? (this.#tick + distance) | 0 : (this.#tick + 1) | 0
    const wakeTick = this.#insert(node)
    this.#size++
    if (this.#advancing) return
    if (this.#timer === null || ((wakeTick - this.#armedTick) | 0) < 0) this.#arm(wakeTick, nowMs)
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

  #tickAt(elapsedMs: number): number {
    return Math.floor(elapsedMs / this.#tickMs) | 0
  }

  /** Returns the tick at which the node's slot is entered. */
  #insert(node: TimerNode): number {
    const tick = node.timerTick
    const distance = (tick - this.#tick) | 0
    const level = distance < 1 << 8 ? 0 : distance < 1 << 16 ? 1 : distance < 1 << 24 ? 2 : 3
    const shift = level * SLOT_BITS
    const head = this.#heads[(level << SLOT_BITS) | ((tick >>> shift) & (SLOTS - 1))] as SlotHead
    const last = head.timerPrev
    node.timerPrev = last
    node.timerNext = head
    last.timerNext = node
    head.timerPrev = node
    return (tick >> shift) << shift
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
    this.#advancing = true
    const nowMs = this.#clock.now()
    try {
      this.#advance(this.#tickAt(nowMs - this.#originMs))
    } finally {
      this.#advancing = false
      if (this.#size > 0) this.#arm((this.#tick + this.#ticksToNext()) | 0, nowMs)
    }
  }

  #advance(toTick: number): void {
    while (this.#size > 0) {
      const ahead = this.#ticksToNext()
      if (ahead > ((toTick - this.#tick) | 0)) break
      this.#tick = (this.#tick + ahead) | 0
      for (let level = LEVELS - 1; level > 0; level--) {
        const shift = level * SLOT_BITS
        if ((this.#tick >> shift) << shift === this.#tick) this.#moveDown(level)
      }
      this.#callSlot()
    }
    if (((toTick - this.#tick) | 0) > 0) this.#tick = toTick
  }

  #callSlot(): void {
    const head = this.#heads[this.#tick & (SLOTS - 1)] as SlotHead
    try {
      while (head.timerNext !== head) {
        const node = head.timerNext
        this.#unlink(node)
        node.onTimer()
      }
    } catch (error: unknown) {
      // Whoever else waits in this slot is called at the next wake-up.
      this.#tick = (this.#tick - 1) | 0
      throw error
    }
  }

  #moveDown(level: number): void {
    const slot = (this.#tick >>> (level * SLOT_BITS)) & (SLOTS - 1)
    const head = this.#heads[(level << SLOT_BITS) | slot] as SlotHead
    while (head.timerNext !== head) {
      const node = head.timerNext
      this.#unlink(node)
      this.#insert(node)
      this.#size++
    }
  }

  /** From now to the next entry of a slot in use; something must wait. */
  #ticksToNext(): number {
    let least = Number.POSITIVE_INFINITY
    for (let level = 0; level < LEVELS; level++) least = Math.min(least, this.#ticksToNextOf(level))
    return least
  }

  #ticksToNextOf(level: number): number {
    const span = 2 ** (level * SLOT_BITS)
    const slot = (this.#tick >>> (level * SLOT_BITS)) & (SLOTS - 1)
    for (let ahead = 1; ahead <= SLOTS; ahead++) {
      const head = this.#heads[(level << SLOT_BITS) | ((slot + ahead) & (SLOTS - 1))] as SlotHead
      if (head.timerNext !== head) return ahead * span - (this.#tick & (span - 1))
    }
    return Number.POSITIVE_INFINITY
  }

  #arm(tick: number, nowMs: number): void {
    this.#disarm()
    this.#armedTick = tick
    const elapsedMs = nowMs - this.#originMs
    const wholeTicks = Math.floor(elapsedMs / this.#tickMs)
    const delayMs = (wholeTicks + ((tick - wholeTicks) | 0)) * this.#tickMs - elapsedMs
    this.#timer = this.#clock.setTimer(Math.max(MIN_DELAY_MS, delayMs), this.#wake)
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
