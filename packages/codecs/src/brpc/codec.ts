/**
 * bRPC's own protocol, baidu_std. Routable are `service` (as `interface` too), `method`, `log_id` and the user fields of
 * requests, which change none of the others; of replies `error_code`, `error_text` and the user fields. A mutation
 * changes user fields, which peers of before 2022 do not look at. Payload and attachment are passed on as they are.
 *
 * Streams that begin with such a call go on in a protocol of their own, with the magic STRM, and are refused.
 */

import {
  type ByteWriter,
  type Codec,
  type CodecDefinition,
  DecodeStatus,
  type Failure,
  type Metadata,
  type Mutation,
  type ReceiveBuffer,
} from '@meltemi/sdk'
import { errorCode } from './error-code.ts'
import { AT, HEAD_BYTES, MAGIC, messageLength } from './frame.ts'
import { MetaReader, writeErrorReply, writeMessage } from './meta.ts'

class BrpcCodec implements Codec {
  readonly #meta = new MetaReader()

  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    const length = messageLength(buffer)
    if (length < 0) return DecodeStatus.WaitForData
    metadata.headerSize = HEAD_BYTES + buffer.u32(AT.metaSize)
    metadata.bodySize = length - metadata.headerSize
    metadata.message = buffer.take(length)
    this.#meta.read(metadata)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
    writeMessage(metadata, mutation, out)
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    writeErrorReply(request, errorCode(failure), Buffer.from(failure.message), out)
  }
}

export const brpc: CodecDefinition = {
  name: 'aeraki.meta_protocol.codec.brpc',
  contract: 1,
  correlation: 'id',
  mutation: 'both',
  create: () => new BrpcCodec(),
  detect(bytes: ReceiveBuffer): boolean | undefined {
    const known = Math.min(bytes.length, MAGIC.length)
    for (let n = 0; n < known; n++) if (bytes.u8(n) !== MAGIC.charCodeAt(n)) return false
    return known === MAGIC.length ? true : undefined
  },
}
