import type { MessageId } from '../message.ts'

/** Where writers get their chunks from, and where a flushed one returns. */
export interface ChunkPool {
  readonly chunkBytes: number
  acquire(): Buffer
}

/** Slices above this are kept by reference; joining larger ones costs more than a second entry in writev. */
const JOIN_BYTES = 1024
/** Below this a loop beats the call into the engine. */
const LOOP_BYTES = 20
const NO_CHUNK = Buffer.alloc(0)

const freshChunks: ChunkPool = { chunkBytes: 4096, acquire: () => Buffer.allocUnsafeSlow(4096) }

/*
 * Small writes are joined in a chunk, large slices are kept by reference:
 *
 *   #parts  [ chunk 1 ][ slice ][ slice ]   #chunk  | flushed before | #from … written … #at | free |
 */

/**
 * Bytes on their way out. Numbers are big-endian unless their name ends in `le`, and only as many of their bits are
 * written as fit. Messages of others may stand before what a codec writes: positions are what `length` was.
 */
export class ByteWriter {
  readonly #pool: ChunkPool
  #parts: Buffer[] = []
  /** For each part whether its bytes belong to somebody else, so that back-patching must not touch them. */
  #borrowed: boolean[] = []
  #partsLength = 0
  #chunk: Buffer = NO_CHUNK
  #from = 0
  #at = 0

  /** For tests; the framework makes one for each connection. */
  constructor(pool: ChunkPool = freshChunks) {
    this.#pool = pool
  }

  /** How many bytes were written, and not flushed yet. */
  get length(): number {
    return this.#partsLength + this.#at - this.#from
  }

  /** One byte. */
  u8(value: number): this {
    const at = this.#reserve(1)
    this.#chunk[at] = value
    return this
  }

  /** Two bytes. */
  u16(value: number): this {
    const at = this.#reserve(2)
    const chunk = this.#chunk
    chunk[at] = value >>> 8
    chunk[at + 1] = value
    return this
  }

  /** Four bytes. */
  u32(value: number): this {
    const at = this.#reserve(4)
    putU32(this.#chunk, at, value)
    return this
  }

  /** Eight bytes. */
  i64(value: MessageId): this {
    const at = this.#reserve(8)
    if (typeof value === 'number') {
      putU32(this.#chunk, at, Math.floor(value / 0x1_0000_0000))
      putU32(this.#chunk, at + 4, value - Math.floor(value / 0x1_0000_0000) * 0x1_0000_0000)
    } else this.#chunk.writeBigInt64BE(BigInt.asIntN(64, value), at)
    return this
  }

  /** Two bytes, little-endian. */
  u16le(value: number): this {
    const at = this.#reserve(2)
    this.#chunk[at] = value
    this.#chunk[at + 1] = value >>> 8
    return this
  }

  /** Four bytes, little-endian. */
  u32le(value: number): this {
    const at = this.#reserve(4)
    const chunk = this.#chunk
    chunk[at] = value
    chunk[at + 1] = value >>> 8
    chunk[at + 2] = value >>> 16
    chunk[at + 3] = value >>> 24
    return this
  }

  /** An unsigned 32-bit LEB128 integer, as Thrift compact and protobuf have it. */
  varint(value: number): this {
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.u8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    return this.u8(rest)
  }

  /** A signed 32-bit integer as zigzag varint. */
  zigzag(value: number): this {
    return this.varint((value << 1) ^ (value >> 31))
  }

  /**
   * Bytes [start, end) of `source`, which nobody may change until they are sent. Throws RangeError when these are not all
   * in it.
   */
  bytes(source: Uint8Array, start = 0, end: number = source.length): this {
    const length = end - start
    // a wrong range would send memory that nobody wrote
    if (!(start >= 0 && length >= 0 && end <= source.length)) {
      throw new RangeError(`bytes [${start}, ${end}) are outside a source of ${source.length}`)
    }
    if (length > JOIN_BYTES) return this.#reference(source, start, end)
    let at = this.#reserve(length)
    const chunk = this.#chunk
    if (length > LOOP_BYTES) {
      if (start === 0 && end === source.length) chunk.set(source, at)
      else if (source instanceof Buffer) source.copy(chunk, at, start, end)
      else chunk.set(source.subarray(start, end), at)
    } else for (let i = start; i < end; i++) chunk[at++] = source[i] as number
    return this
  }

  /** The text as UTF-8, without a length. */
  utf8(text: string): this {
    if (text.length * 3 > this.#pool.chunkBytes) return this.bytes(Buffer.from(text, 'utf8'))
    const at = this.#reserve(text.length * 3)
    this.#at = at + this.#chunk.write(text, at, 'utf8')
    return this
  }

  /** The text one byte a character; only for text known to be Latin-1. */
  latin1(text: string): this {
    if (text.length > this.#pool.chunkBytes) return this.bytes(Buffer.from(text, 'latin1'))
    const at = this.#reserve(text.length)
    this.#chunk.write(text, at, 'latin1')
    return this
  }

  /**
   * Overwrites two bytes at a position where `length` stood when they were written: for a length that is known only
   * later. Throws RangeError when they were not written, or are flushed.
   */
  setU16(at: number, value: number): void {
    this.#assertWritten(at, 2)
    this.#setByte(at, value >>> 8)
    this.#setByte(at + 1, value)
  }

  /** The same for four bytes. */
  setU32(at: number, value: number): void {
    this.#assertWritten(at, 4)
    if (at >= this.#partsLength) {
      putU32(this.#chunk, this.#from + at - this.#partsLength, value)
      return
    }
    this.#setByte(at, value >>> 24)
    this.#setByte(at + 1, value >>> 16)
    this.#setByte(at + 2, value >>> 8)
    this.#setByte(at + 3, value)
  }

  /**
   * Framework: copies `message`, of long ones the first `headBytes` and the rest by reference, and returns where in
   * `chunk` the copy begins. The copy of the head is contiguous and private.
   */
  copy(message: Buffer, headBytes: number): number {
    const length = message.length
    const head = length > JOIN_BYTES ? Math.min(headBytes, length) : length
    const at = this.#reserve(head)
    if (head === length) this.#chunk.set(message, at)
    else {
      message.copy(this.#chunk, at, 0, head)
      this.#reference(message, head, length)
      // the chunk stays the same buffer, so `at` still names the head
    }
    return at
  }

  /** Framework: the chunk that `copy` wrote to. */
  get chunk(): Buffer {
    return this.#chunk
  }

  /** Framework: drops what was written since `length` was `mark`; for an encode that threw. */
  truncate(mark: number): void {
    if (mark >= this.length) return
    while (this.#partsLength > mark) {
      const part = this.#parts.pop() as Buffer
      const isBorrowed = this.#borrowed.pop() as boolean
      this.#partsLength -= part.length
      if (this.#partsLength < mark) this.#push(part.subarray(0, mark - this.#partsLength), isBorrowed)
      this.#from = this.#at
    }
    this.#at = this.#from + mark - this.#partsLength
  }

  /** Framework: everything written since the last flush, in order, as few buffers as possible. */
  flush(): Buffer[] {
    this.#closePart()
    const parts = this.#parts
    this.#parts = []
    this.#borrowed.length = 0
    this.#partsLength = 0
    return parts
  }

  /**
   * Framework: gives up the current chunk and returns it, or null when there is none that fits the pool; only after
   * `flush`, and when those bytes have left.
   */
  releaseChunk(): Buffer | null {
    const chunk = this.#chunk
    this.#chunk = NO_CHUNK
    this.#from = 0
    this.#at = 0
    return chunk.length === this.#pool.chunkBytes ? chunk : null
  }

  #reserve(length: number): number {
    if (this.#at + length > this.#chunk.length) this.#newChunk(length)
    const at = this.#at
    this.#at = at + length
    return at
  }

  #newChunk(length: number): void {
    this.#closePart()
    this.#chunk = length > this.#pool.chunkBytes ? Buffer.allocUnsafeSlow(length) : this.#pool.acquire()
    this.#from = 0
    this.#at = 0
  }

  #closePart(): void {
    if (this.#at === this.#from) return
    this.#push(this.#chunk.subarray(this.#from, this.#at), false)
    this.#from = this.#at
  }

  #push(part: Buffer, isBorrowed: boolean): void {
    this.#parts.push(part)
    this.#borrowed.push(isBorrowed)
    this.#partsLength += part.length
  }

  #reference(source: Uint8Array, start: number, end: number): this {
    this.#closePart()
    this.#push(Buffer.from(source.buffer, source.byteOffset + start, end - start), true)
    return this
  }

  #assertWritten(at: number, size: number): void {
    if (at >= 0 && at + size <= this.length) return
    throw new RangeError(`${size} bytes at ${at} are outside the ${this.length} bytes written`)
  }

  #setByte(at: number, value: number): void {
    let left = this.#partsLength
    if (at >= left) {
      this.#chunk[this.#from + at - left] = value
      return
    }
    let i = this.#parts.length
    do left -= (this.#parts[--i] as Buffer).length
    while (at < left)
    const part = this.#borrowed[i] ? this.#makePrivate(i) : (this.#parts[i] as Buffer)
    part[at - left] = value
  }

  /** Bytes kept by reference are somebody's immutable message: whoever patches them gets a copy. */
  #makePrivate(index: number): Buffer {
    const copy = Buffer.from(this.#parts[index] as Buffer)
    this.#parts[index] = copy
    this.#borrowed[index] = false
    return copy
  }
}

function putU32(chunk: Buffer, at: number, value: number): void {
  chunk[at] = value >>> 24
  chunk[at + 1] = value >>> 16
  chunk[at + 2] = value >>> 8
  chunk[at + 3] = value
}
