/**
 * What requests and replies carry, so that both ends can tell whose they are and that no byte has changed.
 *
 *   0       1           2       4        8        12           16      17   20      24
 *   | route | behaviour | delay | client | number | reply size | parts | 0  | crc32 | padding …     request
 *   | 'r'   | part      | 0     | client | number | 0          | last  | 0  | crc32 | padding …     reply
 */

import { crc32 } from 'node:zlib'

export const Behaviour = {
  Ok: 0,
  ErrorReply: 1,
  Silent: 2,
  WrongId: 3,
  Doubled: 4,
  Garbage: 5,
  End: 6,
  Reset: 7,
  HalfReply: 8,
  Vanish: 9,
  Stall: 10,
} as const
export type Behaviour = (typeof Behaviour)[keyof typeof Behaviour]

export interface RequestPayload {
  readonly route: number
  readonly behaviour: number
  readonly delayMs: number
  readonly client: number
  readonly number: number
  readonly replyBytes: number
  readonly parts: number
}

export interface ReplyPayload {
  readonly client: number
  readonly number: number
  readonly part: number
  readonly isLast: boolean
}

const HEAD_BYTES = 24
const CRC_AT = 20
const FIRST_ROUTE = 0x61
const REPLY = 0x72

export function writeRequest(payload: RequestPayload, padBytes: number): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + padBytes, payload.number & 0xff)
  bytes[0] = FIRST_ROUTE + payload.route
  bytes[1] = payload.behaviour
  bytes.writeUInt16BE(payload.delayMs, 2)
  bytes.writeUInt32BE(payload.client, 4)
  bytes.writeUInt32BE(payload.number, 8)
  bytes.writeUInt32BE(payload.replyBytes, 12)
  bytes.writeUInt32BE(payload.parts << 24, 16)
  return seal(bytes)
}

/** undefined: these bytes are not a request, or they have changed on the way. */
export function readRequest(bytes: Buffer): RequestPayload | undefined {
  if (!isSealed(bytes)) return undefined
  return {
    route: (bytes[0] as number) - FIRST_ROUTE,
    behaviour: bytes[1] as number,
    delayMs: bytes.readUInt16BE(2),
    client: bytes.readUInt32BE(4),
    number: bytes.readUInt32BE(8),
    replyBytes: bytes.readUInt32BE(12),
    parts: bytes[16] as number,
  }
}

export function writeReply(payload: ReplyPayload, padBytes: number): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + padBytes, (payload.number + payload.client) & 0xff)
  bytes[0] = REPLY
  bytes[1] = payload.part
  bytes.writeUInt16BE(0, 2)
  bytes.writeUInt32BE(payload.client, 4)
  bytes.writeUInt32BE(payload.number, 8)
  bytes.writeUInt32BE(0, 12)
  bytes.writeUInt32BE(payload.isLast ? 1 << 24 : 0, 16)
  return seal(bytes)
}

export function readReply(bytes: Buffer): ReplyPayload | undefined {
  if (bytes[0] !== REPLY || !isSealed(bytes)) return undefined
  return {
    part: bytes[1] as number,
    client: bytes.readUInt32BE(4),
    number: bytes.readUInt32BE(8),
    isLast: bytes[16] === 1,
  }
}

function seal(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(0, CRC_AT)
  bytes.writeUInt32BE(crc32(bytes), CRC_AT)
  return bytes
}

function isSealed(bytes: Buffer): boolean {
  if (bytes.length < HEAD_BYTES) return false
  const own = Buffer.from(bytes)
  own.writeUInt32BE(0, CRC_AT)
  return crc32(own) === bytes.readUInt32BE(CRC_AT)
}
