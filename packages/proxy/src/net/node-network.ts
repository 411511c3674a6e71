import { lookup } from 'node:dns/promises'
import net from 'node:net'
import { type ConnectionOptions, connect as connectTls, TLSSocket } from 'node:tls'
import { UNIX } from '../util/format-address.ts'
import { queryDns } from './dns-query.ts'
import { LargeReads } from './large-reads.ts'
import type { ListeningSocket, ListenOptions, Network, Socket, SocketHandler, TlsHandshake } from './network.ts'

/** A peer that takes nothing must not keep the socket, and what is written to it, for ever. */
const STUCK_MS = 15_000
/** How long after the end of writing the peer may take to finish as well. */
const LINGER_MS = 5_000

/** A peer that vanished without a word is noticed after this and ten probes, even where no timeout is configured. */
const KEEP_ALIVE_MS = 60_000

/** Smaller ones are neither much garbage nor much work. */
const LARGE_CHUNK_BYTES = 32 * 1024

/** Many clients share few connections to services: each kind has turns of its own. */
const [accepted, connected] = [new LargeReads(), new LargeReads()]

/** Told to close soon, and not closed yet. */
const leaving = new Set<net.Socket>()

/** The machine's own sockets. */
export const nodeNetwork: Network = {
  get leaving() {
    return leaving.size
  },

  connect(host, port, handler) {
    const socket = new net.Socket({ allowHalfOpen: true })
    const wrapped = new NodeSocket(socket, connected, handler)
    if (host.startsWith(UNIX)) socket.connect({ path: host.slice(UNIX.length) })
    else {
      socket.setNoDelay(true)
      socket.setKeepAlive(true, KEEP_ALIVE_MS)
      socket.connect({ host, port })
    }
    return wrapped
  },

  async listen(options, accept) {
    const { fds = [] } = options
    const where =
      fds.length === 0 ? [listenArguments(options)] : fds.map((fd): net.ListenOptions & { fd: number } => ({ fd }))
    const opened = await Promise.allSettled(where.map((each) => open(each, accept)))
    const servers = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    const failed = opened.find((each) => each.status === 'rejected')
    if (failed === undefined) return new NodeListeningSocket(servers, options.host)
    for (const server of servers) server.close()
    throw failed.reason
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

function open(where: net.ListenOptions, accept: (socket: Socket) => SocketHandler): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    })
    server.on('connection', (socket) => {
      const wrapped = new NodeSocket(socket, accepted, undefined)
      wrapped.handler = accept(wrapped)
    })
    server.once('error', reject)
    server.listen(where, () => {
      server.removeListener('error', reject)
      // an accept that fails (EMFILE) concerns one connection, which the kernel keeps for the next try
      server.on('error', () => {})
      resolve(server)
    })
  })
}

function listenArguments(options: ListenOptions): net.ListenOptions {
  return { host: options.host, port: options.port, reusePort: options.reusePort, exclusive: true, backlog: 4096 }
}

class NodeListeningSocket implements ListeningSocket {
  readonly host: string
  readonly port: number
  readonly #servers: readonly net.Server[]

  /** At least one server, all of the same address. */
  constructor(servers: readonly net.Server[], host: string) {
    this.#servers = servers
    this.host = host
    this.port = ((servers[0] as net.Server).address() as net.AddressInfo).port
  }

  get fds(): readonly number[] {
    return this.#servers.flatMap((server) => {
      // Node has no other word for it
      const fd = (server as { _handle?: { fd?: number } })._handle?.fd
      return fd === undefined || fd < 0 ? [] : [fd]
    })
  }

  close(): Promise<void> {
    // resolves at once: the callback of close() would wait for the accepted sockets as well
    for (const server of this.#servers) server.close()
    return Promise.resolve()
  }
}

/** Bound methods live on the handler; listeners here are shared functions, so that an idle connection stays small. */
class NodeSocket implements Socket {
  handler: SocketHandler | undefined
  /** What comes is of no interest any more. */
  isLeaving = false
  readonly reads: LargeReads
  #isPaused = false
  #waitsForTurn = false
  #socket: net.Socket
  #raw: net.Socket
  #handshake: TlsHandshake | undefined
  #error: Error | undefined

  constructor(socket: net.Socket, reads: LargeReads, handler: SocketHandler | undefined) {
    this.reads = reads
    this.#socket = socket
    this.#raw = socket
    this.handler = handler
    this.#listen(socket)
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
    if (!socket.destroyed) leaving.add(socket)
    this.pause()
    socket.setTimeout(STUCK_MS, onStuck)
    socket.end()
    if (socket.writableFinished) linger(socket)
    else socket.once('finish', onFinish)
  }

  destroy(reset = false): void {
    this.isLeaving = true
    // what was read ahead is freed now
    if (this.#socket.readableLength >= LARGE_CHUNK_BYTES) this.#socket.read()
    // what it is ending Node cannot reset: it would keep the socket for ever
    const canReset = reset && !this.#raw.writableEnded
    if (canReset) this.#raw.resetAndDestroy()
    if (!canReset || this.#raw !== this.#socket) this.#socket.destroy()
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (!this.#waitsForTurn) this.#socket.resume()
  }

  /** Reads on with `onTurn`. */
  waitForTurn(): void {
    this.#waitsForTurn = true
    this.#socket.pause()
  }

  onTurn(): void {
    this.#waitsForTurn = false
    if (!this.#isPaused) this.#socket.resume()
  }

  startTls(handshake: TlsHandshake, received?: Buffer): void {
    const raw = this.#raw
    this.#handshake = handshake
    for (const [event, listener] of LISTENERS) raw.removeListener(event, listener)
    raw.pause()
    if (received !== undefined && received.length > 0) raw.unshift(received)
    const socket = handshake.side === 'server' ? acceptTls(raw, handshake) : beginTls(raw, handshake)
    this.#socket = socket
    this.#listen(socket)
    socket.on('_tlsError', onTlsError)
    socket.once(handshake.side === 'server' ? 'secure' : 'secureConnect', onSecure)
    if (handshake.onSession !== undefined) socket.on('session', onSession)
  }

  secure(): void {
    const handshake = this.#handshake
    const next = handshake?.onSecure(this.#socket as TLSSocket)
    if (next === undefined) this.#socket.destroy()
    else this.handler = next
  }

  session(session: Buffer): void {
    this.#handshake?.onSession?.(session)
  }

  #listen(socket: net.Socket): void {
    const owned = socket as OwnedSocket
    owned[OWNER] = this
    for (const [event, listener] of LISTENERS) socket.on(event, listener)
  }

  /** Frees a large one now: for V8 these are many bytes, for which it would look at its whole heap again and again. */
  forget(chunk: Buffer): void {
    if (chunk.length < LARGE_CHUNK_BYTES) return
    const { buffer } = chunk
    if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.length) buffer.transferToFixedLength(0)
  }

  failed(error: Error): void {
    this.#error = error
  }

  closed(): void {
    if (this.#waitsForTurn) this.reads.forget(this)
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
  if (chunk.length >= LARGE_CHUNK_BYTES) owner.reads.onRead(owner, chunk.length)
  if (owner.isLeaving) owner.forget(chunk)
  else owner.handler?.onData(chunk)
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

/** A server's socket is told of its errors by this event alone. */
function onTlsError(this: net.Socket, error: Error): void {
  ownerOf(this).failed(error)
  this.destroy()
}

function onSecure(this: net.Socket): void {
  ownerOf(this).secure()
}

function onSession(this: net.Socket, session: Buffer): void {
  ownerOf(this).session(session)
}

function acceptTls(raw: net.Socket, { options }: TlsHandshake): TLSSocket {
  return new TLSSocket(raw, { ...options, isServer: true })
}

function beginTls(raw: net.Socket, { options }: TlsHandshake): TLSSocket {
  return connectTls({ ...(options as ConnectionOptions), socket: raw })
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
  ownerOf(socket).resume()
}

function onClose(this: net.Socket): void {
  leaving.delete(this)
  ownerOf(this).closed()
}

// biome-ignore lint/suspicious/noExplicitAny: each event has its own arguments
type Listener = (this: net.Socket, ...args: any[]) => void

/** On every socket, and on the one that TLS puts in its place. */
const LISTENERS: readonly (readonly [event: string, listener: Listener])[] = [
  ['data', onData],
  ['end', onEnd],
  ['drain', onDrain],
  ['error', onError],
  ['close', onClose],
]
