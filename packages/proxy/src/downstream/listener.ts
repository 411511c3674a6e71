import type { CircuitBreakerConfig, ListenerConfig } from '@meltemi/api/model'
import type { GroupedRegistry, HeldMetrics } from '@meltemi/runtime'
import type { ListeningSocket, Socket, SocketHandler } from '../net/network.ts'
import { FAILURES, failure } from '../observe/failure-table.ts'
import type { ThreadContext } from '../upstream/context.ts'
import { LimitKind, type Limits } from '../upstream/limits.ts'
import { DownstreamConnection } from './connection.ts'
import { EarlyClient } from './early-client.ts'
import type { ListenerService } from './listener-service.ts'
import { type ListenerStats, listenerStats } from './listener-stats.ts'
import { OldServices } from './old-services.ts'
import { ProxyHeaderReader } from './proxy-header-reader.ts'
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
  /** Accepted, but without their PROXY header yet. */
  readonly #unnamed = new Set<ProxyHeaderReader>()
  readonly #early = new Set<EarlyClient>()
  readonly #old: OldServices
  #config: ListenerConfig
  #service: ListenerService
  #socket: ListeningSocket | null = null
  #isOpen = false
  #isDraining = false

  constructor(parts: ListenerParts) {
    const { host, port } = parts.config.address
    this.#parts = parts
    this.#config = parts.config
    this.#service = parts.service
    this.#metrics = parts.metrics.hold(`listener.${host}_${port}`)
    this.#stats = listenerStats(this.#metrics, parts.config.address)
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

  /** Rejects when the address cannot be had. Clients wait until `open`. */
  async listen(reusePort: boolean): Promise<void> {
    const { host, port } = this.config.address
    if (this.#isDraining) return
    this.#socket = await this.#parts.thread.network.listen({ host, port, reusePort }, (socket) => this.#accept(socket))
    // told to drain meanwhile
    if (this.#isDraining) await this.#socket.close()
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
    this.#config = config
    this.#service = service
    this.#parts.limits.setMaxima(listenerMaxima(config))
    if (service === old) return
    let count = 0
    for (const connection of this.#connections) if (connection.listener === old.context) count++
    this.#old.add(old, count)
  }

  /** No new connections; those that are here finish. */
  async drain(): Promise<void> {
    const closed = this.#isDraining ? undefined : this.#socket?.close()
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

  /** Closes the connection that holds the most memory; false when none holds any. */
  closeLargest(): boolean {
    let largest: Connection | null = null
    for (const connection of this.#connections) {
      if (connection.bufferedBytes > (largest?.bufferedBytes ?? 0)) largest = connection
    }
    if (largest === null) return false
    this.#stats.overloadClosed.add(1)
    if (largest instanceof DownstreamConnection) largest.close(failure(FAILURES.overloadClosed, ''))
    else largest.close()
    return true
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
    if (!this.config.proxyProtocol) return this.#connect(socket, undefined)
    const reader = new ProxyHeaderReader(socket, this.#parts.thread.timers, {
      onHeader: (properties) => {
        this.#unnamed.delete(reader)
        return this.#connect(socket, properties)
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
