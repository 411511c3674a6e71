import type { ListenerConfig } from '@meltemi/api/model'
import type { MetricRegistry } from '@meltemi/runtime'
import type { CodecDefinition, FilterDefinition } from '@meltemi/sdk'
import type { ListeningSocket, Socket, SocketHandler } from '../net/network.ts'
import type { ThreadContext } from '../upstream/context.ts'
import { LimitKind, type Limits } from '../upstream/limits.ts'
import { DownstreamConnection } from './connection.ts'
import type { ListenerContext } from './listener-context.ts'
import { OldServices } from './old-services.ts'
import { ProxyHeaderReader } from './proxy-header-reader.ts'
import { TcpConnection, type TcpContext } from './tcp-proxy.ts'

/** What handles a listener's connections. */
export type ListenerService =
  | {
      readonly kind: 'meta-protocol'
      readonly context: ListenerContext
      /** The codec, then the filters that it was built of. */
      readonly code: ListenerCode
    }
  | { readonly kind: 'tcp-proxy'; readonly context: TcpContext }

export type ListenerCode = readonly [CodecDefinition, ...FilterDefinition[]]

export interface ListenerParts {
  readonly config: ListenerConfig
  readonly service: ListenerService
  readonly thread: ThreadContext
  readonly metrics: MetricRegistry
  /** Connections over all threads. */
  readonly limits: Limits
  overloadLevel(): number
}

type Connection = DownstreamConnection | TcpConnection

/** One port of one thread: accepts, counts, and keeps what it accepted. */
export class Listener {
  readonly config: ListenerConfig
  readonly #parts: ListenerParts
  readonly #stats: ReturnType<typeof listenerStats>
  readonly #connections = new Set<Connection>()
  /** Accepted, but without their PROXY header yet. */
  readonly #unnamed = new Set<ProxyHeaderReader>()
  readonly #old: OldServices
  #service: ListenerService
  #socket: ListeningSocket | null = null
  #isDraining = false

  constructor(parts: ListenerParts) {
    this.config = parts.config
    this.#parts = parts
    this.#service = parts.service
    this.#stats = listenerStats(parts.metrics, parts.config)
    this.#old = new OldServices(this.#stats.cxOldCode)
  }

  get connectionCount(): number {
    return this.#connections.size + this.#unnamed.size
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

  /** Rejects when the address cannot be had. */
  async listen(reusePort: boolean): Promise<void> {
    const { host, port } = this.config.address
    if (this.#isDraining) return
    this.#socket = await this.#parts.thread.network.listen({ host, port, reusePort }, (socket) => this.#accept(socket))
    // told to drain meanwhile
    if (this.#isDraining) await this.#socket.close()
  }

  /** New connections get this service; those that are here keep what they have, which is released with the last of them. */
  use(service: ListenerService): void {
    const old = this.#service
    this.#service = service
    if (old.kind !== 'meta-protocol' || service === old) return
    let count = 0
    for (const connection of this.#connections) {
      if (connection instanceof DownstreamConnection && connection.listener === old.context) count++
    }
    this.#old.add(old.context, count)
  }

  /** No new connections; those that are here finish. */
  async drain(): Promise<void> {
    this.#isDraining = true
    await this.#socket?.close()
    for (const connection of [...this.#connections]) if (connection instanceof DownstreamConnection) connection.drain()
    for (const reader of [...this.#unnamed]) reader.close()
  }

  async stop(): Promise<void> {
    await this.drain()
    for (const connection of [...this.#connections]) connection.close()
  }

  /** Closes the connection that holds the most memory; false when none holds any. */
  closeLargest(): boolean {
    let largest: Connection | null = null
    for (const connection of this.#connections) {
      if (connection.bufferedBytes > (largest?.bufferedBytes ?? 0)) largest = connection
    }
    if (largest === null) return false
    this.#stats.overloadClosed.add(1)
    largest.close()
    return true
  }

  onGone(connection: Connection): void {
    if (!this.#connections.delete(connection)) return
    if (connection instanceof DownstreamConnection) this.#old.onGone(connection.listener)
    this.#release()
  }

  #accept(socket: Socket): SocketHandler {
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
}

/** For sockets that are closed already. */
const DEAF: SocketHandler = { onConnect() {}, onData() {}, onEnd() {}, onDrain() {}, onClose() {} }

/** Envoy's statistics of a listener. */
function listenerStats(metrics: MetricRegistry, config: ListenerConfig) {
  const prefix = `listener.${config.address.host}_${config.address.port}.`
  return {
    cxTotal: metrics.counter(`${prefix}downstream_cx_total`),
    cxActive: metrics.gauge(`${prefix}downstream_cx_active`),
    cxDestroy: metrics.counter(`${prefix}downstream_cx_destroy`),
    cxOldCode: metrics.gauge(`${prefix}downstream_cx_old_code`),
    cxOverflow: metrics.counter(`${prefix}downstream_cx_overflow`),
    cxOverloadReject: metrics.counter(`${prefix}downstream_cx_overload_reject`),
    overloadClosed: metrics.counter(`${prefix}downstream_cx_overload_closed`),
    proxyProtocolError: metrics.counter(`${prefix}downstream_cx_proxy_proto_error`),
  }
}
