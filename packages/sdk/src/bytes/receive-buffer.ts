import { ProtocolError } from '../failure.ts'
import type { MessageId } from '../message.ts'
import { freePart, keepWindow, newPart, newWindow, PART_BYTES } from './parts.ts'

const NO_BYTES = Buffer.alloc(0)
const NO_SCAN = -1
/** Above this a compacted window is not worth another copy. */
const COMPACT_BYTES = 1024
/** A message that is known to be at least so long is kept in parts until it is whole. */
const BEGIN_BYTES = 256 * 1024
/** Of such a message, chunks that are smaller go where there is room. */
const LARGE_BYTES = 16 * 1024

/** Whose a window is: a chunk may be seen by others, and one that is lent goes back. */
const [CHUNK, OURS, LENT] = [0, 1, 2]

/*
 *   window  |  taken, may still be seen by views  |  unread        |  free, only if the window is ours |
 *                                                 #start           #end
 *
 * A chunk is adopted without a copy while nothing is left over from the one before. Otherwise large chunks of a message
 * that is not whole are kept behind the window, in parts, and joined with it when somebody reads beyond it: once, exactly
 * as large. Small ones are joined in a window that doubles, so each byte is copied a constant number of times however the
 * bytes were split. Of the chunk that completes a large message, what belongs to the next one waits in a part, and then in
 * a window that is lent. Bytes once given out by `take` are never written again.
 */

/**
 * The unread bytes of one connection, always contiguous. Positions count from the next unread byte; ask `has` before
 * reading, for a read beyond what is here throws RangeError. Numbers are big-endian unless their name ends in `le`.
 */
export class ReceiveBuffer {
  /** The listener's limit for one message. */
  readonly maxMessageBytes: number
  #window: Buffer = NO_BYTES
  #owner = CHUNK
  #start = 0
  #end = 0
  #wanted = 1
  /** Behind the window; the last one may be filled in part. */
  #parts: Buffer[] = []
  #partBytes = 0
  /** The message that has begun has had a window of its length before, which was not its length: then with room for more. */
  #hasJoined = false
  /** A chunk of which all was moved elsewhere, until `compact` returns it. */
  #spent: Buffer | undefined
  // positions [#scanFrom, #scanEnd) hold no #scanByte
  #scanByte = NO_SCAN
  #scanFrom = 0
  #scanEnd = 0

  /** For tests; the framework makes one for each connection. */
  constructor(maxMessageBytes: number = 16 * 1024 * 1024) {
    this.maxMessageBytes = maxMessageBytes
  }

  /** How many bytes are here: of the next message, and perhaps of others behind it. */
  get length(): number {
    return this.#end - this.#start + this.#partBytes
  }

  /** Framework: whether `decode` may be called: as many bytes are here as it asked for, at least one. */
  get isReady(): boolean {
    return this.#end - this.#start + this.#partBytes >= this.#wanted
  }

  /** Framework: bytes of memory held for what is unread. */
  get heldBytes(): number {
    return this.#window.length + this.#partBytes
  }

  /**
   * Whether `n` bytes of the message are here. False promises that `decode` is not called again before they are.
   * Throws ProtocolError when n is above the listener's message limit or is not a length at all.
   */
  has(n: number): boolean {
    return (n <= this.#end - this.#start && n >= 0 && n <= this.maxMessageBytes) || this.#hasBeyond(n)
  }

  /** An unsigned byte. */
  u8(i: number): number {
    const at = this.#at(i, 1)
    return this.#window[at] as number
  }

  /** A signed byte. */
  i8(i: number): number {
    return (this.u8(i) << 24) >> 24
  }

  /** An unsigned 16-bit integer. */
  u16(i: number): number {
    const at = this.#at(i, 2)
    const w = this.#window
    return ((w[at] as number) << 8) | (w[at + 1] as number)
  }

  /** A signed 16-bit integer. */
  i16(i: number): number {
    return (this.u16(i) << 16) >> 16
  }

  /** An unsigned 32-bit integer. */
  u32(i: number): number {
    return this.i32(i) >>> 0
  }

  /** A signed 32-bit integer. */
  i32(i: number): number {
    const at = this.#at(i, 4)
    const w = this.#window
    return (
      ((w[at] as number) << 24) | ((w[at + 1] as number) << 16) | ((w[at + 2] as number) << 8) | (w[at + 3] as number)
    )
  }

  /** An unsigned 16-bit integer, little-endian. */
  u16le(i: number): number {
    const at = this.#at(i, 2)
    const w = this.#window
    return ((w[at + 1] as number) << 8) | (w[at] as number)
  }

  /** An unsigned 32-bit integer, little-endian. */
  u32le(i: number): number {
    const at = this.#at(i, 4)
    const w = this.#window
    return (
      (((w[at + 3] as number) << 24) |
        ((w[at + 2] as number) << 16) |
        ((w[at + 1] as number) << 8) |
        (w[at] as number)) >>>
      0
    )
  }

  /** A signed 64-bit integer: a number where that is exact, else a bigint. */
  i64(i: number): MessageId {
    const high = this.i32(i)
    const low = this.u32(i + 4)
    const value = high * 0x1_0000_0000 + low
    return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low)
  }

  /** The position of `byte` at or after `from`, or -1: then ask `has(length + 1)`. Looks at no byte twice for it. */
  indexOf(byte: number, from: number): number {
    const isKnown = byte === this.#scanByte && from >= this.#scanFrom && from <= this.#scanEnd
    if (this.#partBytes > 0) this.#join()
    const begin = isKnown ? this.#scanEnd : Math.max(from, 0)
    const found = this.#window.subarray(this.#start, this.#end).indexOf(byte, begin)
    if (found >= 0) return found
    if (!isKnown) {
      this.#scanByte = byte
      this.#scanFrom = begin
    }
    this.#scanEnd = Math.max(begin, this.length)
    return -1
  }

  /** Consumes n bytes and returns them as a view; throws RangeError when they are not here. */
  take(n: number): Buffer {
    if (this.#partBytes > 0 || !(n >= 0 && n <= this.#end - this.#start)) this.#reach(n)
    const from = this.#start
    const view = n === this.#window.length ? this.#window : this.#window.subarray(from, from + n)
    this.#start = from + n
    this.#wanted = 1
    this.#hasJoined = false
    this.#scanByte = NO_SCAN
    if (this.#start === this.#end) this.#empty()
    return view
  }

  /** Framework: adds received bytes, which nobody may change afterwards. True: all are copied, the chunk is not needed. */
  append(chunk: Buffer): boolean {
    if (this.#start === this.#end && this.#partBytes === 0) {
      this.#window = chunk
      this.#owner = CHUNK
      this.#start = 0
      this.#end = chunk.length
      return false
    }
    const end = this.#end + chunk.length
    const isFull = this.#owner === CHUNK || end > this.#window.length
    if (this.#partBytes > 0 || (isFull && chunk.length >= LARGE_BYTES && this.#isBegin())) this.#keep(chunk)
    else if (isFull && this.#isCompletedBy(chunk)) this.#complete(chunk)
    else {
      if (isFull) this.#grow(this.length + chunk.length)
      this.#end += chunk.copy(this.#window, this.#end)
    }
    return true
  }

  /** Framework: called when decode waits without having asked for more, so that it is not called for nothing. */
  wait(): void {
    if (this.isReady) this.#wanted = this.length + 1
  }

  /**
   * Framework: lets go of a large chunk when little of it is unread, or when it is only the begin of a message. Returns a
   * chunk that nobody needs any more.
   */
  compact(): Buffer | undefined {
    const length = this.#end - this.#start
    if (length >= LARGE_BYTES && this.#owner === CHUNK && this.#isBegin() && this.#partBytes === 0)
      return this.#moveToParts()
    if (length > 0 && this.#window.length > COMPACT_BYTES && length < this.#window.length / 4)
      this.#move(Math.max(2 * length, 64))
    const spent = this.#spent
    if (spent !== undefined) this.#spent = undefined
    return spent
  }

  /** Framework: forgets all unread bytes. */
  clear(): void {
    if (this.#partBytes > 0) this.#dropParts()
    this.#giveBack()
    this.#empty()
    this.#spent = undefined
  }

  /** The window, of which nothing is unread. */
  #empty(): void {
    this.#window = NO_BYTES
    this.#owner = CHUNK
    this.#start = 0
    this.#end = 0
    this.#wanted = 1
    this.#hasJoined = false
    this.#scanByte = NO_SCAN
    if (this.#partBytes > 0) this.#enterPart()
  }

  #at(i: number, size: number): number {
    if (!(i >= 0 && i + size <= this.#end - this.#start)) this.#joinFor(i, size)
    return this.#start + i
  }

  // What follows is seldom needed, and kept apart: what every message needs stays small enough for V8 to inline it.

  #hasBeyond(n: number): boolean {
    if (!(n >= 0)) throw new ProtocolError(`message length ${n} is not a length`)
    if (n > this.maxMessageBytes) throw new ProtocolError(`message length ${n} exceeds ${this.maxMessageBytes}`)
    if (n <= this.length) {
      this.#join()
      return true
    }
    this.#wanted = n
    return false
  }

  #reach(n: number): void {
    if (n <= this.#end - this.#start && n >= 0) return
    if (this.#partBytes > 0) this.#join()
    if (!(n >= 0 && n <= this.#end - this.#start)) throw new RangeError(`cannot take ${n} of ${this.length} bytes`)
  }

  #joinFor(i: number, size: number): void {
    if (!(i >= 0 && i + size <= this.length)) {
      throw new RangeError(`read of ${size} bytes at ${i} is outside the ${this.length} bytes that are here`)
    }
    this.#join()
  }

  /** What is here is the begin of a large message. */
  #isBegin(): boolean {
    return this.#wanted >= BEGIN_BYTES && this.#wanted > this.length
  }

  /** All of a large message is here then, whose length is known. */
  #isCompletedBy(chunk: Buffer): boolean {
    const missing = this.#wanted - this.length
    const isNear = this.#wanted >= LARGE_BYTES && missing > 0 && missing <= chunk.length
    return isNear && (this.#hasRoom() || !this.#hasJoined)
  }

  /** For the rest of what is wanted. */
  #hasRoom(): boolean {
    return this.#owner !== CHUNK && this.#window.length - this.#start >= this.#wanted
  }

  /** In a window that is exactly as large. */
  #complete(chunk: Buffer): void {
    const missing = this.#wanted - this.length
    if (!this.#hasRoom()) this.#move(this.#wanted)
    this.#hasJoined = true
    this.#end += chunk.copy(this.#window, this.#end, 0, missing)
    if (missing < chunk.length) this.#keep(chunk.subarray(missing))
  }

  /** What is unread in a single part is read in a window that is lent. */
  #enterPart(): void {
    if (this.#partBytes > PART_BYTES) return
    this.#window = newWindow()
    this.#owner = LENT
    this.#end = (this.#parts[0] as Buffer).copy(this.#window, 0, 0, this.#partBytes)
    this.#dropParts()
  }

  /** Nobody has a view of a window of which nothing was taken. */
  #giveBack(): void {
    if (this.#owner === LENT && this.#start === 0) keepWindow(this.#window)
  }

  #moveToParts(): Buffer | undefined {
    const window = this.#window
    const unread = window.subarray(this.#start, this.#end)
    // messages before this one may be views of it
    const isWhole = unread.length === window.length
    this.#window = NO_BYTES
    this.#start = 0
    this.#end = 0
    this.#keep(unread)
    return isWhole ? window : undefined
  }

  #keep(chunk: Buffer): void {
    for (let from = 0; from < chunk.length; ) {
      const used = this.#partBytes % PART_BYTES
      if (used === 0) this.#parts.push(newPart())
      const copied = chunk.copy(this.#parts.at(-1) as Buffer, used, from)
      this.#partBytes += copied
      from += copied
    }
  }

  #join(): void {
    const length = this.length
    this.#move(this.#hasJoined ? length + (length >>> 1) : length)
    this.#hasJoined = true
    for (let left = this.#partBytes, n = 0; left > 0; left -= PART_BYTES, n++) {
      const part = this.#parts[n] as Buffer
      this.#end += part.copy(this.#window, this.#end, 0, Math.min(left, PART_BYTES))
    }
    this.#dropParts()
  }

  #dropParts(): void {
    for (const part of this.#parts) freePart(part)
    this.#parts = []
    this.#partBytes = 0
  }

  /**
   * Exact when the length of the message is known and near, else double: no prepayment on an announcement. When that was not
   * its length by half at least: else a codec that asks for a little more each time would make us copy everything each time.
   */
  #grow(needed: number): void {
    if (this.#wanted > needed) this.#growTowards(this.#wanted, needed)
    // of much that is read at once, there is more than what is wanted now
    else this.#move(needed >= LARGE_BYTES && !this.#hasJoined ? needed : 2 * needed)
  }

  #growTowards(wanted: number, needed: number): void {
    const half = this.#hasJoined ? needed + (needed >>> 1) : 0
    if (wanted < 2 * needed) this.#hasJoined = true
    this.#move(Math.max(half, Math.min(wanted, 2 * needed)))
  }

  #move(capacity: number): void {
    const window = Buffer.allocUnsafeSlow(capacity)
    this.#window.copy(window, 0, this.#start, this.#end)
    this.#giveBack()
    // nobody has a view of what nothing was taken of
    if (this.#owner === CHUNK && this.#start === 0) this.#spent = this.#window
    this.#end -= this.#start
    this.#start = 0
    this.#window = window
    this.#owner = OURS
  }
}
