/** Strict binary messages: fixed widths, big-endian. The picture is in frame.ts. */

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
import { Shape, type StructSkip } from './struct-skip.ts'

export const BINARY_MAGIC = 0x8001
export const NAME_LENGTH_AT = 4
export const NAME_AT = 8
const SEQID_BYTES = 4

const Field = { stop: 0, i32: 8, string: 11 } as const
/** By wire type: bool, byte, double, i16, i32, i64, string, struct, map, set, list, uuid; void never has a value. */
const SHAPES = shapes([
  [2, 1],
  [3, 1],
  [4, 8],
  [6, 2],
  [8, 4],
  [10, 8],
  [11, Shape.Text],
  [12, Shape.Struct],
  [13, Shape.Map],
  [14, Shape.List],
  [15, Shape.List],
  [16, 16],
])

export const binary: Protocol = {
  name: 'binary',
  headerId: 0,

  isMagic: (firstTwoBytes) => firstTwoBytes === BINARY_MAGIC,

  readBegin(message: Buffer, begin: number, metadata: Metadata): void {
    const nameAt = begin + NAME_AT
    if (nameAt + SEQID_BYTES > message.length)
      throw new ProtocolError(`frame of ${message.length} bytes has no message`)
    checkMagic(message.readUInt16BE(begin))
    const nameLength = message.readInt32BE(begin + NAME_LENGTH_AT)
    checkName(nameLength, nameAt, message.length - SEQID_BYTES)
    const nameEnd = nameAt + nameLength
    metadata.type = messageType(message.readUInt8(begin + 3))
    metadata.requestId = message.readInt32BE(nameEnd)
    metadata.headerSize = nameEnd + SEQID_BYTES
    setNames(metadata, message, nameAt, nameEnd)
  },

  structAt(buffer: ReceiveBuffer): number {
    if (!buffer.has(NAME_AT)) return -1
    checkMagic(buffer.u16(0))
    const nameLength = buffer.i32(NAME_LENGTH_AT)
    if (nameLength < 0) throw new ProtocolError(`name length ${nameLength} is negative`)
    const end = NAME_AT + nameLength + SEQID_BYTES
    return buffer.has(end) ? end : -1
  },

  seqidAt: (_message, _begin, end) => end - SEQID_BYTES,
  readSeqid: (message, at) => message.readInt32BE(at),
  seqidBytes: () => SEQID_BYTES,
  bytesOf: () => SEQID_BYTES,
  writeSeqid(seqid: number, out: ByteWriter): void {
    out.u32(seqid)
  },

  readName: (message, begin, end) => message.subarray(begin + NAME_AT, end - SEQID_BYTES),

  writeException({ name, seqid, type, text }: ApplicationException, out: ByteWriter): void {
    out.u16(BINARY_MAGIC).u16(THRIFT_EXCEPTION).u32(name.length).bytes(name).u32(seqid)
    out.u8(Field.string).u16(1).u32(Buffer.byteLength(text)).utf8(text)
    out.u8(Field.i32).u16(2).u32(type).u8(Field.stop)
  },

  writeCall(name: Buffer, seqid: number, out: ByteWriter): void {
    out.u16(BINARY_MAGIC).u16(THRIFT_CALL).u32(name.length).bytes(name).u32(seqid).u8(Field.stop)
  },

  skipField(buffer: ReceiveBuffer, skip: StructSkip): boolean {
    const at = skip.at
    if (!buffer.has(at + 1)) return false
    const type = buffer.u8(at)
    if (type === Field.stop) {
      skip.at = at + 1
      skip.shape = Shape.End
      return true
    }
    const shape = shapeOf(type)
    if (shape === Shape.Invalid) throw new ProtocolError(`field type ${type} is unknown`)
    skip.at = at + 3
    skip.shape = shape
    return true
  },

  skipText(buffer: ReceiveBuffer, skip: StructSkip): boolean {
    if (!buffer.has(skip.at + 4)) return false
    skip.at += 4 + checkedCount(buffer.i32(skip.at))
    return true
  },

  skipListStart(buffer: ReceiveBuffer, skip: StructSkip): boolean {
    if (!buffer.has(skip.at + 5)) return false
    skip.first = shapeOf(buffer.u8(skip.at))
    skip.count = checkedCount(buffer.i32(skip.at + 1))
    skip.at += 5
    return true
  },

  skipMapStart(buffer: ReceiveBuffer, skip: StructSkip): boolean {
    if (!buffer.has(skip.at + 6)) return false
    skip.first = shapeOf(buffer.u8(skip.at))
    skip.second = shapeOf(buffer.u8(skip.at + 1))
    skip.count = checkedCount(buffer.i32(skip.at + 2))
    skip.at += 6
    return true
  },
}

function checkMagic(magic: number): void {
  if (magic !== BINARY_MAGIC)
    throw new ProtocolError(`message begins with ${magic.toString(16)}, binary ones with 8001`)
}

function checkedCount(count: number): number {
  if (count < 0) throw new ProtocolError(`length ${count} is negative`)
  return count
}

function shapeOf(type: number): number {
  return type < SHAPES.length ? (SHAPES[type] as number) : Shape.Invalid
}

function shapes(pairs: readonly (readonly [type: number, shape: number])[]): Int8Array {
  const table = new Int8Array(17).fill(Shape.Invalid)
  for (const [type, shape] of pairs) table[type] = shape
  return table
}
