import { hostname } from 'node:os'
import { type Locality, type NamedRoutes, NO_CHANGE, type ProxyConfig } from '@meltemi/api/model'
import type { Clock, GroupedRegistry } from '@meltemi/runtime'
import type { CodecDefinition } from '@meltemi/sdk'
import type { ProxyCode } from './config/build-service.ts'
import { ListenerManager, type ProxyUpdate } from './config/listener-manager.ts'
import { sameName } from './config/same-name.ts'
import { ThreadDuty } from './config/thread-duty.ts'
import { BufferShare } from './downstream/buffer-share.ts'
import type { Listener } from './downstream/listener.ts'
import { MESH_LIMITS } from './filters/mesh-limits.ts'
import { PeerCache } from './filters/metadata-exchange/peer-cache.ts'
import { withoutVersions } from './modules/module-version.ts'
import { Inheritance, type InheritedSocket } from './net/inheritance.ts'
import type { Network } from './net/network.ts'
import { Flusher } from './net/outbox.ts'
import { TlsSecrets } from './net/tls/tls-secrets.ts'
import { BatchWriters } from './observe/export/batch-writers.ts'
import { NO_OUTLET, type Outlet } from './observe/export/outlet.ts'
import { SeriesBudget } from './observe/series-budget.ts'
import { IncomingContext } from './observe/tracing/incoming-context.ts'
import { RequestIds } from './observe/tracing/request-ids.ts'
import { TraceIds } from './observe/tracing/trace-ids.ts'
import { WallClock } from './observe/wall-clock.ts'
import { compileStringMatch } from './routing/match.ts'
import { RouteSlots } from './routing/route-slots.ts'
import { ClusterManager } from './upstream/cluster-manager.ts'
import type { ThreadContext } from './upstream/context.ts'
import { type DialGrpc, GrpcCaller } from './upstream/grpc/grpc-caller.ts'
import type { OutlierReport } from './upstream/health/host-health.ts'
import type { LimitShare } from './upstream/shared-limits.ts'
import type { Prepared } from './util/prepared.ts'
import type { Random } from './util/random.ts'
import { TimerWheel } from './util/timer-wheel.ts'
import { TurnClock } from './util/turn-clock.ts'

export interface ProxyParts extends ProxyCode {
  readonly config: ProxyConfig
  /** Of listeners with `rds`, as far as they are known. */
  readonly routes?: readonly NamedRoutes[]
  readonly network: Network
  /** What certificates and keys say; none if not said, and nobody is let in who needs any. */
  readonly secrets?: TlsSecrets
  readonly clock: Clock
  readonly random: Random
  readonly metrics: GroupedRegistry
  readonly share: LimitShare
  /** The listeners that this thread serves; all of them if not said. */
  readonly duty?: ThreadDuty
  /** What clients may hold in buffers; undefined: no limit but those of each connection. */
  readonly bufferLimitBytes?: number
  /** Sockets that another process has handed on; undefined: none. */
  readonly inheritance?: Inheritance
  /** How gRPC services are connected to; by real connections if not said. */
  readonly dialGrpc?: DialGrpc
  /** How long connections of a listener that is removed have to finish; 30 s if not said. */
  readonly drainMs?: number
  /** Where access logs and spans go; nowhere if not said. */
  readonly outlet?: Outlet
  /** 0 normal … 3; read for every request, so it must cost nothing. */
  overloadLevel(): number
  log(level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>): void
  /** A codec threw something that is not a ProtocolError, or broke its contract. */
  onCodecFault?(codec: CodecDefinition, error: unknown): void
}

/** What one thread tells of one endpoint, for `/clusters`. */
export interface EndpointStatus {
  readonly cluster: string
  readonly address: string
  readonly hostname: string
  readonly weight: number
  readonly healthy: boolean
  readonly degraded: boolean
  readonly priority: number
  readonly locality: Locality | undefined
  readonly cxActive: number
  readonly cxTotal: number
  readonly cxConnectFail: number
  readonly rqActive: number
  readonly rqTotal: number
  readonly rqError: number
  /** Those that wait for a connection. */
  readonly rqPendingActive: number
  readonly rqSuccess: number
  readonly rqTimeout: number
  /** By the configuration alone. */
  readonly saidHealthy: boolean
  /** See HostFlag. */
  readonly flags: number
  readonly isLeaving: boolean
  readonly outlier: OutlierReport | undefined
}

/** How long services that are told goodbye have to say it too. */
const FINISH_MS = 1_000
const FINISH_POLL_MS = 10
const DEFAULT_DRAIN_MS = 30_000
const SHED_INTERVAL_MS = 250
const SHED_PART = 0.25
/** Of overload: from here on the connections that hold the most are closed. */
export const SHED_LEVEL = 3

/** The data plane of one thread, in a worker, in the main thread, or in the simulation. */
export class Proxy {
  readonly #parts: ProxyParts
  readonly #thread: ThreadContext
  readonly #clusters: ClusterManager
  readonly #grpc: GrpcCaller
  readonly #routes: RouteSlots
  readonly #listeners: ListenerManager
  readonly #writers: BatchWriters
  /** What it runs now. */
  #code: ProxyCode
  #isStopped = false

  /** Throws an Error when the configuration cannot be built. */
  constructor(parts: ProxyParts) {
    const { config, clock, network, random, metrics } = parts
    const codecExceptions = metrics.counter('server.codec_exception')
    for (const { name } of parts.codecs) metrics.counter(`codec.${name}.exception`)
    this.#parts = parts
    this.#code = parts
    this.#thread = {
      clock,
      turn: new TurnClock(clock),
      network,
      random,
      tls: {
        secrets: parts.secrets ?? new TlsSecrets(),
        compile: compileStringMatch,
        logFailure: (peer, reason) => parts.log('warn', 'TLS handshake failed', { peer, reason }),
      },
      flusher: new Flusher(clock),
      timers: new TimerWheel(clock),
      log: (level, message, fields) => parts.log(level, message, fields),
      findCodec: (name) => this.#code.codecs.find((codec) => sameName(codec.name, name)),
      logBadReply: (endpoint, reason) => parts.log('warn', 'bad bytes from a service', { endpoint, reason }),
      onCodecException: (error, codec) => {
        codecExceptions.add(1)
        metrics.counter(`codec.${codec.name}.exception`).add(1)
        parts.log('error', 'codec threw', { codec: codec.name, error: stackOf(error) })
        parts.onCodecFault?.(codec, error)
      },
      onFilterException: (error) => {
        codecExceptions.add(1)
        parts.log('error', 'filter threw', { error: stackOf(error) })
      },
    }
    const local = { cluster: config.localCluster, locality: config.node.locality }
    this.#clusters = new ClusterManager(config.clusters, this.#thread, metrics, parts.share, local)
    this.#routes = new RouteSlots(parts.routes ?? [])
    this.#grpc = new GrpcCaller(this.#clusters, this.#thread, parts.dialGrpc)
    const seriesBudget = new SeriesBudget()
    const mesh = { peers: new PeerCache(), seriesBudget: new SeriesBudget(MESH_LIMITS.series, MESH_LIMITS.seriesMs) }
    this.#clusters.onGone = (name) => {
      seriesBudget.forget(name)
      mesh.seriesBudget.forget(name)
    }
    this.#writers = new BatchWriters(parts.outlet ?? NO_OUTLET, clock, metrics)
    const build = {
      node: config.node,
      thread: this.#thread,
      observation: this.#observation(),
      metrics,
      clusters: this.#clusters,
      grpc: this.#grpc,
      routes: this.#routes,
      seriesBudget,
      mesh,
      share: parts.share,
      buffers: new BufferShare(clock, parts.bufferLimitBytes ?? Number.POSITIVE_INFINITY, metrics),
      codecs: parts.codecs,
      filters: parts.filters,
      isFrom: (codec: CodecDefinition, digest: string) => parts.isFrom?.(codec, digest) ?? false,
      overloadLevel: parts.overloadLevel,
      logBadBytes: (remoteAddress: string, reason: string) => parts.log('warn', 'bad bytes', { remoteAddress, reason }),
    }
    const { share, duty = ThreadDuty.everything, inheritance = Inheritance.none, drainMs = DEFAULT_DRAIN_MS } = parts
    this.#listeners = new ListenerManager(config.listeners, build, { share, duty, inheritance, drainMs })
  }

  /** Those in force. */
  get listeners(): readonly Listener[] {
    return this.#listeners.listeners
  }

  get connectionCount(): number {
    return this.#listeners.all.reduce((sum, listener) => sum + listener.connectionCount, 0)
  }

  /** Bytes that connections of clients hold. */
  get bufferedBytes(): number {
    return this.#listeners.all.reduce((sum, listener) => sum + listener.bufferedBytes, 0)
  }

  /** Those on their way out among them. */
  get clusterCount(): number {
    return this.#clusters.size
  }

  /** Deadlines that are set; 0 when nothing is under way. */
  get timerCount(): number {
    return this.#thread.timers.size
  }

  /** Resolves when all ports listen; rejects, with nothing left open, when one cannot. */
  async start(reusePort: boolean): Promise<void> {
    await this.#clusters.start()
    try {
      await this.#listeners.start(reusePort)
    } catch (error: unknown) {
      await this.stop()
      throw error
    }
    if (!this.#isStopped) this.#scheduleShedding()
  }

  /**
   * Makes all that a change needs, sockets that listen among it, and resolves with what puts it in force: for new
   * connections and, where routes and clusters change, for the next requests of those that are here. Rejects, with nothing
   * changed, when it cannot be had. One at a time.
   */
  async prepare(update: ProxyUpdate): Promise<Prepared> {
    const { change = NO_CHANGE } = update
    const routes = this.#routes.prepare(change.routes)
    const clusters = await this.#clusters.prepare(change)
    try {
      const listeners = await this.#listeners.prepare(update, routes)
      return {
        use: () => {
          if (update.code !== undefined) this.#code = update.code
          for (const part of [clusters, routes, listeners]) part.use()
          this.#routes.remove(change.routesRemoved, (key) => this.#listeners.usesRoutes(key))
          this.#clusters.remove(change.clustersRemoved)
        },
        discard: () => {
          for (const part of [clusters, routes, listeners]) part.discard()
        },
      }
    } catch (error: unknown) {
      clusters.discard()
      throw error
    }
  }

  /** What listens, for another process. */
  get sockets(): readonly InheritedSocket[] {
    return this.#listeners.sockets
  }

  /** Another process accepts from now on; clients that are here are served as before. */
  async handOver(): Promise<void> {
    await this.#listeners.handOver()
  }

  /** No new connections, goodbye to clients, idle ones closed; what is under way goes on. */
  async drain(): Promise<void> {
    await this.#listeners.drain()
  }

  /**
   * After the last client: closes connections to services. What was written, one-way messages for example, arrives, for a
   * socket that is closed with bytes unread takes back what its peer has not read yet.
   */
  async finish(): Promise<void> {
    const { clock, network } = this.#parts
    this.#clusters.drain()
    this.#thread.flusher.flush()
    const endMs = clock.now() + FINISH_MS
    while ((network.leaving ?? 0) > 0 && clock.now() < endMs) {
      await new Promise<void>((resolve) => clock.setTimer(FINISH_POLL_MS, resolve))
    }
  }

  /** Ends everything now. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#listeners.stop()
    this.#grpc.stop()
    this.#clusters.stop()
    this.#thread.flusher.flush()
    this.#thread.timers.stop()
    this.#writers.flush()
  }

  endpoints(): EndpointStatus[] {
    const statuses: EndpointStatus[] = []
    for (const cluster of this.#clusters.values()) {
      for (const endpoint of cluster.endpoints) {
        statuses.push({
          cluster: cluster.name,
          address: endpoint.address,
          hostname: endpoint.hostname,
          weight: endpoint.weight,
          healthy: endpoint.healthy,
          degraded: endpoint.degraded,
          priority: endpoint.priority,
          locality: endpoint.locality,
          cxActive: endpoint.connectionsActive,
          cxTotal: endpoint.connectionsTotal,
          cxConnectFail: endpoint.connectFailures,
          rqActive: endpoint.activeRequests,
          rqTotal: endpoint.requestsTotal,
          rqError: endpoint.requestsFailed,
          rqPendingActive: endpoint.waitingRequests,
          rqSuccess: endpoint.requestsSucceeded,
          rqTimeout: endpoint.requestsTimedOut,
          saidHealthy: endpoint.isSaidHealthy,
          flags: endpoint.flags,
          isLeaving: endpoint.isLeaving,
          outlier: cluster.context.health?.report(endpoint),
        })
      }
    }
    return statuses
  }

  /** What logs and traces of this thread have in common. */
  #observation() {
    const { config, clock, random } = this.#parts
    const { id, cluster, locality } = config.node
    const ids = new TraceIds()
    const wallClock = new WallClock(clock)
    return {
      writers: this.#writers,
      tracing: { ids, requestIds: new RequestIds(ids), incoming: new IncomingContext(), random, wallClock },
      node: { id, cluster, zone: locality?.zone ?? '' },
      hostname: hostname(),
      referenceByteCounters: config.referenceByteCounters ?? false,
    }
  }

  /** The last step of overload: the connections that hold the most memory go. */
  #scheduleShedding(): void {
    this.#parts.clock.setTimer(SHED_INTERVAL_MS, () => {
      if (this.#isStopped) return
      if (this.#parts.overloadLevel() >= SHED_LEVEL) this.#shed()
      this.#scheduleShedding()
    })
  }

  /** At least one connection, and until a part of what all hold is free. */
  #shed(): void {
    const target = this.bufferedBytes * (1 - SHED_PART)
    while (this.#closeLargest() && this.bufferedBytes > target);
  }

  /** Whichever listener it belongs to; false when none holds anything. */
  #closeLargest(): boolean {
    let largest: ReturnType<Listener['largest']>
    for (const listener of this.#listeners.all) largest = listener.largest(largest?.bytes ?? 0) ?? largest
    largest?.close()
    return largest !== undefined
  }
}

function stackOf(error: unknown): string {
  return withoutVersions(error instanceof Error ? (error.stack ?? error.message) : String(error))
}
