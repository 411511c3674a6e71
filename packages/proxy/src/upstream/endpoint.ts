import type { EndpointCheckConfig, EndpointConfig, LbMetadata, Locality, SocketAddress } from '@meltemi/api/model'
import { formatAddress } from '../util/format-address.ts'
import { PeakLatency } from './balance/peak-latency.ts'
import type { Placed } from './balance/picker.ts'
import type { ClusterContext } from './context.ts'
import type { GrpcChannel } from './grpc/grpc-channel.ts'
import type { WatchedHost } from './health/host-health.ts'
import { HostFlag } from './health/host-table.ts'
import type { OutlierMonitor } from './health/outlier-monitor.ts'
import { Pool } from './pool.ts'
import type { ProtocolUser, UpstreamProtocol } from './protocol.ts'
import type { Target } from './target.ts'

/** A codec may draw dialects from what clients send: beyond so many those that nobody uses are forgotten. */
const KEPT_DIALECTS = 64
const NO_METADATA: LbMetadata = {}

/** A connection of one client that no pool has. */
export interface Passage {
  /** Ends it now. */
  close(): void
}

/** One address of a cluster, with its pools: one per protocol and dialect. */
export class Endpoint implements Placed, Target, ProtocolUser, WatchedHost {
  host = ''
  port = 0
  /** `ip:port`. */
  address = ''
  hostname = ''
  weight = 1
  /**
   * What balancing goes by, with `degraded`; whoever changes them rebuilds the cluster's picker. The configuration has a
   * say, and so have health checks and ejections.
   */
  healthy = false
  /** What was found of it; see HostFlag. */
  flags = 0
  /** Discovery does not name it any more: it stays until it fails its health checks. */
  isLeaving = false
  check: EndpointCheckConfig | undefined = undefined
  outlier: OutlierMonitor | null = null
  slot: number | null = null
  degraded = false
  healthySinceMs = 0
  priority = 0
  locality: Locality | undefined = undefined
  localityWeight = 0
  metadata: LbMetadata = NO_METADATA
  /** What `transport_socket_matches` of its cluster go by. */
  transportMetadata: Readonly<Record<string, unknown>> | undefined = undefined
  latency: PeakLatency | null = null
  /** This thread's requests under way. */
  activeRequests = 0
  requestsTotal = 0
  requestsFailed = 0
  requestsSucceeded = 0
  requestsTimedOut = 0
  connectionsActive = 0
  connectionsTotal = 0
  connectFailures = 0
  /** Connections whose bytes are passed on unread, which no pool has. */
  readonly passages: Set<Passage> = new Set()
  /** For what the proxy itself asks there; null: nothing so far. */
  channel: GrpcChannel | null = null
  readonly #context: ClusterContext
  /** By the configuration. */
  #isSaidHealthy = false
  readonly #pools = new Map<UpstreamProtocol, Map<string, Pool>>()
  #lastProtocol: UpstreamProtocol | null = null
  #lastPool: Pool | null = null

  constructor(config: EndpointConfig, context: ClusterContext) {
    this.#context = context
    this.moveTo(config.address)
    this.configure(config)
  }

  /** New connections are made to another address; those that are there go on. */
  moveTo({ host, port }: SocketAddress): void {
    this.host = host
    this.port = port
    this.address = formatAddress(host, port)
  }

  /** All that is said of it but the address. */
  configure(config: EndpointConfig): void {
    this.hostname = config.hostname
    this.weight = config.weight
    this.priority = config.priority ?? 0
    this.locality = config.locality
    this.localityWeight = config.localityWeight ?? 0
    this.metadata = config.metadata ?? NO_METADATA
    this.transportMetadata = config.transportMetadata
    this.#isSaidHealthy = config.healthy
    this.#updateHealth()
    this.degraded = config.degraded ?? false
    this.check = config.healthCheck
  }

  /** By the configuration alone. */
  get isSaidHealthy(): boolean {
    return this.#isSaidHealthy
  }

  /** No check has ever told of it. */
  get isUnchecked(): boolean {
    return (this.flags & HostFlag.Unchecked) !== 0
  }

  setHealth(flags: number): boolean {
    if (flags === this.flags) return false
    const { healthy, isUnchecked } = this
    this.flags = flags
    this.#updateHealth()
    return this.healthy !== healthy || this.isUnchecked !== isUnchecked
  }

  #updateHealth(): void {
    const isHealthy = this.#isSaidHealthy && (this.flags & (HostFlag.Ejected | HostFlag.Unhealthy)) === 0
    if (isHealthy && !this.healthy) this.healthySinceMs = this.#context.turn.nowMs
    this.healthy = isHealthy
  }

  /** Whether balancing wants to know how long replies take, and for how long it remembers; undefined: it does not. */
  measure(decayMs: number | undefined): void {
    if (decayMs === undefined) this.latency = null
    else if (this.latency === null) this.latency = new PeakLatency(decayMs)
    else this.latency.decayMs = decayMs
  }

  /** Nobody waits for anything of it, and there is no connection to it. */
  get isUnused(): boolean {
    return this.activeRequests === 0 && this.connectionsActive === 0
  }

  /** Requests that wait for a connection, in this thread. */
  get waitingRequests(): number {
    let sum = 0
    for (const dialects of this.#pools.values()) for (const pool of dialects.values()) sum += pool.waiting
    return sum
  }

  pool(protocol: UpstreamProtocol, dialect: string): Pool {
    const last = this.#lastPool
    if (last !== null && this.#lastProtocol === protocol && last.dialect === dialect) return last
    const pool = this.#findPool(protocol, dialect)
    this.#lastProtocol = protocol
    this.#lastPool = pool
    return pool
  }

  /** No new requests, ever; what is under way is finished. */
  drain(): void {
    for (const protocol of this.#pools.keys()) protocol.users.delete(this)
    for (const dialects of this.#pools.values()) for (const pool of dialects.values()) pool.drain()
    this.channel?.drain()
  }

  /** What is under way on them fails; there may be new ones at once. */
  dropConnections(): void {
    for (const dialects of this.#pools.values()) for (const pool of dialects.values()) pool.dropConnections()
    for (const passage of [...this.passages]) passage.close()
    const { channel } = this
    this.channel = null
    channel?.close()
  }

  close(): void {
    for (const dialects of this.#pools.values()) for (const pool of dialects.values()) pool.close()
    this.channel?.close()
  }

  /** Nobody will ask for this protocol again: its pools finish what is under way and are forgotten. */
  release(protocol: UpstreamProtocol): void {
    const dialects = this.#pools.get(protocol)
    if (dialects === undefined) return
    this.#pools.delete(protocol)
    protocol.users.delete(this)
    for (const pool of dialects.values()) pool.drain()
    if (this.#lastProtocol !== protocol) return
    this.#lastProtocol = null
    this.#lastPool = null
  }

  #findPool(protocol: UpstreamProtocol, dialect: string): Pool {
    let dialects = this.#pools.get(protocol)
    if (dialects === undefined) {
      dialects = new Map()
      this.#pools.set(protocol, dialects)
      protocol.users.add(this)
    }
    let pool = dialects.get(dialect)
    if (pool === undefined) {
      if (dialects.size >= KEPT_DIALECTS) this.#forgetUnused(dialects)
      pool = new Pool(this, protocol, dialect, this.#context)
      dialects.set(dialect, pool)
    }
    return pool
  }

  #forgetUnused(dialects: Map<string, Pool>): void {
    this.#lastPool = null
    for (const [dialect, pool] of dialects) if (pool.isUnused) dialects.delete(dialect)
  }
}
