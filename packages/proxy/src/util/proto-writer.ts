/** Protobuf by hand: what is known of the fields is known where they are written. */

const FIRST_BYTES = 1024
const VARINT_BITS = 7
const MORE = 0x80
const WireType = { Varint: 0, Fixed64: 1, Bytes: 2, Fixed32: 5 } as const
const NANOSECONDS = 1000n

/** A message that grows; used again after `reset`. */
export class ProtoWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0

  /** Valid until the next call. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  reset(): this {
    this.#length = 0
    return this
  }

  /** Of values below 2⁵³. */
  varint(field: number, value: number): void {
    this.#tag(field, WireType.Varint)
    this.#varint(value)
  }

  text(field: number, value: string): void {
    const length = Buffer.byteLength(value)
    this.#tag(field, WireType.Bytes)
    this.#varint(length)
    this.#reserve(length)
    this.#length += this.#buffer.write(value, this.#length)
  }

  /** Bytes that are given by their digits. */
  hex(field: number, digits: string): void {
    this.#tag(field, WireType.Bytes)
    this.#varint(digits.length / 2)
    this.#reserve(digits.length / 2)
    this.#length += this.#buffer.write(digits, this.#length, 'hex')
  }

  raw(field: number, value: Uint8Array): void {
    this.#tag(field, WireType.Bytes)
    this.#varint(value.length)
    this.#reserve(value.length)
    this.#buffer.set(value, this.#length)
    this.#length += value.length
  }

  /** The beginning of a field of so many bytes, which follow. */
  begin(field: number, length: number): void {
    this.#tag(field, WireType.Bytes)
    this.#varint(length)
  }

  fixed32(field: number, value: number): void {
    this.#tag(field, WireType.Fixed32)
    this.#reserve(4)
    this.#length = this.#buffer.writeUInt32LE(value, this.#length)
  }

  /** Milliseconds, as nanoseconds that are whole microseconds. */
  time(field: number, ms: number): void {
    this.#tag(field, WireType.Fixed64)
    this.#reserve(8)
    const nanoseconds = BigInt(Math.round(ms * 1000)) * NANOSECONDS
    this.#length = this.#buffer.writeBigUInt64LE(nanoseconds, this.#length)
  }

  #tag(field: number, type: number): void {
    this.#varint(field * 8 + type)
  }

  #varint(value: number): void {
    this.#reserve(10)
    let rest = value
    while (rest >= MORE) {
      this.#buffer[this.#length++] = (rest % MORE) | MORE
      rest = Math.floor(rest / MORE)
    }
    this.#buffer[this.#length++] = rest
  }

  #reserve(bytes: number): void {
    const wanted = this.#length + bytes
    if (wanted <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.#buffer.length))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

/** How many bytes a field takes that holds so many; its number is below 16. */
export function fieldBytes(length: number): number {
  return 1 + varintBytes(length) + length
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= MORE; rest = Math.floor(rest / 2 ** VARINT_BITS)) bytes++
  return bytes
}
