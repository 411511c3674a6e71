import type { IncomingMessage, ServerResponse } from 'node:http'

/** A request that was answered, for who keeps a log of them. */
export interface AdminCall {
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  readonly durationMs: number
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly httpVersion: string
  /** 0: its connection went before. */
  readonly status: number
  /** Of bodies. */
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly host: string | undefined
  readonly userAgent: string | undefined
  readonly requestId: string | undefined
  readonly forwardedFor: string | undefined
}

/** Counts the bytes of a request's bodies, and tells of it when its reply has left, or its connection has gone. */
export class CallWatch {
  bytesReceived = 0
  bytesSent = 0

  constructor(request: IncomingMessage, response: ServerResponse, onReply: ((call: AdminCall) => void) | undefined) {
    if (onReply === undefined) return
    const startedAtMs = Date.now()
    const startedMs = performance.now()
    const { headers, method = '', url: path = '', httpVersion } = request
    response.once('close', () => {
      onReply({
        startedAtMs,
        durationMs: performance.now() - startedMs,
        method,
        path,
        httpVersion,
        status: response.headersSent ? response.statusCode : 0,
        bytesReceived: this.bytesReceived,
        bytesSent: method === 'HEAD' ? 0 : this.bytesSent,
        host: headers.host,
        userAgent: headers['user-agent'],
        requestId: textOf(headers['x-request-id']),
        forwardedFor: textOf(headers['x-forwarded-for']),
      })
    })
  }
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header
}
