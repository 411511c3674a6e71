/**
 * The header of a header frame, n × 4 bytes from position 14 on, all numbers varints:
 *
 *   | protocol id | transform count, 0 | info blocks | zeros up to a multiple of 4 |
 *   info block 1: | 1 | count | count × (key length, key, value length, value) |
 */

import { type ByteWriter, type Metadata, ProtocolError } from '@meltemi/sdk'
import { AT, HEADER_MAGIC, messageBegin } from './frame.ts'
import type { Protocol } from './protocol.ts'

const KEY_VALUES = 1
/** More cost time that grows with their square; real ones have a handful. */
const MAX_PAIRS = 128
const MAX_VARINT_BYTES = 5
/** What names of methods are routed by must not be overwritten by what a client says beside them. */
const RESERVED = new Set(['method', 'service'])

/** Makes the key/value pairs of the header routable and returns where the message begins; throws ProtocolError. */
export function readHeader(frame: Buffer, protocol: Protocol, metadata: Metadata): number {
  const end = messageBegin('header', frame)
  if (end > frame.length)
    throw new ProtocolError(`header of ${end - AT.header} bytes exceeds its frame of ${frame.length}`)
  const reader = new HeaderReader(frame, end)
  // one byte, as where the dialect is detected: a longer varint of the same value is nothing that anybody writes
  const id = reader.byte()
  if (id !== protocol.headerId)
    throw new ProtocolError(`header protocol ${id} where the connection has ${protocol.name}`)
  const transforms = reader.varint()
  if (transforms !== 0) throw new ProtocolError(`header has ${transforms} transforms, none is supported`)
  // other blocks, and the padding, cannot be walked over: what they hold is nobody's but the peers'
  while (reader.at < end && reader.varint() === KEY_VALUES) readPairs(reader, metadata)
  return end
}

/** Writes the header of a frame with no pairs; the caller sets the size at its first four bytes. */
export function writeHeader(protocol: Protocol, sequence: number, out: ByteWriter): void {
  out.u32(0).u16(HEADER_MAGIC).u16(0).u32(sequence).u16(1)
  out.u8(protocol.headerId).u8(0).u16(0)
}

function readPairs(reader: HeaderReader, metadata: Metadata): void {
  const count = reader.varint()
  if (count > MAX_PAIRS) throw new ProtocolError(`header has ${count} pairs, more than ${MAX_PAIRS}`)
  for (let i = 0; i < count; i++) {
    const key = reader.text()
    const valueEnd = reader.textEnd()
    if (!RESERVED.has(key.toLowerCase())) metadata.setSlice(key, reader.at, valueEnd)
    reader.at = valueEnd
  }
}

class HeaderReader {
  at: number = AT.header
  readonly #frame: Buffer
  readonly #end: number

  constructor(frame: Buffer, end: number) {
    this.#frame = frame
    this.#end = end
  }

  byte(): number {
    return this.#frame.readUInt8(this.at++)
  }

  varint(): number {
    let value = 0
    for (let i = 0; i < MAX_VARINT_BYTES && this.at < this.#end; i++) {
      const byte = this.#frame.readUInt8(this.at++)
      value |= (byte & 0x7f) << (7 * i)
      if (byte < 0x80) return value >>> 0
    }
    throw new ProtocolError('header has a varint that does not end')
  }

  /** Reads a length and returns where the text of this length ends. */
  textEnd(): number {
    const length = this.varint()
    const end = this.at + length
    if (end > this.#end) throw new ProtocolError(`header has a text of ${length} bytes, more than are left`)
    return end
  }

  text(): string {
    const end = this.textEnd()
    const text = this.#frame.toString('utf8', this.at, end)
    this.at = end
    return text
  }
}
