import type { ServerResponse } from 'node:http'
import type { StreamReply } from './api-request.ts'

export interface WriteStreamOptions {
  /** A client that leaves the stream unread for longer is cut off. */
  readonly stallTimeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Writes at the pace of the client: what it has not taken is never more than the socket's own buffer and one chunk.
 * Resolves when the stream has ended, its client has gone, or the client did not read.
 */
export async function writeStream(
  response: ServerResponse,
  reply: StreamReply,
  options: WriteStreamOptions,
): Promise<'ended' | 'gone' | 'stalled'> {
  const ending = new AbortController()
  const end = (): void => ending.abort()
  response.once('close', end)
  options.signal.addEventListener('abort', end, { once: true })
  // A watcher may have nothing to read for hours; that it is there at all, TCP finds out.
  response.socket?.setTimeout(0).setKeepAlive(true, 30_000)
  try {
    for await (const chunk of reply.chunks(ending.signal)) {
      if (ending.signal.aborted) break
      if (response.write(chunk)) continue
      if (await drains(response, options.stallTimeoutMs, ending.signal)) continue
      if (ending.signal.aborted) break
      response.destroy()
      return 'stalled'
    }
    if (response.destroyed) return 'gone'
    response.end()
    return 'ended'
  } finally {
    options.signal.removeEventListener('abort', end)
    response.off('close', end)
  }
}

function drains(response: ServerResponse, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isDrained: boolean): void => {
      clearTimeout(timer)
      response.off('drain', onDrain)
      signal.removeEventListener('abort', onAbort)
      resolve(isDrained)
    }
    const onDrain = (): void => settle(true)
    const onAbort = (): void => settle(false)
    const timer = setTimeout(onAbort, timeoutMs)
    response.once('drain', onDrain)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}
