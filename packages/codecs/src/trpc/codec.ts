/**
 * tRPC: unary calls, one-way calls, and streams of all three kinds, which are the same on the wire. Routable are
 * `caller`, `callee`, `func` and every key of trans_info, which goes before them; of replies `error_msg`, `ret` and
 * `func_ret` where there is an error, and trans_info. A mutation changes trans_info.
 *
 * A reply with a code other than 0, of the framework or of the service, has status Error.
 */

import {
  type ByteWriter,
  type Codec,
  type CodecDefinition,
  DecodeStatus,
  type Failure,
  MessageType,
  type Metadata,
  type Mutation,
  type ReceiveBuffer,
} from '@meltemi/sdk'
import { AT, FrameType, frameLength, HEAD_BYTES, MAGIC } from './frame.ts'
import { CANCELLED, returnCode } from './return-code.ts'
import { StreamFrameReader, writeRefusal, writeReset, writeStreamFrame } from './stream-frame.ts'
import { UnaryHeaderReader, writeErrorReply, writeUnary } from './unary-header.ts'

/** A unary header has at most 64 KiB. */
const MAX_TEXT_BYTES = 32 * 1024
const CLIENT_IS_GONE = Buffer.from('meta protocol stream: the client is gone')

class TrpcCodec implements Codec {
  readonly #header = new UnaryHeaderReader()
  /** Most connections have no streams. */
  #streams: StreamFrameReader | undefined

  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    const length = frameLength(buffer)
    if (length < 0) return DecodeStatus.WaitForData
    const isUnary = buffer.u8(AT.frameType) === FrameType.Unary
    metadata.headerSize = isUnary ? HEAD_BYTES + buffer.u16(AT.headerSize) : HEAD_BYTES
    metadata.bodySize = length - metadata.headerSize
    metadata.message = buffer.take(length)
    if (isUnary) this.#header.read(metadata)
    else {
      this.#streams ??= new StreamFrameReader()
      this.#streams.read(metadata)
    }
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
    if (metadata.message[AT.frameType] === FrameType.Unary) writeUnary(metadata, mutation, out)
    else writeStreamFrame(metadata, mutation, out)
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    const code = returnCode(failure)
    const text = textOf(failure)
    if (request.type === MessageType.StreamInit) writeRefusal(request, code, text, out)
    else writeErrorReply(request, code, text, out)
  }

  resetStream(opened: Metadata, streamId: number, out: ByteWriter): void {
    writeReset(opened, { streamId, code: CANCELLED, text: CLIENT_IS_GONE }, out)
  }

  failStream(opened: Metadata, failure: Failure, out: ByteWriter): void {
    const { streamId } = opened
    writeReset(opened, { streamId, code: returnCode(failure), text: textOf(failure) }, out)
  }
}

export const trpc: CodecDefinition = {
  name: 'aeraki.meta_protocol.codec.trpc',
  contract: 1,
  correlation: 'id',
  mutation: 'both',
  create: () => new TrpcCodec(),
  detect(bytes: ReceiveBuffer): boolean | undefined {
    if (bytes.length > 0 && bytes.u8(0) !== MAGIC >> 8) return false
    return bytes.has(2) ? bytes.u16(0) === MAGIC : undefined
  },
}

/** As UTF-8, cut off between two characters where it would be too long. */
function textOf(failure: Failure): Buffer {
  const text = Buffer.from(failure.message)
  if (text.length <= MAX_TEXT_BYTES) return text
  let end = MAX_TEXT_BYTES
  while (((text[end] as number) & 0xc0) === 0x80) end--
  return text.subarray(0, end)
}
