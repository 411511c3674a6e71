/**
 * Where a struct ends. An unframed message says nowhere how long it is, so its values must be walked over; they are
 * neither read nor copied. The walk stops when bytes are missing and goes on from there, so it is linear however
 * the bytes are split, and it uses a stack of its own, so hostile nesting costs an error and nothing else.
 */

import { ProtocolError, type ReceiveBuffer } from '@meltemi/sdk'

/** How a value is walked over; 0 and above: so many bytes. No element of a container takes less than one byte. */
export const Shape = { Varint: -1, Text: -2, Struct: -3, List: -4, Map: -5, End: -6, None: -7, Invalid: -8 } as const

export const NEEDS_MORE = -1

/**
 * How an encoding lays out values. Each reads at `skip.at` and moves it, or returns false, with nothing changed, for
 * lack of bytes.
 */
export interface ValueReader {
  /** The head of the next field: sets `skip.shape`. */
  skipField(buffer: ReceiveBuffer, skip: StructSkip): boolean
  skipText(buffer: ReceiveBuffer, skip: StructSkip): boolean
  /** The start of a list or set: sets `skip.count` and `skip.first`. */
  skipListStart(buffer: ReceiveBuffer, skip: StructSkip): boolean
  /** The start of a map: sets `skip.count`, `skip.first` (keys) and `skip.second` (values). */
  skipMapStart(buffer: ReceiveBuffer, skip: StructSkip): boolean
}

const MAX_DEPTH = 64
const STRUCT = -1
const MAX_VARINT_BYTES = 10

export class StructSkip {
  /** Position of the walk, from the start of the message. */
  at = 0
  /** Of the value at `at`; None: the innermost container tells. */
  shape: number = Shape.None
  /** Results of `skipListStart` and `skipMapStart`. */
  count = 0
  first: number = Shape.None
  second: number = Shape.None

  readonly #reader: ValueReader
  /** Per open container: STRUCT, or how many keys and values are left. */
  readonly #left = new Float64Array(MAX_DEPTH)
  /** Shapes of what is left: the first where an even number is left, else the second; equal in lists. */
  readonly #firsts = new Int8Array(MAX_DEPTH)
  readonly #seconds = new Int8Array(MAX_DEPTH)
  #depth = 0

  constructor(reader: ValueReader) {
    this.#reader = reader
  }

  get isIdle(): boolean {
    return this.#depth === 0
  }

  /** Begins with the struct of a message. */
  start(at: number): void {
    this.at = at
    this.#push(STRUCT, Shape.None, Shape.None)
  }

  /** The end of the struct, or NEEDS_MORE: call again with the same message, and more of it. */
  end(buffer: ReceiveBuffer): number {
    while (this.#depth > 0) {
      if (this.shape === Shape.None && !this.#next(buffer)) return NEEDS_MORE
      if (this.shape !== Shape.None && !this.#value(buffer)) return NEEDS_MORE
    }
    return this.at
  }

  /** Takes the next value out of the innermost container, or closes it. */
  #next(buffer: ReceiveBuffer): boolean {
    const top = this.#depth - 1
    const left = this.#left[top] as number
    if (left === STRUCT) {
      if (!this.#reader.skipField(buffer, this)) return false
      if (this.shape === Shape.End) this.#pop()
      return true
    }
    if (left === 0) this.#pop()
    else {
      this.#left[top] = left - 1
      this.shape = (left % 2 === 0 ? this.#firsts[top] : this.#seconds[top]) as number
    }
    return true
  }

  #value(buffer: ReceiveBuffer): boolean {
    const shape = this.shape
    if (shape >= 0) this.at += shape
    else if (shape === Shape.Varint) {
      const bytes = varintBytes(buffer, this.at, MAX_VARINT_BYTES)
      if (bytes === 0) return false
      this.at += bytes
    } else if (shape === Shape.Text) {
      if (!this.#reader.skipText(buffer, this)) return false
    } else if (shape === Shape.Struct) this.#push(STRUCT, Shape.None, Shape.None)
    else return this.#container(buffer, shape)
    this.shape = Shape.None
    return true
  }

  #container(buffer: ReceiveBuffer, shape: number): boolean {
    if (shape === Shape.List) {
      if (!this.#reader.skipListStart(buffer, this)) return false
      this.second = this.first
    } else if (!this.#reader.skipMapStart(buffer, this)) return false
    this.shape = Shape.None
    const { count, first, second } = this
    if (count === 0) return true
    if (first === Shape.Invalid || second === Shape.Invalid) throw new ProtocolError('container of an unknown type')
    const values = shape === Shape.Map ? 2 * count : count
    if (first >= 0 && second >= 0) this.at += shape === Shape.Map ? count * (first + second) : count * first
    else this.#push(values, first, second)
    return buffer.has(first >= 0 && second >= 0 ? this.at : this.at + values)
  }

  #push(left: number, first: number, second: number): void {
    const top = this.#depth
    if (top === MAX_DEPTH) throw new ProtocolError(`values are nested deeper than ${MAX_DEPTH}`)
    this.#left[top] = left
    this.#firsts[top] = first
    this.#seconds[top] = second
    this.#depth = top + 1
  }

  #pop(): void {
    this.#depth--
    this.shape = Shape.None
  }
}

/** Length of the varint at this position; 0: more bytes are needed. Throws ProtocolError above `most`. */
export function varintBytes(buffer: ReceiveBuffer, at: number, most: number): number {
  for (let bytes = 1; bytes <= most; bytes++) {
    if (!buffer.has(at + bytes)) return 0
    if (buffer.u8(at + bytes - 1) < 0x80) return bytes
  }
  throw new ProtocolError(`varint is longer than ${most} bytes`)
}
