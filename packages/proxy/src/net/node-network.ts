import { lookup } from 'node:dns/promises'
import net from 'node:net'
import { queryDns } from './dns-query.ts'
import type { ListeningSocket, ListenOptions, Network, Socket, SocketHandler } from './network.ts'

/** A peer that takes nothing must not keep the socket, and what is written to it, for ever. */
const STUCK_MS = 15_000
/** How long after the end of writing the peer may take to finish as well. */
const LINGER_MS = 5_000

/** A peer that vanished without a word is noticed after this and ten probes, even where no timeout is configured. */
const KEEP_ALIVE_MS = 60_000

/** The machine's own sockets. */
export const nodeNetwork: Network = {
  connect(host, port, handler) {
    const socket = new net.Socket({ allowHalfOpen: true })
    const wrapped = new NodeSocket(socket, handler)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.connect({ host, port })
    return wrapped
  },

  listen(options, accept) {
    return new Promise((resolve, reject) => {
      const server = net.createServer({
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_MS,
      })
      server.on('connection', (socket) => {
        const wrapped = new NodeSocket(socket, undefined)
        wrapped.handler = accept(wrapped)
      })
      server.once('error', reject)
      server.listen({ ...listenArguments(options) }, () => {
        server.removeListener('error', reject)
        // an accept that fails (EMFILE) concerns one connection, which the kernel keeps for the next try
        server.on('error', () => {})
        resolve(new NodeListeningSocket(server, options.host))
      })
    })
  },

  async resolve(host, family) {
    const found = await lookup(host, { all: true, family })
    return found.map((entry) => entry.address)
  },

  async query(host, question) {
    try {
      return await queryDns(host, question)
    } catch (error: unknown) {
      if (question.servers.length > 0 || question.signal.aborted) throw error
      const found = await lookup(host, { all: true, family: question.family })
      return { found: found.map(({ address }) => ({ address, ttlMs: 0 })), unknown: undefined }
    }
  },
}

function listenArguments(options: ListenOptions): net.ListenOptions {
  return { host: options.host, port: options.port, reusePort: options.reusePort, exclusive: true, backlog: 4096 }
}

class NodeListeningSocket implements ListeningSocket {
  readonly host: string
  readonly port: number
  readonly #server: net.Server

  constructor(server: net.Server, host: string) {
    this.#server = server
    this.host = host
    this.port = (server.address() as net.AddressInfo).port
  }

  close(): Promise<void> {
    // resolves at once: the callback of close() would wait for the accepted sockets as well
    this.#server.close()
    return Promise.resolve()
  }
}

/** Bound methods live on the handler; listeners here are shared functions, so that an idle connection stays small. */
class NodeSocket implements Socket {
  handler: SocketHandler | undefined
  /** What comes is of no interest any more. */
  isLeaving = false
  readonly #socket: net.Socket
  #error: Error | undefined

  constructor(socket: net.Socket, handler: SocketHandler | undefined) {
    this.#socket = socket
    this.handler = handler
    const owned = socket as OwnedSocket
    owned[OWNER] = this
    socket.on('data', onData)
    socket.on('end', onEnd)
    socket.on('drain', onDrain)
    socket.on('error', onError)
    socket.on('close', onClose)
    if (handler !== undefined) socket.on('connect', onConnect)
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? ''
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0
  }

  get localAddress(): string {
    return this.#socket.localAddress ?? ''
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  write(parts: readonly Buffer[]): boolean {
    const socket = this.#socket
    if (!socket.writable) return true
    if (parts.length === 1) return socket.write(parts[0] as Buffer)
    socket.cork()
    let room = true
    for (let i = 0; i < parts.length; i++) room = socket.write(parts[i] as Buffer)
    socket.uncork()
    return room || socket.writableLength === 0
  }

  end(): void {
    this.#socket.end()
  }

  destroySoon(): void {
    const socket = this.#socket
    this.isLeaving = true
    socket.pause()
    socket.setTimeout(STUCK_MS, onStuck)
    socket.end()
    if (socket.writableFinished) linger(socket)
    else socket.once('finish', onFinish)
  }

  destroy(reset = false): void {
    if (reset) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  failed(error: Error): void {
    this.#error = error
  }

  closed(): void {
    this.handler?.onClose(this.#error)
  }
}

const OWNER = Symbol('owner')
type OwnedSocket = net.Socket & { [OWNER]?: NodeSocket }

function ownerOf(socket: net.Socket): NodeSocket {
  return (socket as OwnedSocket)[OWNER] as NodeSocket
}

function onConnect(this: net.Socket): void {
  ownerOf(this).handler?.onConnect()
}

function onData(this: net.Socket, chunk: Buffer): void {
  const owner = ownerOf(this)
  if (!owner.isLeaving) owner.handler?.onData(chunk)
}

function onEnd(this: net.Socket): void {
  const owner = ownerOf(this)
  if (!owner.isLeaving) owner.handler?.onEnd()
}

function onDrain(this: net.Socket): void {
  ownerOf(this).handler?.onDrain()
}

function onError(this: net.Socket, error: Error): void {
  ownerOf(this).failed(error)
}

function onStuck(this: net.Socket): void {
  this.destroy()
}

function onFinish(this: net.Socket): void {
  linger(this)
}

/**
 * Closing a socket with unread bytes resets the connection, and what the kernel has not delivered yet is lost. So what
 * still comes is read and thrown away, until the peer finishes: then the socket closes by itself.
 */
function linger(socket: net.Socket): void {
  socket.setTimeout(0)
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  timer.unref()
  socket.once('close', () => clearTimeout(timer))
  socket.resume()
}

function onClose(this: net.Socket): void {
  ownerOf(this).closed()
}
