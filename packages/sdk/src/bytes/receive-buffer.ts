import { ProtocolError } from '../failure.ts'
import type { MessageId } from '../message.ts'

const NO_BYTES = Buffer.alloc(0)
const NO_SCAN = -1
/** Above this a compacted window is not worth another copy. */
const COMPACT_BYTES = 1024

/*
 *   window  |  taken, may still be seen by views  |  unread        |  free, only if the window is ours |
 *                                                 #start           #end
 *
 * A chunk is adopted without a copy while nothing is left over from the one before; otherwise both are joined in
 * a window that doubles, so each byte is copied a constant number of times however the bytes were split. Bytes
 * once given out by `take` are never written again.
 */

/**
 * The unread bytes of one connection, always contiguous. Positions count from the next unread byte; ask `has` before
 * reading, for a read beyond what is here throws RangeError. Numbers are big-endian unless their name ends in `le`.
 */
export class ReceiveBuffer {
  /** The listener's limit for one message. */
  readonly maxMessageBytes: number
  #window: Buffer = NO_BYTES
  #owned = false
  #start = 0
  #end = 0
  #wanted = 1
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
    return this.#end - this.#start
  }

  /** Framework: whether `decode` may be called: as many bytes are here as it asked for, at least one. */
  get isReady(): boolean {
    return this.#end - this.#start >= this.#wanted
  }

  /** Framework: bytes of memory held for what is unread. */
  get heldBytes(): number {
    return this.#window.length
  }

  /**
   * Whether `n` bytes of the message are here. False promises that `decode` is not called again before they are.
   * Throws ProtocolError when n is above the listener's message limit or is not a length at all.
   */
  has(n: number): boolean {
    if (n <= this.#end - this.#start && n >= 0 && n <= this.maxMessageBytes) return true
    if (!(n >= 0)) throw new ProtocolError(`message length ${n} is not a length`)
    if (n > this.maxMessageBytes) throw new ProtocolError(`message length ${n} exceeds ${this.maxMessageBytes}`)
    this.#wanted = n
    return false
  }

  /** An unsigned byte. */
  u8(i: number): number {
    return this.#window[this.#at(i, 1)] as number
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
    if (!(n >= 0 && n <= this.#end - this.#start)) throw new RangeError(`cannot take ${n} of ${this.length} bytes`)
    const from = this.#start
    const view = n === this.#window.length ? this.#window : this.#window.subarray(from, from + n)
    this.#start = from + n
    this.#wanted = 1
    this.#scanByte = NO_SCAN
    if (this.#start === this.#end) this.clear()
    return view
  }

  /** Framework: adds received bytes, which nobody may change afterwards. */
  append(chunk: Buffer): void {
    if (this.#start === this.#end) {
      this.#window = chunk
      this.#owned = false
      this.#start = 0
      this.#end = chunk.length
      return
    }
    const end = this.#end + chunk.length
    if (!this.#owned || end > this.#window.length) this.#grow(this.length + chunk.length)
    chunk.copy(this.#window, this.#end)
    this.#end += chunk.length
  }

  /** Framework: called when decode waits without having asked for more, so that it is not called for nothing. */
  wait(): void {
    if (this.isReady) this.#wanted = this.length + 1
  }

  /** Framework: lets go of a large chunk when little of it is unread. */
  compact(): void {
    const length = this.length
    if (length > 0 && this.#window.length > COMPACT_BYTES && length < this.#window.length / 4)
      this.#move(Math.max(2 * length, 64))
  }

  /** Framework: forgets all unread bytes. */
  clear(): void {
    this.#window = NO_BYTES
    this.#owned = false
    this.#start = 0
    this.#end = 0
    this.#wanted = 1
    this.#scanByte = NO_SCAN
  }

  #at(i: number, size: number): number {
    if (!(i >= 0 && i + size <= this.#end - this.#start)) {
      throw new RangeError(`read of ${size} bytes at ${i} is outside the ${this.length} bytes that are here`)
    }
    return this.#start + i
  }

  /**
   * Exact when the length of the message is known and near, else double: no prepayment on an announcement. Always by
   * half at least: else a codec that asks for a little more each time would make us copy everything each time.
   */
  #grow(needed: number): void {
    const half = needed >>> 1
    this.#move(this.#wanted > needed ? Math.max(needed + half, Math.min(this.#wanted, 2 * needed)) : 2 * needed)
  }

  #move(capacity: number): void {
    const window = Buffer.allocUnsafeSlow(capacity)
    this.#window.copy(window, 0, this.#start, this.#end)
    this.#end -= this.#start
    this.#start = 0
    this.#window = window
    this.#owned = true
  }
}
