/**
 * How one Dubbo message lies on the wire. Big-endian.
 *
 *   0       2       3        4            12            16
 *   | da bb | flags | status | request id | body length | body …
 *      u16     u8      u8         i64           i32
 *
 * flags: 80 request, 40 wants a reply, 20 event (heartbeat), low five bits the serialization of the body. `status` is
 * that of a reply; in requests it means nothing.
 */

import { type ByteWriter, type MessageId, ProtocolError, type ReceiveBuffer } from '@meltemi/sdk'

export const MAGIC = 0xdabb
export const HEADER_BYTES = 16
/** Positions in the header. */
export const AT = { flags: 2, status: 3, id: 4, bodyLength: 12, body: HEADER_BYTES } as const
export const Flag = { request: 0x80, twoWay: 0x40, event: 0x20, serialization: 0x1f } as const
/** The one serialization that the codec looks into. */
export const HESSIAN2 = 2
export const STATUS_OK = 20
export const MAX_BODY_BYTES = 16 * 1024 * 1024

/** Bytes of the whole message that the buffer begins with; -1: more are needed. Throws ProtocolError when it is none. */
export function frameLength(buffer: ReceiveBuffer): number {
  if (!buffer.has(AT.flags)) return -1
  const magic = buffer.u16(0)
  if (magic !== MAGIC) throw new ProtocolError(`message begins with ${hex(magic)}, those of Dubbo with dabb`)
  if (!buffer.has(HEADER_BYTES)) return -1
  const length = buffer.i32(AT.bodyLength)
  if (length < 0 || length > MAX_BODY_BYTES) {
    throw new ProtocolError(`body length ${length} is not within 0 and ${MAX_BODY_BYTES}`)
  }
  return buffer.has(HEADER_BYTES + length) ? HEADER_BYTES + length : -1
}

/** Writes a header without the body length, which must follow. */
export function writeHeader(flags: number, status: number, id: MessageId, out: ByteWriter): void {
  out.u16(MAGIC).u8(flags).u8(status).i64(id)
}

/** Writes a request id over another. */
export function patchId(bytes: Buffer, at: number, id: MessageId): void {
  if (typeof id === 'bigint') {
    bytes.writeBigInt64BE(BigInt.asIntN(64, id), at)
    return
  }
  const high = Math.floor(id / 0x1_0000_0000)
  bytes.writeInt32BE(high | 0, at)
  bytes.writeUInt32BE(id - high * 0x1_0000_0000, at + 4)
}

function hex(value: number): string {
  return value.toString(16).padStart(4, '0')
}
