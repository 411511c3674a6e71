/**
 * The smallest thing that uses the codec between real peers: one upstream connection per client, other ids on it, and
 * every chunk passed on byte by byte where asked for.
 */

import { once } from 'node:events'
import net from 'node:net'
import { thrift } from '@meltemi/codecs/thrift'
import {
  ByteWriter,
  type Codec,
  DecodeStatus,
  type Failure,
  type MessageId,
  MessageType,
  Metadata,
  Mutation,
  ReceiveBuffer,
} from '@meltemi/sdk'

export interface RelayOptions {
  readonly upstreamPort?: number
  /** Answers every request itself. */
  readonly failure?: Failure
  /** Lets the codec see one byte more at a time. */
  readonly drips?: boolean
}

export class Relay implements AsyncDisposable {
  /** The requests that passed, as `dialect|service|method|color`. */
  readonly seen = new Set<string>()
  readonly #options: RelayOptions
  readonly #server = net.createServer((client) => this.#accept(client))
  readonly #sockets = new Set<net.Socket>()

  private constructor(options: RelayOptions) {
    this.#options = options
  }

  static async start(options: RelayOptions): Promise<Relay> {
    const relay = new Relay(options)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: net.Socket): void {
    const { upstreamPort, failure } = this.#options
    const downstream = thrift.create('downstream', undefined)
    const ids = new Map<MessageId, MessageId>()
    const service = upstreamPort === undefined ? undefined : net.connect(upstreamPort, '127.0.0.1')
    // long ids, so that compact ones change their width, and never those of the client
    let nextId = 0x7fff0000
    this.#read(client, downstream, MessageType.Request, (request, out) => {
      this.#note(request)
      if (failure !== undefined) downstream.onError(request, failure, out)
      ids.set(nextId, request.requestId)
      request.requestId = nextId++
      if (service !== undefined) send(downstream, request, service)
    })
    if (service === undefined) return
    const upstream = thrift.create('upstream', undefined)
    this.#read(service, upstream, MessageType.Response, (reply) => {
      reply.requestId = ids.get(reply.requestId)!
      send(upstream, reply, client)
    })
    client.on('close', () => service.destroy())
    service.on('close', () => client.destroy())
  }

  #read(socket: net.Socket, codec: Codec, type: MessageType, onMessage: (m: Metadata, out: ByteWriter) => void): void {
    const buffer = new ReceiveBuffer()
    const step = this.#options.drips ? 1 : Number.POSITIVE_INFINITY
    this.#sockets.add(socket.setNoDelay())
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      for (let from = 0; from < chunk.length; from += step) {
        buffer.append(chunk.subarray(from, from + step))
        for (let metadata = new Metadata(type); buffer.isReady; metadata = new Metadata(type)) {
          if (codec.decode(buffer, metadata) === DecodeStatus.WaitForData) break
          const out = new ByteWriter()
          onMessage(metadata, out)
          for (const part of out.flush()) socket.write(part)
        }
      }
    })
  }

  #note(request: Metadata): void {
    const facts = [thrift.dialect?.(request), request.get('service'), request.get('method'), request.get('color')]
    this.seen.add(facts.join('|'))
  }
}

/** Both ways in which the proxy writes an id: into a copy where its place is fixed, else by `encode`. */
function send(codec: Codec, metadata: Metadata, socket: net.Socket): void {
  const copy = Buffer.from(metadata.message)
  if (codec.patchIds?.(copy, 0, metadata.requestId, 0)) {
    socket.write(copy)
    return
  }
  const out = new ByteWriter()
  codec.encode(metadata, Mutation.none, out)
  for (const part of out.flush()) socket.write(part)
}
