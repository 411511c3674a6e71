/**
 * Walks over the fields of a protobuf message, known ones and others alike, as they lie on the wire:
 *
 *   | tag varint: number << 3 | wire type | value |
 *   wire types   0 varint · 1 eight bytes · 2 length varint and so many bytes · 5 four bytes
 *
 * Groups, types 3 and 4, are of a time before both protocols: refused.
 */

import { type MessageId, ProtocolError } from '@meltemi/sdk'

const NO_BYTES = Buffer.alloc(0)
const MAX_VARINT_BYTES = 10
const WireType = { Varint: 0, Fixed64: 1, Bytes: 2, Fixed32: 5 } as const

/** Stands on one field after the other; made once and used for many messages. */
export class FieldReader {
  /** Number and wire type in one, as the names in a codec's tables have them. */
  tag = 0
  tagAt = 0
  /** Behind the length, where there is one. */
  valueAt = 0
  end = 0
  /** The varint of the field: of 64 bits the lower half, without a sign. */
  low = 0
  #high = 0
  #bytes: Buffer = NO_BYTES
  #limit = 0

  /** The fields of the message at bytes [start, end). */
  start(bytes: Buffer, start: number, end: number): this {
    this.#bytes = bytes
    this.end = start
    this.#limit = end
    return this
  }

  /** Goes to the next field; false behind the last one. Throws ProtocolError for what is no field. */
  next(): boolean {
    if (this.end >= this.#limit) return false
    this.tagAt = this.end
    this.#readVarint()
    const tag = this.low
    if (this.#high !== 0 || tag < 8) throw new ProtocolError(`protobuf tag at ${this.tagAt} has no field number`)
    this.tag = tag
    this.#readValue(tag & 7)
    return true
  }

  /** The varint of the field as a signed integer of 64 bits. */
  get int64(): MessageId {
    const high = this.#high | 0
    const value = high * 0x1_0000_0000 + this.low
    return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(this.low)
  }

  #readValue(wireType: number): void {
    this.valueAt = this.end
    switch (wireType) {
      case WireType.Varint:
        this.#readVarint()
        return
      case WireType.Bytes:
        this.#readVarint()
        this.valueAt = this.end
        this.#skip(this.low + this.#high * 0x1_0000_0000)
        return
      case WireType.Fixed64:
        this.#skip(8)
        return
      case WireType.Fixed32:
        this.#skip(4)
        return
      default:
        throw new ProtocolError(`protobuf wire type ${wireType} is unknown`)
    }
  }

  #skip(length: number): void {
    const left = this.#limit - this.end
    if (length > left) throw new ProtocolError(`protobuf field of ${length} bytes where ${left} are left`)
    this.end += length
  }

  /** Seven bits a byte, the lowest first; the last byte is below 80. */
  #readVarint(): void {
    let low = 0
    let high = 0
    for (let n = 0; n < MAX_VARINT_BYTES; n++) {
      if (this.end >= this.#limit) throw new ProtocolError('protobuf message ends within a varint')
      const byte = this.#bytes[this.end++] as number
      const bits = byte & 0x7f
      const shift = 7 * n
      if (shift < 32) low |= bits << shift
      if (shift >= 32) high |= bits << (shift - 32)
      else if (shift > 25) high |= bits >>> (32 - shift)
      if (byte >= 0x80) continue
      this.low = low >>> 0
      this.#high = high >>> 0
      return
    }
    throw new ProtocolError(`protobuf varint is longer than ${MAX_VARINT_BYTES} bytes`)
  }
}
