import type { ProxyConfig } from '@meltemi/api/model'
import type { Clock, MetricRegistry } from '@meltemi/runtime'
import type { CodecDefinition, FilterDefinition } from '@meltemi/sdk'
import { buildListeners } from './config/build-listeners.ts'
import type { Listener } from './downstream/listener.ts'
import type { Network } from './net/network.ts'
import { Flusher } from './net/outbox.ts'
import { ClusterManager, type LimitShare } from './upstream/cluster-manager.ts'
import type { ThreadContext } from './upstream/context.ts'
import type { Random } from './util/random.ts'
import { TimerWheel } from './util/timer-wheel.ts'
import { TurnClock } from './util/turn-clock.ts'

export interface ProxyParts {
  readonly config: ProxyConfig
  readonly codecs: readonly CodecDefinition[]
  readonly filters: readonly FilterDefinition[]
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly metrics: MetricRegistry
  readonly share: LimitShare
  /** 0 normal … 3; read for every request, so it must cost nothing. */
  overloadLevel(): number
  log(level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>): void
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
const SHED_LEVEL = 3

/** The data plane of one thread, in a worker, in the main thread, or in the simulation. */
export class Proxy {
  readonly #parts: ProxyParts
  readonly #thread: ThreadContext
  readonly #clusters: ClusterManager
  readonly #listeners: readonly Listener[]
  #isStopped = false

  /** Throws an Error when the configuration cannot be built. */
  constructor(parts: ProxyParts) {
    const { config, clock, network, random, metrics } = parts
    const codecExceptions = metrics.counter('server.codec_exception')
    this.#parts = parts
    this.#thread = {
      clock,
      turn: new TurnClock(clock),
      network,
      random,
      flusher: new Flusher(clock),
      timers: new TimerWheel(clock),
      logBadReply: (endpoint, reason) => parts.log('warn', 'bad bytes from a service', { endpoint, reason }),
      onCodecException: (error) => {
        codecExceptions.add(1)
        parts.log('error', 'codec or filter threw', { error: error instanceof Error ? error.stack : String(error) })
      },
    }
    this.#clusters = new ClusterManager(config.clusters, this.#thread, metrics, parts.share)
    this.#listeners = buildListeners(config, {
      thread: this.#thread,
      metrics,
      clusters: this.#clusters,
      codecs: parts.codecs,
      filters: parts.filters,
      share: parts.share,
      overloadLevel: parts.overloadLevel,
      logBadBytes: (remoteAddress, reason) => parts.log('warn', 'bad bytes', { remoteAddress, reason }),
    })
  }

  get listeners(): readonly Listener[] {
    return this.#listeners
  }

  get connectionCount(): number {
    return this.#listeners.reduce((sum, listener) => sum + listener.connectionCount, 0)
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
