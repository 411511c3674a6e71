/** A client that sends any bytes, and reads replies with a codec. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { ByteWriter, type CodecDefinition, type MessageId, Metadata, Mutation } from '@meltemi/sdk'
import { MessageReader } from '@meltemi/sdk/testing'

export interface RawClientOptions {
  readonly port: number
  readonly codec: CodecDefinition
  /** The codec's options. */
  readonly config?: unknown
  readonly host?: string
  /** Where it connects from, another address of this machine for example. */
  readonly localAddress?: string
  /** Goes on sending when the service has finished writing; else the client finishes too. */
  readonly allowHalfOpen?: boolean
  /** How long `request`, `next` and the others wait; 5 s if not said. */
  readonly timeoutMs?: number
  /** Over TLS. */
  readonly tls?: ConnectionOptions
}

interface Waiter {
  /** The id of the reply; undefined takes any. */
  readonly id: MessageId | undefined
  resolve(message: Metadata): void
  reject(error: Error): void
}

export class RawClient implements AsyncDisposable {
  readonly socket: Socket
  /** All messages, as they came. */
  readonly received: Metadata[] = []
  readonly #options: RawClientOptions
  readonly #reader: MessageReader
  readonly #unclaimed: Metadata[] = []
  readonly #closed = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<void>()
  #waiters: Waiter[] = []
  #failure: Error | undefined

  constructor(socket: Socket, options: RawClientOptions) {
    this.socket = socket
    this.#options = options
    this.#reader = new MessageReader(options.codec.create('upstream', options.config), 'upstream')
    socket.on('data', (chunk) => this.#onData(chunk as Buffer))
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#onClose())
  }

  get isClosed(): boolean {
    return this.socket.destroyed
  }

  /** Bytes received that are no whole message yet. */
  get pendingBytes(): number {
    return this.#reader.buffer.length
  }

  /** Sends bytes as they are, or a message as the codec encodes it. */
  send(message: Uint8Array | Metadata): void {
    if (!(message instanceof Metadata)) {
      this.socket.write(message)
      return
    }
    const { codec, config } = this.#options
    const out = new ByteWriter()
    codec.create('downstream', config).encode(message, Mutation.none, out)
    for (const part of out.flush()) this.socket.write(part)
  }

  /** Sends one request and resolves with its reply: the one with its id, or the next one where there are no ids. */
  request(message: Buffer | Metadata): Promise<Metadata> {
    const id = this.#options.codec.correlation === 'order' ? undefined : this.#idOf(message)
    const reply = this.#wait(id, 'the reply')
    this.send(message)
    return reply
  }

  /** The next message that no `request` waits for. */
  next(): Promise<Metadata> {
    const message = this.#unclaimed.shift()
    return message ? Promise.resolve(message) : this.#wait(undefined, 'a message')
  }

  /** The next so many messages. */
  async take(count: number): Promise<Metadata[]> {
    const messages: Metadata[] = []
    while (messages.length < count) messages.push(await this.next())
    return messages
  }

  /** Finishes writing (FIN); replies still come. */
  end(): void {
    this.socket.end()
  }

  /** Resolves when the other side has finished writing. */
  ended(): Promise<void> {
    return this.#limit(this.#ended.promise, 'the end')
  }

  /** Resolves when the connection is closed, by whomever. */
  closed(): Promise<void> {
    return this.#limit(this.#closed.promise, 'the close')
  }

  /** Closes at once. */
  close(): Promise<void> {
    this.socket.destroy()
    return this.#closed.promise
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #idOf(message: Buffer | Metadata): MessageId {
    if (message instanceof Metadata) return message.requestId
    const { codec, config } = this.#options
    const [request] = new MessageReader(codec.create('downstream', config), 'downstream').push(message)
    if (!request) throw new TypeError('request() wants one whole message; use send() for other bytes')
    return request.requestId
  }

  #wait(id: MessageId | undefined, what: string): Promise<Metadata> {
    if (this.#failure) return Promise.reject(this.#failure)
    const { promise, resolve, reject } = Promise.withResolvers<Metadata>()
    const waiter: Waiter = { id, resolve, reject }
    this.#waiters.push(waiter)
    return this.#limit(promise, id === undefined ? what : `${what} to ${id}`).finally(() => this.#drop(waiter))
  }

  async #limit<T>(promise: Promise<T>, what: string): Promise<T> {
    const { timeoutMs = 5000 } = this.#options
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error(`waited ${timeoutMs} ms for ${what}`)), timeoutMs)
    try {
      return await Promise.race([promise, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  #drop(waiter: Waiter): void {
    this.#waiters = this.#waiters.filter((other) => other !== waiter)
  }

  #onData(chunk: Buffer): void {
    try {
      for (const message of this.#reader.push(chunk)) this.#onMessage(message)
    } catch (error: unknown) {
      this.#fail(error as Error)
      this.socket.destroy()
    }
  }

  #onMessage(message: Metadata): void {
    this.received.push(message)
    const hasId = (waiter: Waiter) => waiter.id === message.requestId
    const waiter = this.#waiters.find(hasId) ?? this.#waiters.find(({ id }) => id === undefined)
    if (!waiter) {
      this.#unclaimed.push(message)
      return
    }
    this.#drop(waiter)
    waiter.resolve(message)
  }

  #onEnd(): void {
    this.#fail(new Error('the connection was closed by the service'))
    this.#ended.resolve()
  }

  #onClose(): void {
    this.#fail(new Error('the connection was closed'))
    this.#ended.resolve()
    this.#closed.resolve()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure)
  }
}

/** Connects, and resolves when the connection is made. */
export async function connectClient(options: RawClientOptions): Promise<RawClient> {
  const { port, host = '127.0.0.1', localAddress, allowHalfOpen = false } = options
  const from = localAddress === undefined ? {} : { localAddress }
  const { tls } = options
  const socket =
    tls === undefined
      ? connect({ port, host, allowHalfOpen, noDelay: true, ...from })
      : connectTls({ ...tls, port, host })
  await once(socket, tls === undefined ? 'connect' : 'secureConnect')
  return new RawClient(socket, options)
}
