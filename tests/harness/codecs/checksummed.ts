/**
 * The id lies inside what a checksum covers, so it cannot be patched in place. Little-endian.
 *
 *   | u16 magic c35a | u32 length of all | u32 id | u8 status | body … | u32 CRC-32 of all before |
 */

import { crc32 } from 'node:zlib'
import {
  type ByteWriter,
  type Codec,
  type CodecDefinition,
  DecodeStatus,
  type Failure,
  MessageType,
  type Metadata,
  type Mutation,
  ProtocolError,
  type ReceiveBuffer,
  ResponseStatus,
} from '@meltemi/sdk'

const AT = { magic: 0, length: 2, id: 6, status: 10 } as const
const MAGIC = 0xc35a
const HEADER_BYTES = 11
const TRAILER_BYTES = 4

class ChecksummedCodec implements Codec {
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
    if (buffer.u16le(AT.magic) !== MAGIC)
      throw new ProtocolError(`magic ${buffer.u16le(AT.magic).toString(16)} is not c35a`)
    const length = buffer.u32le(AT.length)
    if (length < HEADER_BYTES + TRAILER_BYTES)
      throw new ProtocolError(`length ${length} has no room for header and checksum`)
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    const end = length - TRAILER_BYTES
    const expected = buffer.u32le(end)
    metadata.requestId = buffer.u32le(AT.id)
    metadata.headerSize = HEADER_BYTES
    metadata.bodySize = length - HEADER_BYTES
    const isFailed = metadata.type === MessageType.Response && buffer.u8(AT.status) !== 0
    if (isFailed) metadata.status = ResponseStatus.Error
    metadata.message = buffer.take(length)
    metadata.setSlice('body', HEADER_BYTES, end)
    if (crc32(metadata.message.subarray(0, end)) !== expected) throw new ProtocolError('the checksum is wrong')
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    const { message } = metadata
    const head = Buffer.from(message.subarray(0, HEADER_BYTES))
    head.writeUInt32LE(Number(metadata.requestId), AT.id)
    const body = message.subarray(HEADER_BYTES, message.length - TRAILER_BYTES)
    out
      .bytes(head)
      .bytes(body)
      .u32le(crc32(body, crc32(head)))
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    out.bytes(checksummedFrame({ id: Number(request.requestId), status: 1, body: failure.message }))
  }

  patchIds(): boolean {
    return false
  }
}

export const checksummed: CodecDefinition = {
  name: 'meltemi.test.checksummed',
  contract: 1,
  correlation: 'id',
  create: () => new ChecksummedCodec(),
}

export function checksummedFrame(frame: { id: number; status?: number; body?: string | Buffer }): Buffer {
  const { id, status = 0, body = '' } = frame
  const bytes = Buffer.from(body as string)
  const out = Buffer.alloc(HEADER_BYTES + bytes.length + TRAILER_BYTES)
  out.writeUInt16LE(MAGIC, AT.magic)
  out.writeUInt32LE(out.length, AT.length)
  out.writeUInt32LE(id, AT.id)
  out[AT.status] = status
  bytes.copy(out, HEADER_BYTES)
  const end = out.length - TRAILER_BYTES
  out.writeUInt32LE(crc32(out.subarray(0, end)), end)
  return out
}
