import type { Socket } from 'node:net'
import { ByteWriter, type Codec, type CodecDefinition, type MessageId, type Metadata, Mutation } from '@meltemi/sdk'
import { MessageReader } from '@meltemi/sdk/testing'
import type { Answer } from './answers.ts'
import type { EchoServer, Handler } from './echo-server.ts'
import { resetSocket } from './reset-socket.ts'

export interface EchoConnectionOptions {
  readonly codec: CodecDefinition
  readonly config?: unknown
  readonly handler: Handler
  readonly answer: Answer
  readonly greeting?: Buffer
  readonly closeAfterBytes?: number
}

/** One accepted connection: what a handler answers through. */
export class EchoConnection {
  /** The messages of this connection, as they came. */
  readonly received: Metadata[] = []
  readonly socket: Socket
  readonly #options: EchoConnectionOptions
  readonly #server: EchoServer
  readonly #codec: Codec
  readonly #reader: MessageReader
  #bytesReceived = 0
  #running = 0
  #hasPeerEnded = false

  constructor(socket: Socket, options: EchoConnectionOptions, server: EchoServer) {
    this.socket = socket
    this.#options = options
    this.#server = server
    this.#codec = options.codec.create('downstream', options.config)
    this.#reader = new MessageReader(this.#codec, 'downstream')
    socket.on('data', (chunk) => this.#onData(chunk as Buffer))
    socket.on('end', () => this.#onEnd())
    // a reset is what many tests ask for; 'close' follows
    socket.on('error', () => {})
    socket.on('close', () => this.#server.changed())
    if (options.greeting) this.send(options.greeting)
  }

  /** Whether its client has finished writing. */
  get hasPeerEnded(): boolean {
    return this.#hasPeerEnded
  }

  get isOpen(): boolean {
    return !this.socket.destroyed
  }

  /** The honest reply to this request; undefined where none is due. */
  answerTo(request: Metadata): Buffer | undefined {
    return this.#options.answer(request)
  }

  /** Sends the honest reply, if there is one. */
  answer(request: Metadata): void {
    const bytes = this.answerTo(request)
    if (bytes) this.send(bytes)
  }

  /** Sends the honest reply with another id. */
  answerAs(request: Metadata, id: MessageId): void {
    const bytes = this.answerTo(request)
    if (!bytes) return
    const [reply] = new MessageReader(this.#create('upstream'), 'upstream').push(bytes)
    if (!reply) throw new Error('the answer is not a whole message')
    reply.requestId = id
    const out = new ByteWriter()
    this.#create('upstream').encode(reply, Mutation.none, out)
    for (const part of out.flush()) this.send(part)
  }

  send(bytes: Uint8Array): void {
    if (this.socket.writable) this.socket.write(bytes)
  }

  /** Resolves when these bytes are handed to the kernel. */
  async sent(bytes: Uint8Array): Promise<void> {
    if (!this.socket.writable) return
    await new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()))
  }

  /** Finishes writing (FIN); reading goes on. */
  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** Ends both directions with RST. */
  reset(): void {
    resetSocket(this.socket)
  }

  #create(side: 'downstream' | 'upstream'): Codec {
    return this.#options.codec.create(side, this.#options.config)
  }

  #onData(chunk: Buffer): void {
    this.#bytesReceived += chunk.length
    try {
      for (const request of this.#reader.push(chunk)) this.#onRequest(request)
    } catch (error: unknown) {
      this.#server.problems.push(error)
      this.destroy()
    }
    const { closeAfterBytes } = this.#options
    if (closeAfterBytes !== undefined && this.#bytesReceived >= closeAfterBytes) this.destroy()
  }

  #onRequest(request: Metadata): void {
    this.received.push(request)
    this.#server.received.push(request)
    this.#server.changed()
    this.#running++
    void this.#handle(request).finally(() => {
      this.#running--
      this.#endIfDone()
    })
  }

  async #handle(request: Metadata): Promise<void> {
    try {
      await this.#options.handler(request, this)
    } catch (error: unknown) {
      this.#server.handlerErrors.push(error)
      this.destroy()
    }
  }

  #onEnd(): void {
    this.#hasPeerEnded = true
    this.#endIfDone()
  }

  /** A client that has finished writing still gets its replies. */
  #endIfDone(): void {
    if (this.#hasPeerEnded && this.#running === 0) this.end()
  }
}
