import type { ByteWriter, Codec, Failure, Metadata } from '@meltemi/sdk'

/** The one place where a failure becomes bytes. False: the codec could not, nothing remains written, and the client must be closed. */
export function writeLocalReply(codec: Codec, request: Metadata, failure: Failure, out: ByteWriter): boolean {
  const mark = out.length
  try {
    codec.onError(request, failure, out)
    return true
  } catch {
    // counted by the caller; what the codec threw helps nobody who waits for this reply
    out.truncate(mark)
    return false
  }
}
