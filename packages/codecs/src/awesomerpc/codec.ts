/**
 * awesomerpc, the template protocol: a fixed header, an id that the reply echoes, an opaque payload. Big-endian.
 *
 *   0         1           5          9         11         13
 *   | version | pack_flow | pack_len | req_cmd | rsp_code | payload …
 *       i8        u32         u32        i16       i16      pack_len − 13 bytes
 *
 * pack_len counts the header too. rsp_code is 0 for success and has no meaning in requests.
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

const AT = { packFlow: 1, packLen: 5, reqCmd: 9, rspCode: 11 } as const
const HEADER_BYTES = 13
const RSP_ERROR = 1

class AwesomerpcCodec implements Codec {
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
    const length = buffer.u32(AT.packLen)
    if (length < HEADER_BYTES) throw new ProtocolError(`pack_len ${length} is below ${HEADER_BYTES}`)
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    metadata.requestId = buffer.u32(AT.packFlow)
    metadata.headerSize = HEADER_BYTES
    metadata.bodySize = length - HEADER_BYTES
    metadata.set('cmd', String(buffer.i16(AT.reqCmd)))
    const isFailed = metadata.type === MessageType.Response && buffer.i16(AT.rspCode) !== 0
    if (isFailed) metadata.status = ResponseStatus.Error
    metadata.message = buffer.take(length)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    const message = metadata.message
    out.bytes(message, 0, AT.packFlow).u32(Number(metadata.requestId)).bytes(message, AT.packLen)
  }

  onError(request: Metadata, _failure: Failure, out: ByteWriter): void {
    const message = request.message
    out.bytes(message, 0, AT.packFlow).u32(Number(request.requestId)).u32(HEADER_BYTES)
    out.bytes(message, AT.reqCmd, AT.rspCode).u16(RSP_ERROR)
  }

  patchIds(bytes: Buffer, start: number, requestId: MessageId): boolean {
    bytes.writeUInt32BE(Number(requestId), start + AT.packFlow)
    return true
  }
}

export const awesomerpc: CodecDefinition = {
  name: 'aeraki.meta_protocol.codec.awesomerpc',
  contract: 1,
  correlation: 'id',
  create: () => new AwesomerpcCodec(),
}
