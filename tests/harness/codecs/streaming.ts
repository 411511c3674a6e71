/**
 * Every message type there is, request and stream ids, the caller's timeout, and replies in several parts.
 *
 *   0        1      2        3       4            8        12           16           20
 *   | a5 u8  | type | status | flags | u32 length | u32 id | u32 stream | u32 ms     | body … |
 *
 * flags: 1 more replies follow, 2 go away.
 */

import {
  type ByteWriter,
  type Codec,
  type CodecDefinition,
  DecodeStatus,
  type Failure,
  type MessageId,
  MessageType,
  type Metadata,
  type Mutation,
  ProtocolError,
  type ReceiveBuffer,
  ResponseStatus,
} from '@meltemi/sdk'

const AT = { magic: 0, type: 1, status: 2, flags: 3, length: 4, id: 8, stream: 12, timeoutMs: 16 } as const
const MAGIC = 0xa5
const HEADER_BYTES = 20
export const StreamingFlag = { More: 1, GoAway: 2 } as const
/** Only these come from a client, and not from a service. */
const CLIENT_TYPES: readonly number[] = [MessageType.Request, MessageType.Oneway, MessageType.StreamInit]
const SERVICE_TYPES: readonly number[] = [MessageType.Response, MessageType.Error]
const STREAM_TYPES: readonly number[] = [
  MessageType.StreamInit,
  MessageType.StreamData,
  MessageType.StreamCloseOneWay,
  MessageType.StreamCloseTwoWay,
]
const MAX_STREAM_ID = 0x7fffffff

class StreamingCodec implements Codec {
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
    if (buffer.u8(AT.magic) !== MAGIC) throw new ProtocolError(`magic ${buffer.u8(AT.magic)} is not ${MAGIC}`)
    const length = buffer.u32(AT.length)
    if (length < HEADER_BYTES) throw new ProtocolError(`length ${length} is below ${HEADER_BYTES}`)
    const type = buffer.u8(AT.type)
    const isMisplaced = (metadata.type === MessageType.Request ? SERVICE_TYPES : CLIENT_TYPES).includes(type)
    if (type > MessageType.Error || isMisplaced) throw new ProtocolError(`type ${type} does not come from this side`)
    const stream = buffer.u32(AT.stream)
    if (stream > MAX_STREAM_ID) throw new ProtocolError(`stream ${stream} is above ${MAX_STREAM_ID}`)
    if (stream === 0 && STREAM_TYPES.includes(type)) throw new ProtocolError(`type ${type} is of a stream, which is 0`)
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    metadata.type = type as MessageType
    metadata.status = buffer.u8(AT.status) === 0 ? ResponseStatus.Ok : ResponseStatus.Error
    metadata.last = (buffer.u8(AT.flags) & StreamingFlag.More) === 0
    if ((buffer.u8(AT.flags) & StreamingFlag.GoAway) !== 0) metadata.set('go-away', '1')
    metadata.requestId = buffer.u32(AT.id)
    metadata.streamId = stream
    metadata.timeoutMs = buffer.u32(AT.timeoutMs)
    metadata.headerSize = HEADER_BYTES
    metadata.bodySize = length - HEADER_BYTES
    metadata.message = buffer.take(length)
    metadata.setSlice('body', HEADER_BYTES, length)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    const { message, requestId, streamId, timeoutMs } = metadata
    out.bytes(message, 0, AT.id).u32(Number(requestId)).u32(streamId).u32(timeoutMs).bytes(message, HEADER_BYTES)
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    const id = Number(request.requestId)
    const stream = request.streamId
    out.bytes(streamingFrame({ type: MessageType.Error, status: 1, id, stream, body: failure.message }))
  }

  patchIds(bytes: Buffer, start: number, requestId: MessageId, streamId: number): boolean {
    bytes.writeUInt32BE(Number(requestId), start + AT.id)
    bytes.writeUInt32BE(streamId, start + AT.stream)
    return true
  }

  heartbeatReply(request: Metadata, out: ByteWriter): void {
    out.bytes(streamingFrame({ type: MessageType.Heartbeat, id: Number(request.requestId) }))
  }

  healthCheck(id: number, out: ByteWriter): void {
    out.bytes(streamingFrame({ type: MessageType.Heartbeat, id }))
  }

  goAway(out: ByteWriter): void {
    out.bytes(streamingFrame({ type: MessageType.Heartbeat, id: 0, flags: StreamingFlag.GoAway }))
  }
}

export const streaming: CodecDefinition = {
  name: 'meltemi.test.streaming',
  contract: 1,
  correlation: 'id',
  create: () => new StreamingCodec(),
}

export interface StreamingFrame {
  readonly type: MessageType
  readonly id: number
  readonly status?: number
  readonly flags?: number
  readonly stream?: number
  readonly timeoutMs?: number
  readonly body?: string | Buffer
}

export function streamingFrame(frame: StreamingFrame): Buffer {
  const { type, id, status = 0, flags = 0, stream = 0, timeoutMs = 0, body = '' } = frame
  const bytes = Buffer.from(body as string)
  const head = Buffer.of(MAGIC, type, status, flags, ...new Array<number>(HEADER_BYTES - 4).fill(0))
  head.writeUInt32BE(HEADER_BYTES + bytes.length, AT.length)
  head.writeUInt32BE(id, AT.id)
  head.writeUInt32BE(stream, AT.stream)
  head.writeUInt32BE(timeoutMs, AT.timeoutMs)
  return Buffer.concat([head, bytes])
}
