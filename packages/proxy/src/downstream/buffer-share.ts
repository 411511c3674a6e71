import type { Clock, Counter, Gauge, MetricRegistry, Timer } from '@meltemi/runtime'
import { RingBuffer } from '../util/ring-buffer.ts'

/** What holds less does not count. */
export const LARGE_BYTES: number = 32 * 1024
/** What the runtime reads at once. */
export const READ_BYTES: number = 64 * 1024
/** Of large messages of all clients together, in one turn of the event loop: about a third of a millisecond. */
const TURN_BYTES = 256 * 1024
/**
 * When so much of the share is used up, they have a turn only now and then, for 50 MB a second, and for 13 when all of it
 * is: all that is read costs, up to the collection of garbage.
 */
const PRESSED_PART = 0.5
const [PRESSED_TURN_MS, FULL_TURN_MS] = [5, 20]
/** The kernel takes up to half a millisecond to close a connection with much that is unread. */
const CLOSED_PER_TURN = TURN_BYTES / READ_BYTES
/** More connections than a thread can have. */
const MAX_WAITING = 2 ** 24

/** A connection that may hold much. */
export interface BufferHolder {
  /** What it holds, as its share knows it; only the share changes it. */
  countedBytes: number
  /** Its turn has come. False when it has nothing to read. */
  readOn(): boolean
  /** Ends: it holds the most when the share is used up. Holds nothing afterwards. */
  shed(): void
  /** Its turn to close has come; see `closeInTurn`. */
  closeNow(): void
}

/**
 * What the clients of one thread may hold in buffers: parts of large messages, requests under way, and replies that are not
 * taken. Beyond it nobody reads on, and the connections that hold the most are closed. And so that those who send much
 * do not keep the others waiting, all together they are read for so many bytes in each turn of the event loop, and when
 * much of the share is used up, in each few milliseconds.
 */
export class BufferShare {
  readonly #clock: Clock
  readonly #limitBytes: number
  readonly #held: Gauge
  readonly #turnsWaited: Counter
  readonly #holders = new Set<BufferHolder>()
  readonly #waiting = new RingBuffer<BufferHolder>(MAX_WAITING)
  readonly #closing = new RingBuffer<BufferHolder>(MAX_WAITING)
  readonly #nextTurn = (): void => this.#begin()
  #usedBytes = 0
  #turnBytes = 0
  #turnMs = Number.NEGATIVE_INFINITY
  #isScheduled = false
  #timer: Timer | undefined

  constructor(clock: Clock, limitBytes: number, metrics: MetricRegistry) {
    this.#clock = clock
    this.#limitBytes = limitBytes
    this.#held = metrics.gauge('overload.buffers_held_bytes')
    this.#turnsWaited = metrics.counter('overload.buffers_turns_waited')
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** What it holds now. Where that is too much, connections are closed in the next turn of the event loop. */
  count(holder: BufferHolder, bytes: number): void {
    const counted = bytes > LARGE_BYTES ? bytes : 0
    if (counted === 0) this.#holders.delete(holder)
    else if (holder.countedBytes === 0) this.#holders.add(holder)
    this.#usedBytes += counted - holder.countedBytes
    holder.countedBytes = counted
    this.#held.set(this.#usedBytes)
    if (this.#usedBytes > this.#limitBytes) this.#schedule()
  }

  /** A part of a large message has been read: false, and a call of `readOn` later, when others are to have their turn. */
  mayReadOn(bytes: number, holder: BufferHolder): boolean {
    this.#turnBytes += bytes
    this.#schedule()
    const hasRoom = this.#turnBytes <= TURN_BYTES && this.#usedBytes <= this.#limitBytes
    if (hasRoom && this.#waiting.length === 0) return true
    this.#turnsWaited.add(1)
    this.#waiting.push(holder)
    return false
  }

  /** Calls `closeNow` soon: what many clients have coming at the same moment must not keep the others waiting. */
  closeInTurn(holder: BufferHolder): void {
    this.#closing.push(holder)
    this.#schedule()
  }

  /** Until large messages have their next turn; 0: now. Room that closing has made is not used up any faster. */
  #untilTurnMs(): number {
    const pressure = Math.min(1, (this.#usedBytes / this.#limitBytes - PRESSED_PART) / (1 - PRESSED_PART))
    if (pressure <= 0) return 0
    const leftMs = this.#turnMs + PRESSED_TURN_MS + pressure * (FULL_TURN_MS - PRESSED_TURN_MS) - this.#clock.now()
    // timers know whole milliseconds only
    return leftMs < 1 ? 0 : leftMs
  }

  #begin(): void {
    this.#isScheduled = false
    this.#timer = undefined
    this.#close()
    if (this.#untilTurnMs() === 0) this.#read()
    if (this.#waiting.length > 0 || this.#hasToClose()) this.#schedule()
  }

  #read(): void {
    this.#turnBytes = 0
    this.#turnMs = this.#clock.now()
    for (let room = TURN_BYTES; room > 0 && this.#usedBytes <= this.#limitBytes; ) {
      const holder = this.#waiting.shift()
      if (holder === undefined) return
      if (holder.readOn()) room -= READ_BYTES
    }
  }

  #hasToClose(): boolean {
    return this.#closing.length > 0 || this.#usedBytes > this.#limitBytes
  }

  #close(): void {
    for (let closed = 0; closed < CLOSED_PER_TURN && this.#hasToClose(); closed++) {
      const next = this.#closing.shift()
      if (next === undefined) this.#closeLargest()
      else next.closeNow()
    }
  }

  /** Those that began to hold much first, of equals. */
  #closeLargest(): void {
    let largest: BufferHolder | undefined
    for (const holder of this.#holders) {
      if (largest === undefined || holder.countedBytes > largest.countedBytes) largest = holder
    }
    largest?.shed()
  }

  #schedule(): void {
    const delayMs = this.#hasToClose() ? 0 : this.#untilTurnMs()
    if (this.#isScheduled && (this.#timer === undefined || delayMs > 0)) return
    this.#isScheduled = true
    this.#timer?.cancel()
    this.#timer = delayMs > 0 ? this.#clock.setTimer(delayMs, this.#nextTurn) : undefined
    if (delayMs === 0) this.#clock.setImmediate(this.#nextTurn)
  }
}
