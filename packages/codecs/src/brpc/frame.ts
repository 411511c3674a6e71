/**
 * How one message of baidu_std lies on the wire, big-endian:
 *
 *   0        4              8             12
 *   | PRPC   | body size u32 | meta size u32 | meta: protobuf | payload | attachment |
 *
 * body size counts all behind the head; how much of it is the attachment is in the meta, and is the peers' own business.
 */

import { ProtocolError, type ReceiveBuffer } from '@meltemi/sdk'

export const MAGIC = 'PRPC'
const MAGIC_NUMBER = 0x50525043
export const HEAD_BYTES = 12
export const AT = { bodySize: 4, metaSize: 8 } as const

/** Bytes of the whole message that the buffer begins with; -1: more are needed. Throws ProtocolError for what is none. */
export function messageLength(buffer: ReceiveBuffer): number {
  if (!buffer.has(HEAD_BYTES)) return -1
  if (buffer.u32(0) !== MAGIC_NUMBER) {
    throw new ProtocolError(`magic ${buffer.u32(0).toString(16).padStart(8, '0')} is not ${MAGIC}, 50525043`)
  }
  const bodySize = buffer.u32(AT.bodySize)
  const metaSize = buffer.u32(AT.metaSize)
  if (metaSize > bodySize) throw new ProtocolError(`meta of ${metaSize} bytes exceeds its body of ${bodySize}`)
  const length = HEAD_BYTES + bodySize
  return buffer.has(length) ? length : -1
}
