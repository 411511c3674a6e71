/**
 * Dubbo over TCP, bodies in Hessian 2. Routable are `interface`, `version` and `method` of the call, and every attachment
 * whose key and value are strings, which come behind the arguments and take the place of those three; of replies the
 * attachments. A message passes byte for byte; where attachments change only they are written anew.
 *
 * Bodies in other serializations are passed on unseen: such a message has what its header says, and no properties.
 *
 * A reply whose result is an exception is an Error, also in its status; the reference says Ok there.
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
  type ReceiveBuffer,
  ResponseStatus,
} from '@meltemi/sdk'
import { isChange, writeChangedBody } from './change-attachments.ts'
import { errorStatus } from './error-status.ts'
import { AT, Flag, frameLength, HEADER_BYTES, HESSIAN2, MAGIC, patchId, STATUS_OK, writeHeader } from './frame.ts'
import { Code } from './hessian2-code.ts'
import { Hessian2Reader } from './hessian2-reader.ts'
import { writeText } from './hessian2-text-writer.ts'
import { readInvocation } from './invocation.ts'
import { Layout } from './layout.ts'
import { readResult } from './result.ts'

/** The body of a service's "send me no more requests": the string R. */
const READONLY: Buffer = Buffer.of(1, 0x52)

class DubboCodec implements Codec {
  readonly #reader = new Hessian2Reader()

  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    const length = frameLength(buffer)
    if (length < 0) return DecodeStatus.WaitForData
    const flags = buffer.u8(AT.flags)
    const status = buffer.u8(AT.status)
    metadata.requestId = buffer.i64(AT.id)
    metadata.headerSize = HEADER_BYTES
    metadata.bodySize = length - HEADER_BYTES
    metadata.message = buffer.take(length)
    if ((flags & Flag.request) !== 0) this.#readRequest(flags, metadata)
    else this.#readReply(flags, status, metadata)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
    const { message } = metadata
    out.bytes(message, 0, AT.id).i64(metadata.requestId)
    if (isChange(metadata, mutation)) writeChangedBody(this.#reader, { metadata, mutation }, out)
    else out.bytes(message, AT.bodyLength)
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    writeHeader(HESSIAN2, errorStatus(failure), request.requestId, out)
    const lengthAt = out.length
    out.u32(0)
    // of a reply that is not OK consumers read one string
    writeText(failure.message, out)
    out.setU32(lengthAt, out.length - lengthAt - 4)
  }

  patchIds(bytes: Buffer, start: number, requestId: MessageId): boolean {
    patchId(bytes, start + AT.id, requestId)
    return true
  }

  heartbeatReply(request: Metadata, out: ByteWriter): void {
    writeHeader(Flag.event | HESSIAN2, STATUS_OK, request.requestId, out)
    writeNothing(out)
  }

  serviceHeartbeat(message: Metadata, out: ByteWriter): boolean {
    const bytes = message.message
    const flags = bytes[AT.flags] as number
    if ((flags & Flag.request) === 0) return false
    if ((flags & Flag.twoWay) !== 0) this.heartbeatReply(message, out)
    return bytes.length === AT.body + READONLY.length && bytes.compare(READONLY, 0, READONLY.length, AT.body) === 0
  }

  healthCheck(id: number, out: ByteWriter): void {
    writeHeader(Flag.request | Flag.twoWay | Flag.event | HESSIAN2, 0, id, out)
    writeNothing(out)
  }

  #readRequest(flags: number, metadata: Metadata): void {
    if ((flags & Flag.event) !== 0) {
      metadata.type = MessageType.Heartbeat
      return
    }
    metadata.type = (flags & Flag.twoWay) !== 0 ? MessageType.Request : MessageType.Oneway
    if ((flags & Flag.serialization) !== HESSIAN2) return
    const layout = this.#begin(metadata)
    readInvocation(this.#reader, metadata, layout)
    this.#reader.stop()
  }

  #readReply(flags: number, status: number, metadata: Metadata): void {
    const isOk = status === STATUS_OK
    if (!isOk) metadata.status = ResponseStatus.Error
    if ((flags & Flag.event) !== 0) {
      metadata.type = MessageType.Heartbeat
      return
    }
    metadata.type = isOk ? MessageType.Response : MessageType.Error
    if (!isOk || (flags & Flag.serialization) !== HESSIAN2) return
    const layout = this.#begin(metadata)
    readResult(this.#reader, metadata, layout)
    this.#reader.stop()
  }

  #begin(metadata: Metadata): Layout {
    const layout = new Layout()
    metadata.detail = layout
    // attachments that are absent would stand at the end
    layout.at = metadata.message.length
    this.#reader.start(metadata.message, AT.body)
    return layout
  }
}

export const dubbo: CodecDefinition = {
  name: 'aeraki.meta_protocol.codec.dubbo',
  contract: 1,
  correlation: 'id',
  mutation: 'both',
  create: () => new DubboCodec(),
  detect: (bytes: ReceiveBuffer) => (bytes.length < AT.flags ? undefined : bytes.u16(0) === MAGIC),
}

function writeNothing(out: ByteWriter): void {
  out.u32(1).u8(Code.nothing)
}
