import type { IncomingMessage } from 'node:http'
import { StatusError } from './status-error.ts'

const MAX_BODY_BYTES = 1024 * 1024

/** The body as text, of at most 1 MiB by default. Throws a StatusError when it is too large or no UTF-8. */
export async function readBody(request: IncomingMessage, maxBytes = MAX_BODY_BYTES): Promise<string> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk as Buffer)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new StatusError(400, 'BadRequest', 'the body is not UTF-8 text')
  }
}

function tooLarge(maxBytes: number): StatusError {
  const message = `the body is too large: at most ${maxBytes} bytes are taken`
  return new StatusError(413, 'RequestEntityTooLarge', message)
}
