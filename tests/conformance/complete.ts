/**
 * A right codec that has everything the contract knows, to be broken in one thing at a time. Big-endian.
 *
 *   0       1        5      6       7    15       19        23             25
 *   | magic | length | type | flags | id | stream | timeout | pairs length | pairs … | body … |
 *      u8      u32      u8     u8     i64    u32     u32 ms       u16
 *
 * length is that of all. flags: 1 failed, 2 more replies follow, 4 go away, 8 an answer. A pair: | u8 length | key | u16 length | value |.
 * The magic is 4d, or the option `magic`.
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
  type Side,
} from '@meltemi/sdk'
import type { Sample } from '@meltemi/sdk/testing'

export const AT = { magic: 0, length: 1, type: 5, flags: 6, id: 7, stream: 15, timeout: 19, pairsLength: 23 } as const
export const HEADER_BYTES = 25
export const Flag = { Failed: 1, More: 2, GoAway: 4, Answer: 8 } as const
const MAGIC = 0x4d
const LAST_TYPE = MessageType.Error

export interface Frame {
  readonly type: MessageType
  readonly flags?: number
  readonly id?: MessageId
  readonly stream?: number
  readonly timeoutMs?: number
  readonly pairs?: ReadonlyMap<string, string>
  readonly body?: Buffer
  readonly magic?: number
}

export class CompleteCodec implements Codec {
  readonly #magic: number

  constructor(_side: Side, config: unknown) {
    this.#magic = (config as { magic?: number } | undefined)?.magic ?? MAGIC
  }

  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
    if (buffer.u8(AT.magic) !== this.#magic) throw new ProtocolError('wrong magic')
    const length = buffer.u32(AT.length)
    const headerSize = HEADER_BYTES + buffer.u16(AT.pairsLength)
    if (length < headerSize) throw new ProtocolError(`length ${length} is below the header's ${headerSize}`)
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    fill(metadata, buffer.take(length))
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
    const { message, headerSize } = metadata
    const pairs = readPairs(message)
    for (let n = 0; n < mutation.size; n++) {
      const value = mutation.value(n)
      if (value === undefined) pairs.delete(mutation.key(n))
      else pairs.set(mutation.key(n), value)
    }
    out.bytes(writeFrame({ ...frameOf(metadata), pairs, body: message.subarray(headerSize) }))
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    out.bytes(writeFrame(errorFrame(request, failure)))
  }

  patchIds(bytes: Buffer, start: number, requestId: MessageId, streamId: number): boolean {
    bytes.writeBigInt64BE(BigInt(requestId), start + AT.id)
    bytes.writeUInt32BE(streamId, start + AT.stream)
    return true
  }

  heartbeatReply(request: Metadata, out: ByteWriter): void {
    out.bytes(this.#heartbeatAnswer(request))
  }

  serviceHeartbeat(message: Metadata, out: ByteWriter): boolean {
    const { flags } = frameOf(message)
    if ((flags & Flag.Answer) === 0) out.bytes(this.#heartbeatAnswer(message))
    return (flags & Flag.GoAway) !== 0
  }

  healthCheck(id: number, out: ByteWriter): void {
    out.bytes(writeFrame({ type: MessageType.Heartbeat, id, magic: this.#magic }))
  }

  resetStream(opened: Metadata, streamId: number, out: ByteWriter): void {
    const { requestId } = opened
    out.bytes(writeFrame({ type: MessageType.StreamCloseTwoWay, id: requestId, stream: streamId, magic: this.#magic }))
  }

  failStream(opened: Metadata, failure: Failure, out: ByteWriter): void {
    out.bytes(writeFrame(errorFrame(opened, failure)))
  }

  goAway(out: ByteWriter): void {
    out.bytes(writeFrame({ type: MessageType.Heartbeat, flags: Flag.GoAway, magic: this.#magic }))
  }

  #heartbeatAnswer({ requestId: id }: Metadata): Buffer {
    return writeFrame({ type: MessageType.Heartbeat, flags: Flag.Answer, id, magic: this.#magic })
  }
}

export const complete: CodecDefinition = {
  name: 'meltemi.test.complete',
  contract: 1,
  correlation: 'id',
  mutation: 'both',
  validate(config) {
    if (config === undefined) return []
    return typeof (config as { magic?: unknown }).magic === 'number' ? [] : ['magic: expected a number']
  },
  create: (side, config) => new CompleteCodec(side, config),
  detect: (bytes) => bytes.u8(AT.magic) === MAGIC,
  dialect: ({ message }) => `magic ${message[AT.magic]}`,
}

/** Says of a message all that its bytes say. */
export function fill(metadata: Metadata, message: Buffer): void {
  const type = message.readUInt8(AT.type)
  if (type > LAST_TYPE) throw new ProtocolError(`type ${type}`)
  const headerSize = HEADER_BYTES + message.readUInt16BE(AT.pairsLength)
  const flags = message.readUInt8(AT.flags)
  metadata.message = message
  metadata.type = type as MessageType
  metadata.status = (flags & Flag.Failed) === 0 ? ResponseStatus.Ok : ResponseStatus.Error
  metadata.last = (flags & Flag.More) === 0
  metadata.requestId = idOf(message)
  metadata.streamId = message.readUInt32BE(AT.stream)
  metadata.timeoutMs = message.readUInt32BE(AT.timeout)
  metadata.headerSize = headerSize
  metadata.bodySize = message.length - headerSize
  for (const [key, value] of readPairs(message)) metadata.set(key, value)
}

/** The head of a message as its metadata is now. */
export function frameOf({
  message,
  requestId,
  streamId,
  timeoutMs,
}: Metadata): Required<Omit<Frame, 'pairs' | 'body'>> {
  return {
    magic: message.readUInt8(AT.magic),
    type: message.readUInt8(AT.type) as MessageType,
    flags: message.readUInt8(AT.flags),
    id: requestId,
    stream: streamId,
    timeoutMs,
  }
}

export function errorFrame(request: Metadata, failure: Failure): Frame {
  const { magic, id, stream } = frameOf(request)
  return { type: MessageType.Error, flags: Flag.Failed, magic, id, stream, body: Buffer.from(failure.message) }
}

export function writeFrame(frame: Frame): Buffer {
  const { type, flags = 0, id = 0, stream = 0, timeoutMs = 0, body = Buffer.alloc(0), magic = MAGIC } = frame
  const pairs = Buffer.concat([...(frame.pairs ?? [])].map(([key, value]) => pairBytes(key, value)))
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeUInt8(magic, AT.magic)
  head.writeUInt32BE(HEADER_BYTES + pairs.length + body.length, AT.length)
  head.writeUInt8(type, AT.type)
  head.writeUInt8(flags, AT.flags)
  head.writeBigInt64BE(BigInt(id), AT.id)
  head.writeUInt32BE(stream, AT.stream)
  head.writeUInt32BE(timeoutMs, AT.timeout)
  head.writeUInt16BE(pairs.length, AT.pairsLength)
  return Buffer.concat([head, pairs, body])
}

export function readPairs(message: Buffer): Map<string, string> {
  const pairs = new Map<string, string>()
  const end = HEADER_BYTES + message.readUInt16BE(AT.pairsLength)
  for (let at = HEADER_BYTES; at < end; ) {
    const valueAt = at + 1 + message.readUInt8(at) + 2
    if (valueAt > end) throw new ProtocolError('a key reaches beyond the pairs')
    const valueEnd = valueAt + message.readUInt16BE(valueAt - 2)
    if (valueEnd > end) throw new ProtocolError('a value reaches beyond the pairs')
    pairs.set(message.toString('utf8', at + 1, valueAt - 2), message.toString('utf8', valueAt, valueEnd))
    at = valueEnd
  }
  return pairs
}

export function pairBytes(key: string, value: string): Buffer {
  const name = Buffer.from(key)
  const text = Buffer.from(value)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(text.length)
  return Buffer.concat([Buffer.of(name.length), name, length, text])
}

function idOf(message: Buffer): MessageId {
  const id = message.readBigInt64BE(AT.id)
  return Number.isSafeInteger(Number(id)) ? Number(id) : id
}

const pairs = new Map([['a', 'b']])
const changeable = ['a']
const body = Buffer.from('xyz')
const from = (side: Side, name: string, frames: readonly Frame[], more: Partial<Sample> = {}): Sample => {
  return { name, side, bytes: Buffer.concat(frames.map(writeFrame)), messages: frames.length, ...more }
}

export const completeSamples: readonly Sample[] = [
  from('downstream', 'request', [{ type: MessageType.Request, id: 5, timeoutMs: 500, pairs, body }], { changeable }),
  from('downstream', 'wide id', [{ type: MessageType.Request, id: 2n ** 62n, body }]),
  from('downstream', 'one-way', [{ type: MessageType.Oneway }]),
  from('downstream', 'heartbeat', [{ type: MessageType.Heartbeat, id: 6 }]),
  from('downstream', 'stream', [
    { type: MessageType.StreamInit, id: 7, stream: 3 },
    { type: MessageType.StreamData, id: 7, stream: 3, body },
    { type: MessageType.StreamCloseOneWay, id: 7, stream: 3 },
  ]),
  from('downstream', 'with options', [{ type: MessageType.Request, id: 8, magic: 0x4e }], { config: { magic: 0x4e } }),
  from('upstream', 'reply', [{ type: MessageType.Response, id: 5, pairs, body }], { changeable }),
  from('upstream', 'failed', [{ type: MessageType.Response, id: 5, flags: Flag.Failed }]),
  from('upstream', 'heartbeat of a service', [{ type: MessageType.Heartbeat, id: 9 }]),
]
