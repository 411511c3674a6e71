/** The one place where a failure becomes bytes. False: the codec could not, nothing remains written, and the client must be closed. */

import type { ByteWriter, Codec, Failure, Metadata } from '@meltemi/sdk'

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

/** The same for a stream that the service has answered, where the codec has other words for that. */
export function writeStreamError(codec: Codec, opened: Metadata, failure: Failure, out: ByteWriter): boolean {
  if (codec.failStream === undefined) return writeLocalReply(codec, opened, failure, out)
  const mark = out.length
  try {
    codec.failStream(opened, failure, out)
    return true
  } catch {
    out.truncate(mark)
    return false
  }
}
