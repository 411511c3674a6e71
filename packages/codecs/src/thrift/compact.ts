/** Compact messages: varints, and the field type in the low half of a byte. The picture is in frame.ts. */

import { type ByteWriter, type Metadata, ProtocolError, type ReceiveBuffer } from '@meltemi/sdk'
import {
  type ApplicationException,
  checkName,
  messageType,
  type Protocol,
  setNames,
  THRIFT_CALL,
  THRIFT_EXCEPTION,
} from './protocol.ts'
import { Shape, type StructSkip, varintBytes } from './struct-skip.ts'

const COMPACT_ID = 0x82
const VERSION = 1
const TYPE_SHIFT = 5
const SEQID_AT = 2
const MAX_VARINT32_BYTES = 5
const LONG_FORM_COUNT = 15

/** Field heads: the distance from the field before in the high half, the type in the low one. */
const Head = { firstString: 0x18, nextI32: 0x15, stop: 0 } as const
/** By wire type, in a container: -, true, false, byte, i16, i32, i64, double, string, list, set, map, struct, uuid. */
const ELEMENT_SHAPES = Int8Array.of(
  Shape.Invalid,
  1,
  1,
  1,
  Shape.Varint,
  Shape.Varint,
  Shape.Varint,
  8,
  Shape.Text,
  Shape.List,
  Shape.List,
  Shape.Map,
  Shape.Struct,
  16,
  Shape.Invalid,
  Shape.Invalid,
)
/** In a field the head itself says true or false. */
const FIELD_SHAPES = ELEMENT_SHAPES.with(1, 0).with(2, 0)

export const compact: Protocol = {
  name: 'compact',
  headerId: 2,

  isMagic: (firstTwoBytes) => (firstTwoBytes & 0xff1f) === ((COMPACT_ID << 8) | VERSION),

  readBegin(message: Buffer, begin: number, metadata: Metadata): void {
    if (begin + SEQID_AT > message.length) throw new ProtocolError(`frame of ${message.length} bytes has no message`)
    checkMagic(message.readUInt16BE(begin))
    const seqidAt = begin + SEQID_AT
    const lengthAt = seqidAt + varint32Bytes(message, seqidAt)
    const nameAt = lengthAt + varint32Bytes(message, lengthAt)
    const nameLength = varint32(message, lengthAt)
    checkName(nameLength, nameAt, message.length)
    metadata.type = messageType(message.readUInt8(begin + 1) >> TYPE_SHIFT)
    metadata.requestId = varint32(message, seqidAt)
    metadata.headerSize = nameAt + nameLength
    setNames(metadata, message, nameAt, metadata.headerSize)
  },

  structAt(buffer: ReceiveBuffer): number {
    if (!buffer.has(SEQID_AT)) return -1
    checkMagic(buffer.u16(0))
    const seqidBytes = varintBytes(buffer, SEQID_AT, MAX_VARINT32_BYTES)
    if (seqidBytes === 0) return -1
    const lengthAt = SEQID_AT + seqidBytes
    const lengthBytes = varintBytes(buffer, lengthAt, MAX_VARINT32_BYTES)
    if (lengthBytes === 0) return -1
    const end = lengthAt + lengthBytes + count(buffer, lengthAt)
    return buffer.has(end) ? end : -1
  },

  seqidAt: (_message, begin) => begin + SEQID_AT,
  readSeqid: (message, at) => varint32(message, at),
  seqidBytes: (message, at) => varint32Bytes(message, at),
  bytesOf(seqid: number): number {
    let bytes = 1
    for (let rest = seqid >>> 7; rest > 0; rest >>>= 7) bytes++
    return bytes
  },
  writeSeqid(seqid: number, out: ByteWriter): void {
    out.varint(seqid)
  },

  readName(message: Buffer, begin: number, end: number): Buffer {
    const lengthAt = begin + SEQID_AT + varint32Bytes(message, begin + SEQID_AT)
    return message.subarray(lengthAt + varint32Bytes(message, lengthAt), end)
  },

  writeException({ name, seqid, type, text }: ApplicationException, out: ByteWriter): void {
    out.u8(COMPACT_ID).u8((THRIFT_EXCEPTION << TYPE_SHIFT) | VERSION)
    out.varint(seqid).varint(name.length).bytes(name)
    out.u8(Head.firstString).varint(Buffer.byteLength(text)).utf8(text)
    out.u8(Head.nextI32).zigzag(type).u8(Head.stop)
  },

  writeCall(name: Buffer, seqid: number, out: ByteWriter): void {
    out.u8(COMPACT_ID).u8((THRIFT_CALL << TYPE_SHIFT) | VERSION)
    out.varint(seqid).varint(name.length).bytes(name).u8(Head.stop)
  },

  skipField(buffer: ReceiveBuffer, skip: StructSkip): boolean {
    const at = skip.at
    if (!buffer.has(at + 1)) return false
    const head = buffer.u8(at)
    if (head === Head.stop) {
      skip.at = at + 1
      skip.shape = Shape.End
      return true
    }
    const shape = FIELD_SHAPES[head & 0x0f] as number
    if (shape === Shape.Invalid) throw new ProtocolError(`field type ${head & 0x0f} is unknown`)
    const idBytes = head < 0x10 ? varintBytes(buffer, at + 1, MAX_VARINT32_BYTES) : 0
    if (head < 0x10 && idBytes === 0) return false
    skip.at = at + 1 + idBytes
    skip.shape = shape
    return true
  },

  skipText(buffer: ReceiveBuffer, skip: StructSkip): boolean {
    const bytes = varintBytes(buffer, skip.at, MAX_VARINT32_BYTES)
    if (bytes === 0) return false
    skip.at += bytes + count(buffer, skip.at)
    return true
  },

  skipListStart(buffer: ReceiveBuffer, skip: StructSkip): boolean {
    const at = skip.at
    if (!buffer.has(at + 1)) return false
    const head = buffer.u8(at)
    const long = head >> 4 === LONG_FORM_COUNT
    const countBytes = long ? varintBytes(buffer, at + 1, MAX_VARINT32_BYTES) : 0
    if (long && countBytes === 0) return false
    skip.first = ELEMENT_SHAPES[head & 0x0f] as number
    skip.count = long ? count(buffer, at + 1) : head >> 4
    skip.at = at + 1 + countBytes
    return true
  },

  skipMapStart(buffer: ReceiveBuffer, skip: StructSkip): boolean {
    const at = skip.at
    const countBytes = varintBytes(buffer, at, MAX_VARINT32_BYTES)
    if (countBytes === 0) return false
    const pairs = count(buffer, at)
    if (pairs > 0 && !buffer.has(at + countBytes + 1)) return false
    const types = pairs > 0 ? buffer.u8(at + countBytes) : 0
    skip.first = ELEMENT_SHAPES[types >> 4] as number
    skip.second = ELEMENT_SHAPES[types & 0x0f] as number
    skip.count = pairs
    // an empty map has no byte for its types
    skip.at = at + countBytes + (pairs > 0 ? 1 : 0)
    return true
  },
}

function checkMagic(magic: number): void {
  if (!compact.isMagic(magic))
    throw new ProtocolError(`message begins with ${magic.toString(16)}, compact ones with 82x1`)
}

/** The length in the varint at this position, which must be here. */
function count(buffer: ReceiveBuffer, at: number): number {
  let value = 0
  for (let shift = 0, i = at; ; shift += 7, i++) {
    const byte = buffer.u8(i)
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) break
  }
  if (value < 0) throw new ProtocolError(`length ${value} is negative`)
  return value
}

function varint32Bytes(message: Buffer, at: number): number {
  for (let bytes = 1; bytes <= MAX_VARINT32_BYTES; bytes++) {
    if (at + bytes > message.length) throw new ProtocolError('message ends within a varint')
    if (message.readUInt8(at + bytes - 1) < 0x80) return bytes
  }
  throw new ProtocolError(`varint is longer than ${MAX_VARINT32_BYTES} bytes`)
}

/** The varint at this position, which must be whole, as a signed number of 32 bits. */
function varint32(message: Buffer, at: number): number {
  let value = 0
  for (let shift = 0, i = at; ; shift += 7, i++) {
    const byte = message.readUInt8(i)
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value
  }
}
