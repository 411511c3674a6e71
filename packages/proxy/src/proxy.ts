import type { ProxyConfig } from '@meltemi/api/model'
import type { Clock, MetricRegistry } from '@meltemi/runtime'
import type { CodecDefinition, FilterDefinition } from '@meltemi/sdk'
import { type BuildContext, buildListeners, rebuildServices } from './config/build-listeners.ts'
import type { Listener } from './downstream/listener.ts'
import { withoutVersions } from './modules/module-version.ts'
import type { Network } from './net/network.ts'
import { Flusher } from './net/outbox.ts'
import { ClusterManager, type LimitShare } from './upstream/cluster-manager.ts'
import type { ThreadContext } from './upstream/context.ts'
import type { Random } from './util/random.ts'
import { TimerWheel } from './util/timer-wheel.ts'
import { TurnClock } from './util/turn-clock.ts'

export interface ProxyParts extends ProxyCode {
  readonly config: ProxyConfig
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly metrics: MetricRegistry
  readonly share: LimitShare
  /** 0 normal … 3; read for every request, so it must cost nothing. */
  overloadLevel(): number
  log(level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>): void
  /** A codec threw something that is not a ProtocolError, or broke its contract. */
  onCodecFault?(codec: CodecDefinition, error: unknown): void
}

/** What listeners run that is not the proxy's own. */
export interface ProxyCode {
  readonly codecs: readonly CodecDefinition[]
  readonly filters: readonly FilterDefinition[]
}

/** What one thread tells of one endpoint, for `/clusters`. */
export interface EndpointStatus {
  readonly cluster: string
  readonly address: string
  readonly hostname: string
  readonly weight: number
  readonly healthy: boolean
  readonly cxActive: number
  readonly cxTotal: number
  readonly cxConnectFail: number
  readonly rqActive: number
  readonly rqTotal: number
  readonly rqError: number
}

const SHED_INTERVAL_MS = 250
/** Of overload: from here on the connections that hold the most are closed. */
export const SHED_LEVEL = 3

/** The data plane of one thread, in a worker, in the main thread, or in the simulation. */
export class Proxy {
  readonly #parts: ProxyParts
  readonly #build: BuildContext
  readonly #thread: ThreadContext
  readonly #clusters: ClusterManager
  readonly #listeners: readonly Listener[]
  #isStopped = false

  /** Throws an Error when the configuration cannot be built. */
  constructor(parts: ProxyParts) {
    const { config, clock, network, random, metrics } = parts
    const codecExceptions = metrics.counter('server.codec_exception')
    for (const { name } of parts.codecs) metrics.counter(`codec.${name}.exception`)
    this.#parts = parts
    this.#thread = {
      clock,
      turn: new TurnClock(clock),
      network,
      random,
      flusher: new Flusher(clock),
      timers: new TimerWheel(clock),
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
    this.#clusters = new ClusterManager(config.clusters, this.#thread, metrics, parts.share)
    this.#build = {
      thread: this.#thread,
      metrics,
      clusters: this.#clusters,
      codecs: parts.codecs,
      filters: parts.filters,
      share: parts.share,
      overloadLevel: parts.overloadLevel,
      logBadBytes: (remoteAddress, reason) => parts.log('warn', 'bad bytes', { remoteAddress, reason }),
    }
    this.#listeners = buildListeners(config, this.#build)
  }

  get listeners(): readonly Listener[] {
    return this.#listeners
  }

  get connectionCount(): number {
    return this.#listeners.reduce((sum, listener) => sum + listener.connectionCount, 0)
  }

  /** Bytes that connections of clients hold. */
  get bufferedBytes(): number {
    return this.#listeners.reduce((sum, listener) => sum + listener.bufferedBytes, 0)
  }

  /** Deadlines that are set; 0 when nothing is under way. */
  get timerCount(): number {
    return this.#thread.timers.size
  }

  /** Resolves when all ports listen; rejects, with nothing left open, when one cannot. */
  async start(reusePort: boolean): Promise<void> {
    await this.#clusters.start()
    try {
      for (const listener of this.#listeners) await listener.listen(reusePort)
    } catch (error: unknown) {
      await this.stop()
      throw error
    }
    if (!this.#isStopped) this.#scheduleShedding()
  }

  /**
   * Builds what the listeners need to run other code, and returns what puts it in force: for new connections, while
   * those that are here go on as they are. Throws, with nothing changed, when it cannot be built.
   */
  prepare(code: ProxyCode): () => void {
    const services = rebuildServices(this.#listeners, { ...this.#build, ...code })
    return () => {
      for (const [index, service] of services.entries()) this.#listeners[index]?.use(service)
    }
  }

  /** No new connections, goodbye to clients, idle ones closed; what is under way goes on. */
  async drain(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.drain()))
  }

  /** Ends everything now. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#listeners.map((listener) => listener.stop()))
    this.#clusters.stop()
    this.#thread.flusher.flush()
    this.#thread.timers.stop()
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
          cxActive: endpoint.connectionsActive,
          cxTotal: endpoint.connectionsTotal,
          cxConnectFail: endpoint.connectFailures,
          rqActive: endpoint.activeRequests,
          rqTotal: endpoint.requestsTotal,
          rqError: endpoint.requestsFailed,
        })
      }
    }
    return statuses
  }

  /** The last step of overload: the connections that hold the most memory go, one a listener and step. */
  #scheduleShedding(): void {
    this.#parts.clock.setTimer(SHED_INTERVAL_MS, () => {
      if (this.#isStopped) return
      if (this.#parts.overloadLevel() >= SHED_LEVEL) for (const listener of this.#listeners) listener.closeLargest()
      this.#scheduleShedding()
    })
  }
}

function stackOf(error: unknown): string {
  return withoutVersions(error instanceof Error ? (error.stack ?? error.message) : String(error))
}
