/** gRPC services that proxies ask, on real HTTP/2 connections: what they say is up to the test. */

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Authorization, type CheckRequest, type CheckResponseInit } from '@meltemi/api/ext-authz'
import {
  type RateLimitRequest,
  RateLimitResponse_Code,
  type RateLimitResponseInit,
  RateLimitService,
} from '@meltemi/api/rate-limit'
import { type GrpcServer, type GrpcService, grpcService, startGrpcServer } from '@meltemi/runtime/grpc'
import { freePort } from './free-port.ts'
import { resetSocket } from './reset-socket.ts'

type Reply<T> = T | Uint8Array

/** A service behind a relay, whose connections can be counted and cut. */
export class GrpcPeer<Request> implements AsyncDisposable {
  /** Where clients connect; stays the same over `down` and `up`. */
  readonly port: number
  readonly requests: Request[] = []
  /** Ever accepted. */
  connections = 0
  readonly #service: GrpcService
  readonly #open = new Set<Socket>()
  #server: GrpcServer
  #relay = createServer()
  #isStalled = false

  constructor(service: GrpcService, server: GrpcServer, port: number) {
    this.#service = service
    this.#server = server
    this.port = port
  }

  get openConnections(): number {
    return this.#open.size
  }

  /** For handlers. */
  note(request: Request): void {
    this.requests.push(request)
  }

  /** Resolves when so many requests have come in all. */
  async arrived(count: number, timeoutMs = 5_000): Promise<void> {
    const endMs = performance.now() + timeoutMs
    while (this.requests.length < count) {
      if (performance.now() > endMs) throw new Error(`${this.requests.length} requests came, not ${count}`)
      await new Promise<void>((resolve) => setTimeout(resolve, 2))
    }
  }

  /** Begins to listen. */
  async up(): Promise<void> {
    this.#relay = createServer((client) => this.#accept(client))
    this.#relay.listen(this.port, '127.0.0.1')
    await once(this.#relay, 'listening')
  }

  /** Cuts all connections, and refuses new ones. */
  async down(): Promise<void> {
    if (!this.#relay.listening) return
    const closed = once(this.#relay, 'close')
    this.#relay.close()
    for (const socket of this.#open) resetSocket(socket)
    await closed
  }

  /** Takes nothing and says nothing, on connections that stay, as a process that is stopped; false: it goes on. */
  stall(isStalled: boolean): void {
    this.#isStalled = isStalled
    for (const socket of this.#open) this.#apply(socket)
  }

  /** Another process in its place: nothing of the connections before goes on. */
  async restart(): Promise<void> {
    await this.down()
    await this.#server.close(0)
    this.#server = await startGrpcServer({ host: '127.0.0.1', port: 0, services: [this.#service] })
    await this.up()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
    await this.#server.close(0)
  }

  #accept(client: Socket): void {
    this.connections++
    this.#open.add(client)
    const service = connect(this.#server.port, '127.0.0.1')
    for (const [one, other] of [
      [client, service],
      [service, client],
    ] as const) {
      one.on('error', () => {})
      one.once('close', () => other.destroy())
      one.setNoDelay()
      one.pipe(other)
    }
    client.once('close', () => this.#open.delete(client))
    this.#apply(client)
  }

  #apply(client: Socket): void {
    if (this.#isStalled) client.pause()
    else client.resume()
  }
}

async function startPeer<Request>(make: (note: (request: Request) => void) => GrpcService): Promise<GrpcPeer<Request>> {
  let peer: GrpcPeer<Request> | undefined
  const service = make((request) => peer?.note(request))
  const server = await startGrpcServer({ host: '127.0.0.1', port: 0, services: [service] })
  peer = new GrpcPeer(service, server, await freePort())
  await peer.up()
  return peer
}

export type LimitHandler = (
  request: RateLimitRequest,
) => Reply<RateLimitResponseInit> | Promise<Reply<RateLimitResponseInit>>

export const LIMIT_OK: RateLimitResponseInit = { overallCode: RateLimitResponse_Code.OK }
export const OVER_LIMIT: RateLimitResponseInit = { overallCode: RateLimitResponse_Code.OVER_LIMIT }

export function startLimitService(handler: LimitHandler = () => LIMIT_OK): Promise<GrpcPeer<RateLimitRequest>> {
  return startPeer<RateLimitRequest>((note) =>
    grpcService(RateLimitService, {
      shouldRateLimit(request) {
        note(request)
        return handler(request)
      },
    }),
  )
}

export type AuthzHandler = (request: CheckRequest) => Reply<CheckResponseInit> | Promise<Reply<CheckResponseInit>>

export function startAuthzService(handler: AuthzHandler): Promise<GrpcPeer<CheckRequest>> {
  return startPeer<CheckRequest>((note) =>
    grpcService(Authorization, {
      check(request) {
        note(request)
        return handler(request)
      },
    }),
  )
}
