/**
 * Ids wider than any register: a UUID is one 128-bit integer. It is written by `encode`; there is no `patchIds`.
 *
 *   | u32 length of all | 16 bytes id | u8 status | body … |
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

const AT = { length: 0, id: 4, status: 20 } as const
const HEADER_BYTES = 21

class UuidCodec implements Codec {
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
    const length = buffer.u32(AT.length)
    if (length < HEADER_BYTES) throw new ProtocolError(`length ${length} is below ${HEADER_BYTES}`)
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    metadata.requestId = readUuid(buffer, AT.id)
    metadata.headerSize = HEADER_BYTES
    metadata.bodySize = length - HEADER_BYTES
    const isFailed = metadata.type === MessageType.Response && buffer.u8(AT.status) !== 0
    if (isFailed) metadata.status = ResponseStatus.Error
    metadata.message = buffer.take(length)
    metadata.setSlice('body', HEADER_BYTES, length)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    const message = metadata.message
    out.bytes(message, 0, AT.id)
    writeUuid(out, metadata.requestId)
    out.bytes(message, AT.status)
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    out.bytes(uuidFrame({ id: request.requestId, status: 1, body: failure.message }))
  }
}

export const uuid: CodecDefinition = {
  name: 'meltemi.test.uuid',
  contract: 1,
  correlation: 'id',
  create: () => new UuidCodec(),
}

export function uuidFrame(frame: { id: MessageId; status?: number; body?: string | Buffer }): Buffer {
  const { id, status = 0, body = '' } = frame
  const bytes = Buffer.from(body as string)
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeUInt32BE(HEADER_BYTES + bytes.length, AT.length)
  head.writeBigUInt64BE(BigInt.asUintN(64, BigInt(id) >> 64n), AT.id)
  head.writeBigUInt64BE(BigInt.asUintN(64, BigInt(id)), AT.id + 8)
  head[AT.status] = status
  return Buffer.concat([head, bytes])
}

function readUuid(buffer: ReceiveBuffer, at: number): MessageId {
  const high = BigInt.asUintN(64, BigInt(buffer.i64(at)))
  const low = BigInt.asUintN(64, BigInt(buffer.i64(at + 8)))
  const id = (high << 64n) | low
  return id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id
}

function writeUuid(out: ByteWriter, id: MessageId): void {
  const bits = BigInt(id)
  out.i64(bits >> 64n).i64(bits)
}
