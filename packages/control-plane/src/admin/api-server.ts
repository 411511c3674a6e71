import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Counter,
  closeServer,
  findForeignPage,
  type Gauge,
  hasToken,
  http,
  isJson,
  type Logger,
  listen,
  type MetricRegistry,
  refuseBadBytes,
} from '@meltemi/runtime'
import { type ApiHandler, type ApiReply, type ApiRequest, type BodyReply, jsonReply } from './api-request.ts'
import { readBody } from './read-body.ts'
import { noSuchPath, StatusError } from './status-error.ts'
import { writeStream } from './write-stream.ts'

const MAX_HEADER_BYTES = 16 * 1024
const MAX_CONNECTIONS = 256
const MAX_STREAMS = 128
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const IDLE_TIMEOUT_MS = 60_000
/** How long a client may leave a stream unread. */
const STALL_TIMEOUT_MS = 30_000
const READS = new Set(['GET', 'HEAD'])

export interface ApiServerOptions {
  readonly address: { readonly host: string; readonly port: number }
  /** Asked one after the other. */
  readonly handlers: readonly ApiHandler[]
  /** What every change must bring along, as `Authorization: Bearer …`. */
  readonly token: () => string | undefined
  readonly logger: Logger
  readonly metrics: MetricRegistry
  readonly stallTimeoutMs?: number
}

export interface ApiServer {
  readonly port: number
  /** Ends streams, and lets other replies finish for up to a second. */
  close(): Promise<void>
}

/** Rejects when the address cannot be had. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const connections = new ApiConnections(options)
  const server = http.createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 5_000,
    },
    (request, response) => void connections.handle(request, response),
  )
  server.maxConnections = MAX_CONNECTIONS
  server.setTimeout(IDLE_TIMEOUT_MS)
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseBadBytes(socket, error.code))
  await listen(server, options.address)
  server.on('error', (error) => options.logger.error('api server failed', { error }))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => {
      connections.endStreams()
      return closeServer(server)
    },
  }
}

class ApiConnections {
  readonly #options: ApiServerOptions
  readonly #allowedHosts: readonly string[]
  readonly #ending = new AbortController()
  readonly #requests: Counter
  readonly #refused: Counter
  readonly #slowStreams: Counter
  readonly #activeStreams: Gauge
  #streams = 0

  constructor(options: ApiServerOptions) {
    this.#options = options
    this.#allowedHosts = [options.address.host.toLowerCase()]
    const { metrics } = options
    this.#requests = metrics.counter('control_plane.api_requests')
    this.#refused = metrics.counter('control_plane.api_requests_refused')
    this.#slowStreams = metrics.counter('control_plane.api_streams_too_slow')
    this.#activeStreams = metrics.gauge('control_plane.api_streams_active')
  }

  endStreams(): void {
    this.#ending.abort()
  }

  /** Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests.add(1)
    try {
      const reply = await this.#reply(request)
      if (reply.kind === 'body') this.#send(response, reply)
      else await this.#stream(response, reply)
    } catch (error: unknown) {
      if (response.headersSent) this.#fail(response, error)
      else this.#send(response, this.#refusal(error, request))
    }
  }

  async #reply(request: IncomingMessage): Promise<ApiReply> {
    this.#guard(request)
    const call = await readRequest(request)
    for (const handler of this.#options.handlers) {
      const reply = await handler(call)
      if (reply !== undefined) return reply
    }
    throw noSuchPath()
  }

  /** Before the body is read: what a web page that is not ours, or another user, may not do. */
  #guard(request: IncomingMessage): void {
    const foreign = findForeignPage(request, this.#allowedHosts)
    if (foreign !== undefined) throw new StatusError(foreign.status, 'Forbidden', foreign.reason)
    if (READS.has(request.method ?? '')) return
    if (!hasToken(request, this.#options.token())) {
      throw new StatusError(401, 'Unauthorized', 'a change needs the token of the control plane')
    }
    if (request.method !== 'DELETE' && !isJson(request)) {
      const message = 'a change needs the header "content-type: application/json"'
      throw new StatusError(415, 'UnsupportedMediaType', message)
    }
  }

  async #stream(response: ServerResponse, reply: ApiReply & { kind: 'stream' }): Promise<void> {
    if (this.#streams >= MAX_STREAMS) {
      throw new StatusError(429, 'TooManyRequests', `there are ${MAX_STREAMS} watchers already`)
    }
    this.#activeStreams.set(++this.#streams)
    try {
      // Otherwise the connection would outlive the stream, and hold up the end of the server.
      response.writeHead(200, { ...COMMON_HEADERS, 'content-type': reply.contentType, connection: 'close' })
      response.flushHeaders()
      if (response.req.method === 'HEAD') {
        response.end()
        return
      }
      const stallTimeoutMs = this.#options.stallTimeoutMs ?? STALL_TIMEOUT_MS
      const end = await writeStream(response, reply, { stallTimeoutMs, signal: this.#ending.signal })
      if (end === 'stalled') this.#slowStreams.add(1)
    } finally {
      this.#activeStreams.set(--this.#streams)
    }
  }

  #send(response: ServerResponse, reply: BodyReply): void {
    const body = Buffer.from(reply.body)
    response.writeHead(reply.status, {
      ...COMMON_HEADERS,
      'content-type': reply.contentType,
      'content-length': body.length,
      ...reply.headers,
    })
    response.end(body)
  }

  #refusal(error: unknown, request: IncomingMessage): BodyReply {
    this.#refused.add(1)
    // A body that was not read must not be taken for the next request.
    const headers = request.complete ? {} : { connection: 'close' }
    if (error instanceof StatusError) return { ...jsonReply(error.status, error.status.code), headers }
    this.#options.logger.limited('api request', 5)?.error('api request failed', { error, path: request.url })
    const failure = new StatusError(500, 'InternalError', 'internal error, see the log of the control plane')
    return { ...jsonReply(failure.status, 500), headers }
  }

  #fail(response: ServerResponse, error: unknown): void {
    this.#options.logger.limited('api stream', 5)?.warn('api stream failed', { error })
    response.destroy()
  }
}

const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-cache, max-age=0',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
}

async function readRequest(request: IncomingMessage): Promise<ApiRequest> {
  const url = URL.canParse(request.url ?? '', 'http://api') ? new URL(request.url ?? '', 'http://api') : undefined
  const path = url === undefined ? undefined : tryDecodePath(url.pathname)
  if (url === undefined || path === undefined) throw new StatusError(400, 'BadRequest', 'the path cannot be read')
  return {
    method: request.method === 'HEAD' ? 'GET' : (request.method ?? ''),
    path,
    query: url.searchParams,
    accept: request.headers.accept ?? '',
    body: await readBody(request),
  }
}

function tryDecodePath(pathname: string): readonly string[] | undefined {
  try {
    return pathname
      .split('/')
      .filter((segment) => segment !== '')
      .map(decodeURIComponent)
  } catch {
    return undefined // a per cent sign that stands alone
  }
}
