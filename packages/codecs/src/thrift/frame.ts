/**
 * How one Thrift message lies on the wire. A connection keeps the transport and the protocol of its first message.
 *
 *   framed     | size u32 | message                           size: bytes that follow, at most 16 384 000
 *   unframed   | message                                      ends where its struct ends
 *   header     | size u32 | 0fff | flags u16 | sequence i32 | n u16 | n × 4 bytes: see header.ts | message
 *
 *   message, strict binary   | 80 01 00 type | name length i32 | name | seqid i32 | struct
 *   message, compact         | 82 | type·001 | seqid varint | name length varint | name | struct
 *
 * The older, non-strict binary messages have no magic number and cannot be told from other bytes: refused.
 */

import { ProtocolError, type ReceiveBuffer } from '@meltemi/sdk'
import { binary } from './binary.ts'
import { compact } from './compact.ts'
import type { Protocol } from './protocol.ts'

export type Transport = 'framed' | 'unframed' | 'header'

/** What a connection speaks. One shared object each, so it is compared by identity and costs nothing per message. */
export interface Dialect {
  readonly name: string
  readonly transport: Transport
  readonly protocol: Protocol
}

export const FRAME_SIZE_BYTES = 4
export const HEADER_MAGIC = 0x0fff
/** Positions in a header frame. */
export const AT = { magic: 4, flags: 6, sequence: 8, headerWords: 12, header: 14 } as const

const MAX_FRAMED_BYTES = 16_384_000
const MAX_HEADER_FRAME_BYTES = 0x3fffffff
const HEADER_WORD_BYTES = 4

const dialects = {
  framedBinary: dialect('framed', binary),
  framedCompact: dialect('framed', compact),
  unframedBinary: dialect('unframed', binary),
  unframedCompact: dialect('unframed', compact),
  headerBinary: dialect('header', binary),
  headerCompact: dialect('header', compact),
} as const

/** Which dialect these first bytes are; undefined: more are needed. Throws ProtocolError when it is none. */
export function detectDialect(buffer: ReceiveBuffer): Dialect | undefined {
  if (!buffer.has(2)) return undefined
  if (binary.isMagic(buffer.u16(0))) return dialects.unframedBinary
  if (compact.isMagic(buffer.u16(0))) return dialects.unframedCompact
  if (!buffer.has(AT.flags)) return undefined
  const magic = buffer.u16(AT.magic)
  if (buffer.i32(0) > 0) {
    if (binary.isMagic(magic)) return dialects.framedBinary
    if (compact.isMagic(magic)) return dialects.framedCompact
    if (magic === HEADER_MAGIC) return detectHeaderDialect(buffer)
  }
  throw new ProtocolError(
    `first bytes ${hex(buffer.u32(0))}${hex(buffer.u16(4), 4)} are no strict binary, compact or header message (non-strict binary is not supported)`,
  )
}

/** By its name, `framed/binary` for example. */
export function findDialect(name: string): Dialect | undefined {
  return Object.values(dialects).find((dialect) => dialect.name === name)
}

/** Bytes of the whole framed message; -1: more are needed. */
export function framedLength(buffer: ReceiveBuffer): number {
  if (!buffer.has(FRAME_SIZE_BYTES)) return -1
  return wholeLength(buffer, 1, MAX_FRAMED_BYTES)
}

/** Bytes of the whole header frame; -1: more are needed. */
export function headerFrameLength(buffer: ReceiveBuffer): number {
  if (!buffer.has(AT.flags)) return -1
  const magic = buffer.u16(AT.magic)
  if (magic !== HEADER_MAGIC) throw new ProtocolError(`magic ${hex(magic, 4)} is not that of a header frame, 0fff`)
  return wholeLength(buffer, AT.header - FRAME_SIZE_BYTES + HEADER_WORD_BYTES, MAX_HEADER_FRAME_BYTES)
}

/** Where the message begins within its frame. */
export function messageBegin(transport: Transport, frame: Buffer, start = 0): number {
  if (transport === 'unframed') return start
  if (transport === 'framed') return start + FRAME_SIZE_BYTES
  return start + AT.header + HEADER_WORD_BYTES * frame.readUInt16BE(start + AT.headerWords)
}

function dialect(transport: Transport, protocol: Protocol): Dialect {
  return Object.freeze({ name: `${transport}/${protocol.name}`, transport, protocol })
}

function detectHeaderDialect(buffer: ReceiveBuffer): Dialect | undefined {
  headerFrameLength(buffer)
  if (!buffer.has(AT.header + HEADER_WORD_BYTES)) return undefined
  const id = buffer.u8(AT.header)
  if (id === binary.headerId) return dialects.headerBinary
  if (id === compact.headerId) return dialects.headerCompact
  throw new ProtocolError(
    `header protocol ${id} is neither binary (${binary.headerId}) nor compact (${compact.headerId})`,
  )
}

function wholeLength(buffer: ReceiveBuffer, least: number, most: number): number {
  const size = buffer.i32(0)
  if (size < least || size > most) throw new ProtocolError(`frame size ${size} is not within ${least} and ${most}`)
  const length = FRAME_SIZE_BYTES + size
  return buffer.has(length) ? length : -1
}

function hex(value: number, digits = 8): string {
  return value.toString(16).padStart(digits, '0')
}
