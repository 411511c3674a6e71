import type { ListenerConfig, TcpProxyConfig } from '@meltemi/api/model'
import type { MetricRegistry } from '@meltemi/runtime'
import type { Socket, SocketHandler } from '../net/network.ts'
import type { MetadataCriteria } from '../routing/metadata-criteria.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { ThreadContext } from '../upstream/context.ts'
import type { Endpoint, Passage } from '../upstream/endpoint.ts'
import type { TimerNode } from '../util/timer-wheel.ts'

/** Envoy's statistics of its TCP proxy. */
export type TcpStats = ReturnType<typeof tcpStats>

export function tcpStats(metrics: MetricRegistry, statPrefix: string) {
  const prefix = `tcp.${statPrefix}.`
  return {
    cxTotal: metrics.counter(`${prefix}downstream_cx_total`),
    cxActive: metrics.gauge(`${prefix}downstream_cx_active`),
    cxNoRoute: metrics.counter(`${prefix}downstream_cx_no_route`),
    rxBytes: metrics.counter(`${prefix}downstream_cx_rx_bytes_total`),
    txBytes: metrics.counter(`${prefix}downstream_cx_tx_bytes_total`),
    flowControlPaused: metrics.counter(`${prefix}downstream_flow_control_paused_reading_total`),
    idleTimeout: metrics.counter(`${prefix}idle_timeout`),
  }
}

/** What the connections of one TCP proxy listener share on one thread. */
export interface TcpContext {
  readonly thread: ThreadContext
  readonly listener: ListenerConfig
  readonly config: TcpProxyConfig
  /** What endpoints are asked for, by the index of their cluster in the configuration; null: nothing. */
  readonly criteria: readonly (MetadataCriteria | null)[]
  readonly clusters: ClusterManager
  readonly stats: TcpStats
}

export interface TcpKeeper {
  onGone(connection: TcpConnection): void
}

/** One client's bytes, unread, to one endpoint and back. */
export class TcpConnection implements SocketHandler, TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  readonly #context: TcpContext
  readonly #keeper: TcpKeeper
  readonly #client: Socket
  readonly #tried: Endpoint[] = []
  #upstream: TcpUpstream | null = null
  #criteria: MetadataCriteria | null = null
  #lastActivityMs: number
  #hasEnded = false
  #isClosed = false
  /** Closed, but the client has not taken its last bytes yet: a drain has to wait for that. */
  #isLeaving = false
  #early: Buffer[] = []
  #earlyBytes = 0

  constructor(client: Socket, context: TcpContext, keeper: TcpKeeper) {
    this.#context = context
    this.#keeper = keeper
    this.#client = client
    this.#lastActivityMs = context.thread.clock.now()
    context.stats.cxTotal.add(1)
    context.stats.cxActive.add(1)
    if (context.config.idleTimeoutMs > 0) context.thread.timers.schedule(this, context.config.idleTimeoutMs)
  }

  get listener(): TcpContext {
    return this.#context
  }

  get bufferedBytes(): number {
    return this.#earlyBytes + this.#client.bufferedBytes + (this.#upstream?.socket.bufferedBytes ?? 0)
  }

  /** Chooses an endpoint and connects. */
  start(): void {
    const choice = this.#chooseCluster()
    const { config, criteria, clusters } = this.#context
    this.#criteria = criteria[choice] ?? null
    const cluster = clusters.get(config.clusters[choice]?.cluster ?? '')
    if (cluster === undefined) {
      this.#context.stats.cxNoRoute.add(1)
      this.close()
      return
    }
    this.#connect(cluster)
  }

  onConnect(): void {}

  onData(chunk: Buffer): void {
    const { stats, thread, listener } = this.#context
    this.#lastActivityMs = thread.clock.now()
    stats.rxBytes.add(chunk.length)
    const upstream = this.#upstream
    if (upstream?.isReady) {
      if (!upstream.socket.write([chunk]) && upstream.socket.bufferedBytes > 0) this.#pauseClient()
      return
    }
    this.#early.push(chunk)
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes > listener.bufferLimitBytes) this.#pauseClient()
  }

  onEnd(): void {
    this.#hasEnded = true
    if (this.#upstream?.isReady) this.#upstream.socket.end()
  }

  onDrain(): void {
    this.#upstream?.socket.resume()
  }

  onClose(error: Error | undefined): void {
    const upstream = this.#upstream
    // both sides have said all they had to say, but the service may not have taken all of it yet
    if (error === undefined && this.#hasEnded && upstream?.isReady) upstream.closeSoon()
    this.close()
  }

  onTimer(): void {
    const { config, thread, stats } = this.#context
    const leftMs = this.#lastActivityMs + config.idleTimeoutMs - thread.clock.now()
    if (leftMs > 0) {
      thread.timers.schedule(this, leftMs)
      return
    }
    stats.idleTimeout.add(1)
    this.close()
  }

  onUpstreamReady(upstream: TcpUpstream): void {
    const early = this.#early
    this.#early = []
    this.#earlyBytes = 0
    if (early.length > 0) upstream.socket.write(early)
    if (this.#hasEnded) upstream.socket.end()
    this.#client.resume()
  }

  onUpstreamData(chunk: Buffer, upstream: TcpUpstream): void {
    this.#lastActivityMs = this.#context.thread.clock.now()
    this.#context.stats.txBytes.add(chunk.length)
    if (!this.#client.write([chunk]) && this.#client.bufferedBytes > 0) upstream.socket.pause()
  }

  onUpstreamEnd(): void {
    this.#client.end()
  }

  onUpstreamDrain(): void {
    this.#client.resume()
  }

  onUpstreamClose(upstream: TcpUpstream): void {
    if (this.#isClosed || upstream !== this.#upstream) return
    this.#upstream = null
    if (!upstream.isReady && this.#tried.length < this.#context.config.maxConnectAttempts)
      this.#connect(upstream.cluster)
    else {
      this.#client.destroySoon()
      this.close(false)
    }
  }

  close(destroyClient = true): void {
    if (this.#isClosed) {
      if (this.#isLeaving) this.#gone()
      return
    }
    this.#isClosed = true
    const { thread, stats } = this.#context
    thread.timers.cancel(this)
    stats.cxActive.add(-1)
    const upstream = this.#upstream
    this.#upstream = null
    upstream?.close()
    this.#early = []
    this.#isLeaving = !destroyClient
    if (destroyClient) this.#client.destroy()
    if (!this.#isLeaving) this.#keeper.onGone(this)
  }

  #gone(): void {
    this.#isLeaving = false
    this.#client.destroy()
    this.#keeper.onGone(this)
  }

  /** An index in the configured clusters, by weight. */
  #chooseCluster(): number {
    const { clusters } = this.#context.config
    let point = this.#context.thread.random.next() * clusters.reduce((sum, entry) => sum + entry.weight, 0)
    for (const [index, entry] of clusters.entries()) {
      point -= entry.weight
      if (point < 0) return index
    }
    return clusters.length - 1
  }

  #connect(cluster: Cluster): void {
    const { random } = this.#context.thread
    const criteria = this.#criteria
    const endpoint = cluster.pick({ hasHash: false, hashHigh: 0, hashLow: 0, criteria, tried: this.#tried, random })
    const { places } = cluster.context
    const hasPlace = endpoint !== undefined && (places.tryTake() || (places.closeIdle() && places.tryTake()))
    if (!hasPlace) {
      if (endpoint === undefined) cluster.context.stats.cxNoneHealthy.add(1)
      else cluster.context.stats.cxOverflow.add(1)
      this.close()
      return
    }
    this.#tried.push(endpoint)
    this.#upstream = new TcpUpstream(cluster, endpoint, this)
  }

  #pauseClient(): void {
    this.#context.stats.flowControlPaused.add(1)
    this.#client.pause()
  }
}

/** The other half of a TcpConnection. */
export class TcpUpstream implements SocketHandler, TimerNode, Passage {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  readonly cluster: Cluster
  readonly socket: Socket
  isReady = false
  readonly #endpoint: Endpoint
  readonly #owner: TcpConnection
  #isOver = false

  constructor(cluster: Cluster, endpoint: Endpoint, owner: TcpConnection) {
    const { stats, network, timers, connectTimeoutMs } = cluster.context
    this.cluster = cluster
    this.#endpoint = endpoint
    this.#owner = owner
    stats.cxTotal.add(1)
    stats.cxActive.add(1)
    endpoint.connectionsActive++
    // what least-request goes by
    endpoint.activeRequests++
    endpoint.connectionsTotal++
    endpoint.passages.add(this)
    cluster.context.health?.noteTraffic()
    this.socket = network.connect(endpoint.host, endpoint.port, this)
    timers.schedule(this, connectTimeoutMs)
  }

  onTimer(): void {
    this.cluster.context.stats.cxConnectTimeout.add(1)
    this.#endpoint.connectFailures++
    this.#endpoint.outlier?.onNoReply()
    this.socket.destroy()
    this.#over()
  }

  onConnect(): void {
    if (this.#isOver) return
    this.isReady = true
    this.cluster.context.timers.cancel(this)
    this.#endpoint.outlier?.onSuccess()
    this.#owner.onUpstreamReady(this)
  }

  onData(chunk: Buffer): void {
    this.cluster.context.stats.cxRxBytes.add(chunk.length)
    this.#owner.onUpstreamData(chunk, this)
  }

  onEnd(): void {
    this.#owner.onUpstreamEnd()
  }

  onDrain(): void {
    this.#owner.onUpstreamDrain()
  }

  onClose(): void {
    if (!this.#isOver && !this.isReady) {
      this.cluster.context.stats.cxConnectFail.add(1)
      this.#endpoint.connectFailures++
      this.#endpoint.outlier?.onNoReply()
    }
    this.#over()
  }

  close(): void {
    if (this.#isOver) return
    this.socket.destroy()
    this.#over()
  }

  /** Closes once everything written has left. */
  closeSoon(): void {
    this.socket.destroySoon()
    this.#over()
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    const { stats, places, timers } = this.cluster.context
    timers.cancel(this)
    places.release()
    stats.cxActive.add(-1)
    this.#endpoint.connectionsActive--
    this.#endpoint.activeRequests--
    this.#endpoint.passages.delete(this)
    this.#owner.onUpstreamClose(this)
  }
}
