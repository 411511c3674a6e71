import type { Node, ResourceType } from '@meltemi/api/xds'
import type { Clock, Logger, Timer } from '@meltemi/runtime'
import { GrpcCode, GrpcError, type GrpcStatus } from '@meltemi/runtime/grpc'
import { checkIdentity } from './check-identity.ts'
import type { Answer } from './delivery.ts'
import { keepEndpoints } from './keep-endpoints.ts'
import { toNodeInfo } from './node-info.ts'
import { TYPES_IN_ORDER, tryResourceType } from './resource-kinds.ts'
import type { ResponseEncoder } from './response-encoder.ts'
import { nextTurn, type Turn } from './send-order.ts'
import { type Subscription, statusOf } from './subscription.ts'
import type { XdsMetrics } from './xds-metrics.ts'
import type { NodeInfo, ProxyStatus, Snapshot } from './xds-resource.ts'

const LOGS_PER_SECOND = 5
/** A proxy that comes back asks for type after type: before it has asked for routes, nothing is taken from under them. */
const FIRST_BREAK_MS = 1_000

/** What the two variants of the protocol have in common. */
export interface XdsRequest {
  readonly node?: Node | undefined
  readonly typeUrl: string
}

/** The side of a gRPC stream that a server has. */
export interface XdsTransport {
  readonly peer: string
  /** In the certificate of the proxy; default: none. */
  readonly peerUris?: readonly string[]
  readonly unsent: number
  write(bytes: Uint8Array): boolean
  end(): void
  fail(status: GrpcStatus): void
}

/** What all streams of a server share. */
export interface XdsStreamHost {
  readonly encoder: ResponseEncoder
  readonly metrics: XdsMetrics
  readonly logger: Logger
  readonly clock: Clock
  /** undefined: it cannot be made at present. */
  snapshotFor(node: NodeInfo): Snapshot | undefined
  /** What `status` returns is different now. */
  onStatus(): void
}

export interface XdsStreamKind<Request> {
  readonly subscribe: (type: ResourceType) => Subscription<Request>
  /** The only type of this stream; undefined: any, as each request says. */
  readonly type: ResourceType | undefined
}

/** One stream of one proxy: what it wants of each type, and what it has. */
export class XdsStream<Request extends XdsRequest> {
  readonly #host: XdsStreamHost
  readonly #transport: XdsTransport
  readonly #kind: XdsStreamKind<Request>
  /** Begins each nonce, so that one from another stream is not taken for one of this. */
  readonly #number: number
  readonly #connectedAt: string
  readonly #subscriptions = new Map<ResourceType, Subscription<Request>>()
  #node: NodeInfo | undefined
  #newest: Snapshot | undefined
  /** The newest one, with the endpoints of clusters that the proxy is still to have. */
  #snapshot: Snapshot | undefined
  /** Until something is different. */
  #status: ProxyStatus | undefined
  /** Clusters that were sent before this stream asked for endpoints, which it may say it has. */
  readonly #warming = new Set<string>()
  #responses = 0
  #isOver = false
  #mayBreak = false
  #firstBreak: Timer | undefined
  #sinceMs = 0

  constructor(host: XdsStreamHost, transport: XdsTransport, kind: XdsStreamKind<Request>, number: number) {
    this.#host = host
    this.#transport = transport
    this.#kind = kind
    this.#number = number
    this.#connectedAt = new Date(host.clock.wallTime()).toISOString()
  }

  /** undefined until the proxy has said who it is. The same object again while nothing is different. */
  get status(): ProxyStatus | undefined {
    if (this.#node !== undefined) this.#status ??= this.#describe(this.#node)
    return this.#status
  }

  /** The world has changed at this time of the clock. */
  refresh(changedAtMs: number): void {
    if (this.#node === undefined || this.#isOver) return
    const snapshot = this.#host.snapshotFor(this.#node)
    if (snapshot === undefined || snapshot === this.#newest) return
    this.#look(snapshot)
    this.#sinceMs = changedAtMs
    this.#send()
  }

  onMessage(request: Request): void {
    if (this.#isOver) return
    try {
      if (this.#node === undefined) this.#introduce(request.node)
      this.#receive(request)
    } catch (error: unknown) {
      if (!(error instanceof GrpcError)) throw error
      this.#refuse(error)
    }
  }

  onDrain(): void {
    this.#send()
  }

  onEnd(): void {
    this.#transport.end()
  }

  onClose(): void {
    this.#isOver = true
    this.#firstBreak?.cancel()
  }

  /** Ends the stream, for a reason that is not the client's. */
  close(reason: string): void {
    this.#isOver = true
    this.#transport.fail({ code: GrpcCode.UNAVAILABLE, message: reason })
  }

  #describe(node: NodeInfo): ProxyStatus {
    const resources = this.#snapshot?.resources
    const types = TYPES_IN_ORDER.flatMap((type) => this.#subscriptions.get(type) ?? [])
    return {
      node,
      connectedAt: this.#connectedAt,
      snapshotVersion: this.#snapshot?.version ?? '',
      types: types.map((subscription) => statusOf(subscription, resources?.[subscription.type])),
    }
  }

  #introduce(node: Node | undefined): void {
    if (node === undefined) throw new GrpcError(GrpcCode.INVALID_ARGUMENT, 'the first request must have a node')
    const info = toNodeInfo(node)
    checkIdentity(info, this.#transport.peerUris ?? [])
    this.#node = info
    this.#look(this.#host.snapshotFor(this.#node))
    this.#firstBreak = this.#host.clock.setTimer(FIRST_BREAK_MS, () => {
      this.#mayBreak = true
      this.#send()
    })
    this.#host.logger.debug('proxy connected', { node: this.#node.id, peer: this.#transport.peer })
    this.#host.onStatus()
  }

  #look(newest: Snapshot | undefined): void {
    const hasCluster = (name: string) => this.#subscriptions.get('cluster')?.has(name) ?? false
    this.#status = undefined
    this.#newest = newest
    this.#snapshot = newest && keepEndpoints(newest, this.#snapshot, hasCluster)
  }

  #receive(request: Request): void {
    const type = this.#typeOf(request.typeUrl)
    if (type === undefined) {
      this.#host.metrics.unknownTypes.add(1)
      return
    }
    this.#status = undefined
    const subscription = this.#subscriptions.get(type) ?? this.#kind.subscribe(type)
    this.#subscriptions.set(type, subscription)
    this.#note(subscription.receive(request), subscription)
    if (type === 'endpoint' && this.#warming.size > 0) this.#onFirstEndpoints(subscription)
    this.#send()
  }

  /** Alone on its stream, a type need not be named. */
  #typeOf(typeUrl: string): ResourceType | undefined {
    const only = this.#kind.type
    if (only === undefined) return tryResourceType(typeUrl)
    return typeUrl === '' || tryResourceType(typeUrl) === only ? only : undefined
  }

  #note(answer: Answer, { type, delivery }: Subscription<Request>): void {
    const { metrics, clock, logger } = this.#host
    if (answer === 'none') this.#sinceMs = clock.now()
    if (answer === 'stale') metrics.stale.add(1)
    if (answer === 'accepted') metrics.acks.add(1)
    if (answer === 'rejected') {
      metrics.nacks.add(1)
      const fields = { node: this.#node?.id, type, version: delivery.sentVersion, reason: delivery.error }
      logger.limited('nack', LOGS_PER_SECOND)?.warn('a proxy rejected its configuration and keeps the last one', fields)
    }
    if (answer !== 'accepted' && answer !== 'rejected') return
    metrics.pushTimeMs.record(clock.now() - delivery.sinceMs)
    this.#host.onStatus()
  }

  /** Sends what is next, unless what was sent before still waits here. */
  #send(): void {
    const snapshot = this.#snapshot
    if (snapshot === undefined || this.#isOver || this.#transport.unsent > 0) return
    const turn = nextTurn(this.#subscriptions, snapshot, this.#mayBreak)
    if (turn !== undefined) this.#respond(turn, snapshot)
  }

  #respond({ subscription, mayRemove }: Turn<Subscription<Request>>, { resources, version }: Snapshot): void {
    this.#status = undefined
    const { type } = subscription
    const { bytes, changed } = subscription.respond({
      resources: resources[type],
      version,
      nonce: `${this.#number}.${++this.#responses}`,
      sinceMs: this.#sinceMs,
      mayRemove,
      encoder: this.#host.encoder,
    })
    if (type === 'cluster') this.#onClusters(changed)
    this.#host.metrics.pushes.add(1)
    this.#host.metrics.pushedBytes.add(bytes.length)
    // `onDrain` follows, and with it the next turn.
    this.#transport.write(bytes)
  }

  /** Envoy warms a cluster that is new or different until endpoints come, even if it has them already. */
  #onClusters(changed: readonly string[]): void {
    const endpoints = this.#subscriptions.get('endpoint')
    if (endpoints === undefined) this.#remember(changed)
    else endpoints.forget(changed)
    this.#look(this.#newest)
  }

  #remember(clusters: readonly string[]): void {
    for (const name of clusters) this.#warming.add(name)
    for (const name of this.#warming) if (!this.#newest?.resources.cluster.has(name)) this.#warming.delete(name)
  }

  #onFirstEndpoints(endpoints: Subscription<Request>): void {
    endpoints.forget([...this.#warming])
    this.#warming.clear()
  }

  #refuse({ code, message }: GrpcError): void {
    this.#isOver = true
    this.#host.metrics.streamsFailed.add(1)
    const fields = { peer: this.#transport.peer, node: this.#node?.id, reason: message }
    this.#host.logger.limited('refused', LOGS_PER_SECOND)?.warn('closed the stream of a client', fields)
    this.#transport.fail({ code, message })
  }
}
