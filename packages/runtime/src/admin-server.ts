import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AdminCall, CallWatch } from './admin-call.ts'
import { type AdminAddress, closeServer, listen, refuseBadBytes } from './admin-listen.ts'
import type { AdminReply, AdminRequest, AdminRoute } from './admin-route.ts'
import type { Logger } from './logger.ts'
import { http } from './node-http.ts'
import { findRefusal, type GuardOptions } from './request-guard.ts'

const MAX_HEADER_BYTES = 16 * 1024
const MAX_BODY_BYTES = 64 * 1024
const MAX_CONNECTIONS = 64
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const IDLE_TIMEOUT_MS = 60_000
const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/

export interface AdminServerOptions {
  readonly address: AdminAddress
  readonly routes: readonly AdminRoute[]
  readonly logger: Logger
  readonly allowedHosts?: readonly string[]
  readonly token?: string
  /** Told of each request when its reply has left, or its connection has gone. */
  readonly onReply?: (call: AdminCall) => void
}

/** A small HTTP server for operators. */
export interface AdminServer {
  /** 0 for a unix socket. */
  readonly port: number
  /** Its socket, for a process that takes its place; undefined where there is none to be had. */
  readonly fd: number | undefined
  /** Lets replies under way finish, for up to a second. */
  close(): Promise<void>
}

/** Rejects when the address cannot be had. */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const handler = new RequestHandler(options)
  const server = http.createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 5_000,
    },
    (request, response) => void handler.handle(request, response),
  )
  server.maxConnections = MAX_CONNECTIONS
  // Also ends clients that do not read their reply.
  server.setTimeout(IDLE_TIMEOUT_MS)
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseBadBytes(socket, error.code))
  await listen(server, options.address)
  server.on('error', (error) => options.logger.error('admin server failed', { error }))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    // Node has no other word for it
    fd: (server as { _handle?: { fd?: number } })._handle?.fd,
    close: () => closeServer(server),
  }
}

class RequestHandler {
  readonly #routes = new Map<string, AdminRoute[]>()
  readonly #guard: GuardOptions
  readonly #logger: Logger
  readonly #endpoints: string
  readonly #onReply: AdminServerOptions['onReply']
  readonly #isUnixSocket: boolean

  constructor(options: AdminServerOptions) {
    for (const route of options.routes) {
      this.#routes.set(route.path, [...(this.#routes.get(route.path) ?? []), route])
    }
    this.#guard = { allowedHosts: options.allowedHosts ?? [], token: options.token }
    this.#logger = options.logger
    this.#onReply = options.onReply
    this.#isUnixSocket = 'socketPath' in options.address
    this.#endpoints = formatEndpoints(options.routes)
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = new CallWatch(request, response, this.#onReply)
    try {
      call.bytesReceived = await drainBody(request)
      const isBodyRead = call.bytesReceived <= MAX_BODY_BYTES
      const reply = isBodyRead ? await this.#reply(request) : { status: 413, body: 'the body is too large\n' }
      if (!isBodyRead) response.setHeader('connection', 'close')
      if (reply.afterwards !== undefined) response.once('close', reply.afterwards)
      call.bytesSent = send(response, reply)
    } catch (error: unknown) {
      this.#logger.limited('admin request', 5)?.warn('admin request failed', { error, path: request.url })
      response.destroy()
    }
  }

  async #reply(request: IncomingMessage): Promise<AdminReply> {
    const refusal = findRefusal(request, this.#guard)
    if (refusal !== undefined) return { status: refusal.status, body: `${refusal.reason}\n` }
    const url = URL.canParse(request.url ?? '', 'http://admin') ? new URL(request.url ?? '', 'http://admin') : undefined
    const routes = url === undefined ? undefined : this.#routes.get(url.pathname)
    if (url === undefined || routes === undefined) return { status: 404, body: `no such endpoint\n${this.#endpoints}` }
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const route = routes.find((candidate) => candidate.method === method)
    if (route === undefined) return { status: 405, body: `use ${routes.map((r) => r.method).join(' or ')}\n` }
    return this.#run(route, { query: url.searchParams, isLocal: this.#isUnixSocket || isLoopback(request) })
  }

  async #run(route: AdminRoute, request: AdminRequest): Promise<AdminReply> {
    try {
      return await route.handle(request)
    } catch (error: unknown) {
      this.#logger.error('admin endpoint failed', { path: route.path, error })
      return { status: 500, body: 'internal error, see the log\n' }
    }
  }
}

/** The list of endpoints as plain text. */
export function formatEndpoints(routes: readonly AdminRoute[]): string {
  const sorted = routes.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return sorted.map((route) => `  ${route.method.padEnd(4)} ${route.path}: ${route.description}\n`).join('')
}

/** No endpoint has a body. Returns its bytes; stops reading where there are more than anyone would send by mistake. */
async function drainBody(request: IncomingMessage): Promise<number> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > MAX_BODY_BYTES) return announced
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += Buffer.byteLength(chunk)
    if (bytes > MAX_BODY_BYTES) break
  }
  return bytes
}

function isLoopback({ socket: { remoteAddress } }: IncomingMessage): boolean {
  return remoteAddress !== undefined && LOOPBACK.test(remoteAddress)
}

/** Returns the bytes of the body. */
function send(response: ServerResponse, reply: AdminReply): number {
  const body = Buffer.from(reply.body)
  response.writeHead(reply.status ?? 200, {
    'content-type': reply.contentType ?? 'text/plain; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-cache, max-age=0',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  })
  response.end(body)
  return body.length
}
