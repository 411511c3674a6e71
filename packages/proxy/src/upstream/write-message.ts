import type { ByteWriter, Codec, MessageId, Metadata, Mutation } from '@meltemi/sdk'

/** Enough for the ids of every known protocol; a codec whose header is longer says so by `headerSize`. */
const LEAST_HEAD_BYTES = 256

/**
 * Writes `message` with other ids, with `mutation`, and with another timeout, by the cheapest way that the codec offers. The message and its
 * metadata are afterwards as they were, because mirrors, retries and the reply still need them. When the codec
 * throws nothing remains written.
 */
export function writeMessage(
  codec: Codec,
  message: Metadata,
  mutation: Mutation,
  requestId: MessageId,
  streamId: number,
  out: ByteWriter,
  timeoutMs: number = message.timeoutMs,
): void {
  const ownRequestId = message.requestId
  const ownStreamId = message.streamId
  const ownTimeoutMs = message.timeoutMs
  const isAsItCame = mutation.size === 0 && timeoutMs === ownTimeoutMs
  if (isAsItCame && requestId === ownRequestId && streamId === ownStreamId) {
    out.bytes(message.message)
    return
  }
  const mark = out.length
  try {
    if (isAsItCame && codec.patchIds !== undefined && patch(codec, message, requestId, streamId, out)) return
    message.requestId = requestId
    message.streamId = streamId
    message.timeoutMs = timeoutMs
    codec.encode(message, mutation, out)
  } catch (error: unknown) {
    out.truncate(mark)
    throw error
  } finally {
    message.requestId = ownRequestId
    message.streamId = ownStreamId
    message.timeoutMs = ownTimeoutMs
  }
}

function patch(codec: Codec, message: Metadata, requestId: MessageId, streamId: number, out: ByteWriter): boolean {
  const mark = out.length
  const headBytes = Math.max(message.headerSize, LEAST_HEAD_BYTES)
  const at = out.copy(message.message, headBytes)
  if (codec.patchIds?.(out.chunk, at, requestId, streamId)) return true
  out.truncate(mark)
  return false
}
