import type { DiscoveryRequest, ResourceType } from '@meltemi/api/xds'
import { type Clock, type Logger, type MetricRegistry, systemClock } from '@meltemi/runtime'
import {
  GrpcCode,
  GrpcError,
  type GrpcServer,
  type GrpcServerTls,
  type GrpcService,
  startGrpcServer,
} from '@meltemi/runtime/grpc'
import { checkIdentity } from './check-identity.ts'
import { DeltaSubscription } from './delta-subscription.ts'
import { discoveryServices } from './discovery-services.ts'
import { toNodeInfo } from './node-info.ts'
import { ResponseEncoder } from './response-encoder.ts'
import { SotwSubscription } from './sotw-subscription.ts'
import { XdsMetrics } from './xds-metrics.ts'
import type { NodeInfo, ProxyStatus, Snapshot } from './xds-resource.ts'
import { type XdsRequest, XdsStream, type XdsStreamHost, type XdsStreamKind, type XdsTransport } from './xds-stream.ts'

/** Streams that are brought up to date before others of the process have their turn. */
const STREAMS_PER_TURN = 32
const LOGS_PER_SECOND = 5
const CLOSE_TIMEOUT_MS = 1_000

export interface XdsLimits {
  /** More are refused with RESOURCE_EXHAUSTED; 5,000. */
  readonly maxStreams: number
  /** That one stream may ask for of one type; 20,000. */
  readonly maxNames: number
  /** Of one request; 4 MiB. */
  readonly maxRequestBytes: number
}

export const DEFAULT_XDS_LIMITS: XdsLimits = {
  maxStreams: 5_000,
  maxNames: 20_000,
  maxRequestBytes: 4 * 1024 * 1024,
}

export interface XdsServerOptions {
  /**
   * What a node may see. Nodes that see the same should get the same object, and what has not changed should be the same
   * in it: then it costs nothing. If it throws, that node keeps what it has.
   */
  readonly snapshotFor: (node: NodeInfo) => Snapshot
  readonly metrics: MetricRegistry
  readonly logger: Logger
  readonly limits?: Partial<XdsLimits>
  readonly clock?: Clock
  /** Of others, on the same port. */
  readonly services?: readonly GrpcService[]
  /** What `proxies` returns is different now. Called once for all that happens in one turn of the event loop. */
  readonly onStatus?: () => void
}

export interface XdsAddress {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  readonly tls?: GrpcServerTls
}

type AnyStream = Pick<XdsStream<XdsRequest>, 'status' | 'refresh' | 'onClose' | 'close'>

/** Serves snapshots to proxies over xDS: all types together or each alone, as state of the world and incrementally. */
export class XdsServer {
  readonly #options: XdsServerOptions
  readonly #limits: XdsLimits
  readonly #clock: Clock
  readonly #metrics: XdsMetrics
  readonly #encoder = new ResponseEncoder()
  readonly #host: XdsStreamHost
  readonly #streams = new Set<AnyStream>()
  /** Those that have not seen the last change. */
  readonly #behind = new Set<AnyStream>()
  #server: GrpcServer | undefined
  #opened = 0
  #changedAtMs = 0
  #isAdvancing = false
  #isTelling = false
  #isClosing = false

  constructor(options: XdsServerOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_XDS_LIMITS, ...options.limits }
    this.#clock = options.clock ?? systemClock
    this.#metrics = new XdsMetrics(options.metrics)
    this.#host = {
      encoder: this.#encoder,
      metrics: this.#metrics,
      logger: options.logger,
      clock: this.#clock,
      snapshotFor: (node) => this.#trySnapshot(node),
      onStatus: () => this.#tell(),
    }
  }

  /** Rejects when the address cannot be had. */
  async listen({ host, port, tls }: XdsAddress): Promise<{ readonly port: number }> {
    this.#server = await startGrpcServer({
      host,
      port,
      services: this.#services(),
      ...(tls === undefined ? {} : { tls }),
      limits: { maxReceiveBytes: this.#limits.maxRequestBytes, maxConnections: this.#limits.maxStreams },
      onError: (error) => this.#options.logger.limited('xds', LOGS_PER_SECOND)?.error('xDS failed', { error }),
    })
    return { port: this.#server.port }
  }

  /** For connections that come from now on, when it listens with TLS. Throws for what is no key of its certificate. */
  setTls(tls: GrpcServerTls): void {
    this.#server?.setTls(tls)
  }

  /** Something has changed: each proxy is sent what is different for it. Returns before that. */
  push(): void {
    this.#changedAtMs = this.#clock.now()
    for (const stream of this.#streams) this.#behind.add(stream)
    this.#schedule()
  }

  /** One for each stream, so a proxy that has several is there several times. */
  proxies(): readonly ProxyStatus[] {
    return [...this.#streams].flatMap((stream) => stream.status ?? [])
  }

  /** Ends all streams; their proxies find another server or wait for this one. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const stream of this.#streams) stream.close('the control plane stops')
    await this.#server?.close(CLOSE_TIMEOUT_MS)
    this.#behind.clear()
  }

  #services(): readonly GrpcService[] {
    const { maxNames } = this.#limits
    const sotw = (type: ResourceType) => new SotwSubscription(type, maxNames)
    const delta = (type: ResourceType) => new DeltaSubscription(type, maxNames)
    const own = discoveryServices({
      sotw: (type) => (stream) => this.#open(stream, { subscribe: sotw, type }),
      delta: (type) => (stream) => this.#open(stream, { subscribe: delta, type }),
      fetch: (type) => (request, peerUris) => this.#fetch(sotw(type), request, peerUris),
    })
    return [...own, ...(this.#options.services ?? [])]
  }

  #open<Request extends XdsRequest>(transport: XdsTransport, kind: XdsStreamKind<Request>) {
    if (this.#isClosing || this.#streams.size >= this.#limits.maxStreams) return this.#turnAway(transport)
    const stream = new XdsStream(this.#host, transport, kind, ++this.#opened)
    this.#streams.add(stream)
    this.#metrics.streamsTotal.add(1)
    this.#metrics.streams.set(this.#streams.size)
    return {
      onMessage: (request: Request) => stream.onMessage(request),
      onDrain: () => stream.onDrain(),
      onEnd: () => stream.onEnd(),
      onClose: () => this.#onClose(stream),
    }
  }

  #onClose(stream: AnyStream): void {
    stream.onClose()
    this.#streams.delete(stream)
    this.#behind.delete(stream)
    this.#metrics.streams.set(this.#streams.size)
    this.#tell()
  }

  #turnAway(transport: XdsTransport) {
    this.#metrics.streamsRefused.add(1)
    const message = this.#isClosing ? 'the control plane stops' : `there are ${this.#limits.maxStreams} streams already`
    this.#options.logger.limited('streams', LOGS_PER_SECOND)?.warn('refused a stream', { reason: message })
    transport.fail({ code: this.#isClosing ? GrpcCode.UNAVAILABLE : GrpcCode.RESOURCE_EXHAUSTED, message })
    return { onMessage: () => {}, onClose: () => {} }
  }

  /** The first response of a stream, for a client that comes again for the next. */
  #fetch(subscription: SotwSubscription, request: DiscoveryRequest, peerUris: readonly string[]): Uint8Array {
    if (request.node === undefined) throw new GrpcError(GrpcCode.INVALID_ARGUMENT, 'the request must have a node')
    const node = toNodeInfo(request.node)
    checkIdentity(node, peerUris)
    const snapshot = this.#trySnapshot(node)
    if (snapshot === undefined) throw new GrpcError(GrpcCode.UNAVAILABLE, 'there is no configuration at present')
    subscription.receive(request)
    const resources = snapshot.resources[subscription.type]
    const { version } = snapshot
    const plan = { resources, version, nonce: '', sinceMs: 0, mayRemove: true, encoder: this.#encoder }
    return subscription.respond(plan).bytes
  }

  #trySnapshot(node: NodeInfo): Snapshot | undefined {
    try {
      return this.#options.snapshotFor(node)
    } catch (error: unknown) {
      this.#metrics.snapshotErrors.add(1)
      const log = this.#options.logger.limited('snapshot', LOGS_PER_SECOND)
      log?.error('cannot make the configuration of a proxy, which keeps what it has', { node: node.id, error })
      return undefined
    }
  }

  #schedule(): void {
    if (this.#isAdvancing || this.#behind.size === 0) return
    this.#isAdvancing = true
    this.#clock.setImmediate(() => this.#advance())
  }

  /** Some streams now, the others in the next turn: a change for many must not keep everybody else waiting. */
  #advance(): void {
    this.#isAdvancing = false
    let left = STREAMS_PER_TURN
    for (const stream of this.#behind) {
      if (left-- === 0) break
      this.#behind.delete(stream)
      this.#refresh(stream)
    }
    this.#schedule()
  }

  #refresh(stream: AnyStream): void {
    try {
      stream.refresh(this.#changedAtMs)
    } catch (error: unknown) {
      this.#options.logger.error('cannot bring a proxy up to date, which must connect anew', { error })
      stream.close('internal error')
    }
  }

  #tell(): void {
    const { onStatus } = this.#options
    if (onStatus === undefined || this.#isTelling) return
    this.#isTelling = true
    this.#clock.setImmediate(() => {
      this.#isTelling = false
      onStatus()
    })
  }
}
