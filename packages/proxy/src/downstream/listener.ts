import { isDeepStrictEqual } from 'node:util'
import type { CircuitBreakerConfig, ListenerConfig } from '@meltemi/api/model'
import type { GroupedRegistry, HeldMetrics } from '@meltemi/runtime'
import type { ListeningSocket, Socket, SocketHandler } from '../net/network.ts'
import { ServerTls } from '../net/tls/server-tls.ts'
import { tlsStats } from '../net/tls/tls-stats.ts'
import { FAILURES, failure } from '../observe/failure-table.ts'
import type { ThreadContext } from '../upstream/context.ts'
import { LimitKind, type Limits } from '../upstream/limits.ts'
import { DownstreamConnection } from './connection.ts'
import { EarlyClient } from './early-client.ts'
import { identifyClient } from './identify-client.ts'
import type { ListenerService } from './listener-service.ts'
import { type ListenerStats, listenerStats } from './listener-stats.ts'
import { OldServices } from './old-services.ts'
import { ProxyHeaderReader } from './proxy-header-reader.ts'
import { ServerHandshake } from './server-handshake.ts'
import { TcpConnection } from './tcp-proxy.ts'

/** Those that come before a listener is open wait for it; more than this are sent away. */
const MAX_EARLY_CLIENTS = 1024
const NO_LIMIT = 0x7fffffff

export interface ListenerParts {
  readonly config: ListenerConfig
  readonly service: ListenerService
  readonly thread: ThreadContext
  readonly metrics: GroupedRegistry
  /** Connections over all threads. */
  readonly limits: Limits
  overloadLevel(): number
}

type Properties = ReadonlyMap<string, string>
type Connection = DownstreamConnection | TcpConnection

/**
 * One address of one thread: accepts, counts, and keeps what it accepted. Its configuration may change, but for the
 * address.
 *
 *   listen ─► bound: clients wait ─ open ─► open ─ drain ─► no new clients, until the last one is gone
 */
export class Listener {
  readonly #parts: ListenerParts
  readonly #metrics: HeldMetrics
  readonly #stats: ListenerStats
  readonly #connections = new Set<Connection>()
  /** Accepted, but without their PROXY header, or in their handshake yet. */
  readonly #unnamed = new Set<ProxyHeaderReader | ServerHandshake>()
  readonly #early = new Set<EarlyClient>()
  readonly #old: OldServices
  #config: ListenerConfig
  #tls: ServerTls | undefined
  #service: ListenerService
  #socket: ListeningSocket | null = null
  #isOpen = false
  /** Its socket is closed, or will be as soon as it is there. */
  #isShut = false
  #isDraining = false

  constructor(parts: ListenerParts) {
    const { host, port } = parts.config.address
    this.#parts = parts
    this.#config = parts.config
    this.#service = parts.service
    this.#metrics = parts.metrics.hold(`listener.${host}_${port}`)
    this.#stats = listenerStats(this.#metrics, parts.config.address)
    this.#tls = this.#serverTls(parts.config)
    this.#old = new OldServices(this.#stats.cxOldCode, (service) => this.#giveBack(service))
  }

  get config(): ListenerConfig {
    return this.#config
  }

  get connectionCount(): number {
    return this.#connections.size + this.#unnamed.size + this.#early.size
  }

  /** Held by its connections. */
  get bufferedBytes(): number {
    let sum = 0
    for (const connection of this.#connections) sum += connection.bufferedBytes
    return sum
  }

  get service(): ListenerService {
    return this.#service
  }

  get port(): number {
    return this.#socket?.port ?? this.config.address.port
  }

  /** Its sockets, while it accepts; another process can take them over. */
  get fds(): readonly number[] {
    return this.#isShut ? [] : (this.#socket?.fds ?? [])
  }

  /** Rejects when the address cannot be had. Clients wait until `open`. `fds`: see ListenOptions. */
  async listen(reusePort: boolean, fds: readonly number[] = []): Promise<void> {
    const { host, port } = this.config.address
    if (this.#isShut) return
    const options = { host, port, reusePort, fds }
    this.#socket = await this.#parts.thread.network.listen(options, (socket) => this.#accept(socket))
    // told so meanwhile
    if (this.#isShut) await this.#socket.close()
  }

  open(): void {
    this.#isOpen = true
    const early = [...this.#early]
    this.#early.clear()
    for (const client of early) client.enter((socket) => this.#admit(socket))
  }

  /** New connections get this service; those that are here keep what they have, which is released with the last of them. */
  use(config: ListenerConfig, service: ListenerService): void {
    const old = this.#service
    if (!isDeepStrictEqual(config.tls, this.#config.tls)) this.#tls = this.#serverTls(config)
    this.#config = config
    this.#service = service
    this.#parts.limits.setMaxima(listenerMaxima(config))
    if (service === old) return
    let count = 0
    for (const connection of this.#connections) if (connection.listener === old.context) count++
    this.#old.add(old, count)
  }

  /**
   * Another process accepts on these very sockets from now on. Clients whose protocol has a word for it are told to go;
   * the others stay for as long as they like: whom one closes just when it asks for something has lost a request.
   */
  async handOver(): Promise<void> {
    this.#isShut = true
    for (const connection of [...this.#connections]) {
      if (connection instanceof DownstreamConnection && connection.canSayGoodbye) connection.drain()
    }
    await this.#socket?.close()
  }

  /** No new connections; those that are here finish. */
  async drain(): Promise<void> {
    const closed = this.#isShut ? undefined : this.#socket?.close()
    this.#isShut = true
    this.#isDraining = true
    for (const connection of [...this.#connections]) if (connection instanceof DownstreamConnection) connection.drain()
    for (const reader of [...this.#unnamed]) reader.close()
    for (const client of [...this.#early]) client.close()
    await closed
  }

  async stop(): Promise<void> {
    const drained = this.drain()
    for (const connection of [...this.#connections]) connection.close()
    await drained
  }

  /** After its end, when it is not to come back: gives back what it holds besides connections. */
  release(): void {
    this.#giveBack(this.#service)
    this.#metrics.release()
  }

  /** The connection that holds the most memory, if it is more than `bytes`. */
  largest(bytes: number): { readonly bytes: number; close(): void } | undefined {
    let largest: Connection | undefined
    let most = bytes
    for (const connection of this.#connections) {
      const held = connection.bufferedBytes
      if (held <= most) continue
      largest = connection
      most = held
    }
    if (largest === undefined) return undefined
    const found = largest
    return { bytes: most, close: () => this.shed(found) }
  }

  shed(connection: Connection): void {
    this.#stats.overloadClosed.add(1)
    if (connection instanceof DownstreamConnection) connection.close(failure(FAILURES.overloadClosed, ''))
    else connection.close()
  }

  onGone(connection: Connection): void {
    if (!this.#connections.delete(connection)) return
    this.#old.onGone(connection.listener)
    this.#release()
  }

  #accept(socket: Socket): SocketHandler {
    if (this.#isOpen) return this.#admit(socket)
    if (this.#early.size >= MAX_EARLY_CLIENTS) return this.#refuse(socket, this.#stats.cxOverflow)
    const client = new EarlyClient(socket, (gone) => this.#early.delete(gone))
    this.#early.add(client)
    return client
  }

  #admit(socket: Socket): SocketHandler {
    this.#stats.cxTotal.add(1)
    if (this.#isDraining || this.#parts.overloadLevel() >= 1) return this.#refuse(socket, this.#stats.cxOverloadReject)
    if (!this.#parts.limits.tryAcquire(LimitKind.Connections)) return this.#refuse(socket, this.#stats.cxOverflow)
    this.#stats.cxActive.add(1)
    if (!this.config.proxyProtocol) return this.#secure(socket, undefined, undefined)
    const reader = new ProxyHeaderReader(socket, this.#parts.thread.timers, {
      onHeader: (properties, rest) => {
        this.#unnamed.delete(reader)
        return this.#secure(socket, identifyClient(properties, this.config.identityTlv), rest)
      },
      onRefused: (reason) => {
        this.#unnamed.delete(reader)
        if (reason !== '') this.#stats.proxyProtocolError.add(1)
        this.#release()
      },
    })
    this.#unnamed.add(reader)
    return reader
  }

  /** `received`: what has come of it already. */
  #secure(socket: Socket, properties: Properties | undefined, received: Buffer | undefined): SocketHandler {
    const tls = this.#tls
    if (tls === undefined) {
      const connection = this.#connect(socket, properties)
      if (received !== undefined && received.length > 0) connection.onData(received)
      return connection
    }
    const handshake = new ServerHandshake(socket, tls, this.#parts.thread.timers, {
      onSecure: (facts) => {
        this.#unnamed.delete(handshake)
        return this.#connect(socket, properties === undefined ? facts : new Map([...properties, ...facts]))
      },
      onRefused: () => {
        this.#unnamed.delete(handshake)
        this.#release()
      },
    })
    this.#unnamed.add(handshake)
    handshake.begin(received)
    return handshake
  }

  #serverTls({ tls, address: { host, port } }: ListenerConfig): ServerTls | undefined {
    const thread = this.#parts.thread.tls
    if (tls === undefined || thread === undefined) return undefined
    return new ServerTls(tls, thread, tlsStats(this.#metrics, `listener.${host}_${port}.`, 'server'))
  }

  #connect(socket: Socket, properties: ReadonlyMap<string, string> | undefined): SocketHandler {
    const service = this.#service
    if (service.kind === 'tcp-proxy') {
      const connection = new TcpConnection(socket, service.context, this)
      this.#connections.add(connection)
      connection.start()
      return connection
    }
    try {
      const connection = new DownstreamConnection(socket, service.context, this, properties)
      this.#connections.add(connection)
      if (service.context.protocol.definition.greeting === 'server') connection.greet()
      return connection
    } catch (error: unknown) {
      // a codec that cannot be made costs this client, not the thread
      service.context.thread.onCodecException(error, service.context.protocol.definition)
      this.#release()
      socket.destroy()
      return DEAF
    }
  }

  #refuse(socket: Socket, counter: { add(n: number): void }): SocketHandler {
    counter.add(1)
    socket.destroy()
    return DEAF
  }

  #release(): void {
    this.#stats.cxActive.add(-1)
    this.#stats.cxDestroy.add(1)
    this.#parts.limits.release(LimitKind.Connections)
  }

  /** Nobody uses the service any more. Connections to services go with the last user of their protocol. */
  #giveBack(service: ListenerService): void {
    service.metrics.release()
    if (service.kind === 'tcp-proxy') return
    const { protocol } = service.context
    const current = this.#service
    const isCurrent = service !== current && current.kind === 'meta-protocol' && current.context.protocol === protocol
    if (!isCurrent && !this.#old.hasProtocol(protocol)) protocol.release()
  }
}

/** For sockets that are closed already. */
const DEAF: SocketHandler = { onConnect() {}, onData() {}, onEnd() {}, onDrain() {}, onClose() {} }

/** A listener has a limit of its connections only. */
export function listenerMaxima({ maxConnections }: ListenerConfig): CircuitBreakerConfig {
  return {
    maxConnections: maxConnections > 0 ? maxConnections : NO_LIMIT,
    maxPendingRequests: 0,
    maxRequests: 0,
    maxRetries: 0,
  }
}
