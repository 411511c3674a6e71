/** A service that understands a codec and answers each request as a handler says. */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import type { CodecDefinition, Metadata } from '@meltemi/sdk'
import { type Answer, answerOf } from './answers.ts'
import { echo } from './behaviours.ts'
import { EchoConnection } from './echo-connection.ts'

/** Called once per message. An exception in it fails `close`. */
export type Handler = (request: Metadata, connection: EchoConnection) => void | Promise<void>

export interface EchoServerOptions {
  readonly codec: CodecDefinition
  /** The codec's options. */
  readonly config?: unknown
  /** See `behaviours.ts`; if not said every request is answered at once. */
  readonly handler?: Handler
  /** What the honest reply is, for codecs that `answers.ts` does not know. */
  readonly answer?: Answer
  /** Sent on every new connection before anything else. */
  readonly greeting?: Buffer
  /** Destroys every connection when so many of its bytes have come, in the middle of a request for example. */
  readonly closeAfterBytes?: number
  readonly host?: string
  readonly port?: number
  /** How many connections may wait to be accepted. */
  readonly backlog?: number
  /** Over TLS. */
  readonly tls?: TlsOptions
}

export class EchoServer implements AsyncDisposable {
  readonly host: string
  readonly port: number
  /** All messages of all connections, as they came. */
  readonly received: Metadata[] = []
  /** All connections ever accepted, also closed ones. */
  readonly connections: EchoConnection[] = []
  /** How many were open at once, at most: as the kernel has it, without those that their client has ended. */
  mostOpen = 0
  /** What clients sent that was not this protocol. */
  readonly problems: unknown[] = []
  readonly handlerErrors: unknown[] = []
  readonly #stop: () => Promise<void>
  #waiting: { isMet: () => boolean; resolve: () => void }[] = []

  constructor(address: AddressInfo, stop: () => Promise<void>) {
    this.host = address.address
    this.port = address.port
    this.#stop = stop
  }

  get openConnections(): EchoConnection[] {
    return this.connections.filter(({ isOpen }) => isOpen)
  }

  /** Resolves when so many messages have come in all. */
  arrived(count: number): Promise<void> {
    return this.until(() => this.received.length >= count, `${count} messages`)
  }

  /** Resolves when so many connections have been accepted in all. */
  accepted(count: number): Promise<void> {
    return this.until(() => this.connections.length >= count, `${count} connections`)
  }

  /** Resolves when so many connections are open. */
  open(count: number): Promise<void> {
    return this.until(() => this.openConnections.length === count, `${count} open connections`)
  }

  /** Resolves when the condition holds after a message came or a connection was opened or closed. */
  until(isMet: () => boolean, what: string, timeoutMs = 5000): Promise<void> {
    if (isMet()) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const state = () => `${this.received.length} messages, ${this.openConnections.length} open connections`
    const timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for ${what}, have ${state()}`)), timeoutMs)
    this.#waiting.push({ isMet, resolve })
    return promise.finally(() => clearTimeout(timer))
  }

  /** For `mostOpen`. */
  countOpen(): void {
    const open = this.openConnections.filter(({ hasPeerEnded }) => !hasPeerEnded)
    this.mostOpen = Math.max(this.mostOpen, open.length)
  }

  /** For the connections: something has happened that somebody may wait for. */
  changed(): void {
    const met = this.#waiting.filter(({ isMet }) => isMet())
    this.#waiting = this.#waiting.filter((waiting) => !met.includes(waiting))
    for (const { resolve } of met) resolve()
  }

  /** Stops listening and destroys all connections; rejects with what a handler threw. */
  async close(): Promise<void> {
    await this.#stop()
    if (this.handlerErrors.length > 0) throw this.handlerErrors[0]
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Listens on a free port of loopback, if not told otherwise. */
export async function startEchoServer(options: EchoServerOptions): Promise<EchoServer> {
  const { codec, host = '127.0.0.1', port = 0, handler = echo, answer = answerOf(codec.name) } = options
  const accept = (socket: Socket) => {
    const connection = new EchoConnection(socket, { ...options, handler, answer }, echoServer)
    echoServer.connections.push(connection)
    // a loaded machine reports ends that came before this connection in the same turn, but after it
    setImmediate(() => echoServer.countOpen())
    echoServer.changed()
  }
  const server =
    options.tls === undefined
      ? createServer({ allowHalfOpen: true, noDelay: true }, accept)
      : createTlsServer({ ...options.tls, allowHalfOpen: true, noDelay: true }, accept)
  // those that never finish their handshake too
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.listen({ port, host, ...(options.backlog === undefined ? {} : { backlog: options.backlog }) })
  await once(server, 'listening')
  const echoServer = new EchoServer(server.address() as AddressInfo, async () => {
    const closed = server.listening ? once(server, 'close') : Promise.resolve()
    server.close()
    for (const connection of echoServer.connections) connection.destroy()
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return echoServer
}
