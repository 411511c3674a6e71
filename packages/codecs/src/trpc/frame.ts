/**
 * How one tRPC frame lies on the wire, big-endian:
 *
 *   0        2            3              4            8                10          14        15
 *   | 09 30  | frame type | stream frame | size u32   | header size u16 | id u32   | version | reserved |
 *   | header: protobuf, unary frames only | body |
 *
 * size counts all of it. Unary frames carry the id of their request in the header, from version 1 on here too; stream
 * frames have the id of their stream here, and no header.
 */

import { ProtocolError, type ReceiveBuffer } from '@meltemi/sdk'

export const MAGIC = 0x0930
export const HEAD_BYTES = 16
export const AT = { magic: 0, frameType: 2, streamFrame: 3, size: 4, headerSize: 8, id: 10, version: 14 } as const
export const FrameType = { Unary: 0, Stream: 1 } as const
/** What a stream frame is; 0 in unary ones. */
export const StreamFrame = { None: 0, Init: 1, Data: 2, Feedback: 3, Close: 4 } as const
/** From this version on the id of a unary frame is that of its request. */
export const VERSION_WITH_ID = 1

/** Bytes of the whole frame that the buffer begins with; -1: more are needed. Throws ProtocolError for what is none. */
export function frameLength(buffer: ReceiveBuffer): number {
  if (!buffer.has(HEAD_BYTES)) return -1
  if (buffer.u16(AT.magic) !== MAGIC) {
    throw new ProtocolError(`magic ${buffer.u16(AT.magic).toString(16)} is not that of tRPC, 930`)
  }
  checkTypes(buffer.u8(AT.frameType), buffer.u8(AT.streamFrame))
  const length = buffer.u32(AT.size)
  const headerBytes = buffer.u8(AT.frameType) === FrameType.Unary ? buffer.u16(AT.headerSize) : 0
  if (length < HEAD_BYTES + headerBytes) {
    throw new ProtocolError(`frame size ${length} is below the ${HEAD_BYTES + headerBytes} bytes of its header`)
  }
  return buffer.has(length) ? length : -1
}

/** Peers go by the one or by the other, so both must say the same. */
function checkTypes(frameType: number, streamFrame: number): void {
  const isUnary = frameType === FrameType.Unary && streamFrame === StreamFrame.None
  const isStream = frameType === FrameType.Stream && streamFrame > StreamFrame.None && streamFrame <= StreamFrame.Close
  if (!isUnary && !isStream) throw new ProtocolError(`frame type ${frameType} with stream frame ${streamFrame} is none`)
}
