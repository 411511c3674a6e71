/**
 * Thrift: framed, unframed and header transport × strict binary and compact, found out from the first bytes of a
 * connection. Messages pass byte for byte, only the sequence id is written anew. Routable are `method`, `service` of
 * multiplexed names (`service:method`), and the key/value pairs of the header transport.
 *
 * A Reply has status Ok even when it carries a declared exception, as in the reference; status Error is for
 * TApplicationException.
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
import { BINARY_MAGIC, NAME_AT, NAME_LENGTH_AT } from './binary.ts'
import { exceptionType } from './exception-type.ts'
import {
  AT,
  type Dialect,
  detectDialect,
  FRAME_SIZE_BYTES,
  framedLength,
  HEADER_MAGIC,
  headerFrameLength,
  messageBegin,
  type Transport,
} from './frame.ts'
import { readHeader, writeHeader } from './header.ts'
import { type HealthCheckCall, readOptions, type ThriftOptions } from './options.ts'
import { COLON } from './protocol.ts'
import { StructSkip } from './struct-skip.ts'

/** Ids that lie further on are rare, and may be beyond what `patchIds` is given. */
const MAX_PATCHED_BYTES = 1024

class ThriftCodec implements Codec {
  /** Where a method is named for it. */
  readonly healthCheck?: NonNullable<Codec['healthCheck']>
  readonly #onewayMethods: ReadonlySet<string> | undefined
  #dialect: Dialect | undefined
  #skip: StructSkip | undefined

  constructor(options: ThriftOptions | undefined) {
    this.#onewayMethods = options?.onewayMethods
    const call = options?.healthCheck
    if (call !== undefined) this.healthCheck = (id, out) => writeHealthCheck(call, id, out)
  }

  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    this.#dialect ??= detectDialect(buffer)
    const dialect = this.#dialect
    if (dialect === undefined) return DecodeStatus.WaitForData
    const length = this.#messageLength(buffer, dialect)
    if (length < 0) return DecodeStatus.WaitForData
    const message = buffer.take(length)
    const { transport, protocol } = dialect
    const begin = transport === 'header' ? readHeader(message, protocol, metadata) : messageBegin(transport, message)
    metadata.message = message
    metadata.detail = dialect
    protocol.readBegin(message, begin, metadata)
    metadata.bodySize = length - metadata.headerSize
    if (metadata.type === MessageType.Error) metadata.status = ResponseStatus.Error
    if (this.#onewayMethods !== undefined && metadata.type === MessageType.Request) this.#checkOneway(metadata)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    const { message, headerSize } = metadata
    const { transport, protocol } = metadata.detail as Dialect
    const id = Number(metadata.requestId)
    const begin = messageBegin(transport, message)
    const seqidAt = protocol.seqidAt(message, begin, headerSize)
    const seqidEnd = seqidAt + protocol.seqidBytes(message, seqidAt)
    const grown = protocol.bytesOf(id) - (seqidEnd - seqidAt)
    if (transport !== 'unframed') out.u32(message.length - FRAME_SIZE_BYTES + grown)
    let from = transport === 'unframed' ? 0 : FRAME_SIZE_BYTES
    // a frame has a sequence id of its own: most peers repeat the message's there, others leave it alone
    if (transport === 'header' && message.readInt32BE(AT.sequence) === protocol.readSeqid(message, seqidAt)) {
      out.bytes(message, from, AT.sequence).u32(id)
      from = AT.headerWords
    }
    out.bytes(message, from, seqidAt)
    protocol.writeSeqid(id, out)
    out.bytes(message, seqidEnd)
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    const { transport, protocol } = request.detail as Dialect
    const { message, headerSize } = request
    const name = protocol.readName(message, messageBegin(transport, message), headerSize)
    const start = out.length
    if (transport === 'framed') out.u32(0)
    if (transport === 'header') writeHeader(protocol, message.readInt32BE(AT.sequence), out)
    const exception = { seqid: Number(request.requestId), type: exceptionType(failure), text: failure.message }
    // clients check the name, and that of a reply is without the service: servers strip it too
    protocol.writeException({ name: name.subarray(name.indexOf(COLON) + 1), ...exception }, out)
    if (transport !== 'unframed') out.setU32(start, out.length - start - FRAME_SIZE_BYTES)
  }

  patchIds(bytes: Buffer, start: number, requestId: MessageId): boolean {
    return patchBinaryIds(bytes, start, Number(requestId))
  }

  #checkOneway(request: Metadata): void {
    if (this.#onewayMethods?.has(request.get('method') ?? '')) request.type = MessageType.Oneway
  }

  /** Length of the message that the buffer begins with; -1: more bytes are needed. */
  #messageLength(buffer: ReceiveBuffer, dialect: Dialect): number {
    if (dialect.transport === 'framed') return framedLength(buffer)
    if (dialect.transport === 'header') return headerFrameLength(buffer)
    this.#skip ??= new StructSkip(dialect.protocol)
    const skip = this.#skip
    if (skip.isIdle) {
      const structAt = dialect.protocol.structAt(buffer)
      if (structAt < 0) return -1
      skip.start(structAt)
    }
    return skip.end(buffer)
  }
}

export const thrift: CodecDefinition = {
  name: 'aeraki.meta_protocol.codec.thrift',
  contract: 1,
  correlation: 'id',
  validate(config: unknown): readonly string[] {
    const problems: string[] = []
    readOptions(config, (text) => problems.push(text))
    return problems
  },
  create: (_side, config) => new ThriftCodec(readOptions(config, ignore)),
  dialect: (metadata) => (metadata.detail as Dialect).name,
  detect(bytes: ReceiveBuffer): boolean | undefined {
    try {
      return detectDialect(bytes) === undefined ? undefined : true
    } catch {
      // what detection refuses is another protocol
      return false
    }
  },
}

function writeHealthCheck({ method, dialect }: HealthCheckCall, id: number, out: ByteWriter): void {
  const { transport, protocol } = dialect
  const start = out.length
  if (transport === 'framed') out.u32(0)
  if (transport === 'header') writeHeader(protocol, id, out)
  protocol.writeCall(Buffer.from(method), id, out)
  if (transport !== 'unframed') out.setU32(start, out.length - start - FRAME_SIZE_BYTES)
}

/** `validate` has told the faults already. */
function ignore(): void {}

/** Writes the id over that of a binary message, whose place does not move; false for any other. */
function patchBinaryIds(bytes: Buffer, start: number, seqid: number): boolean {
  const transport = transportOf(bytes, start)
  const begin = messageBegin(transport, bytes, start)
  if (begin > start + MAX_PATCHED_BYTES || bytes.readUInt16BE(begin) !== BINARY_MAGIC) return false
  const seqidAt = begin + NAME_AT + bytes.readInt32BE(begin + NAME_LENGTH_AT)
  if (seqidAt > start + MAX_PATCHED_BYTES) return false
  if (transport === 'header' && bytes.readInt32BE(start + AT.sequence) === bytes.readInt32BE(seqidAt)) {
    bytes.writeInt32BE(seqid, start + AT.sequence)
  }
  bytes.writeInt32BE(seqid, seqidAt)
  return true
}

function transportOf(bytes: Buffer, start: number): Transport {
  if (bytes.readUInt8(start) >= 0x80) return 'unframed'
  return bytes.readUInt16BE(start + AT.magic) === HEADER_MAGIC ? 'header' : 'framed'
}
