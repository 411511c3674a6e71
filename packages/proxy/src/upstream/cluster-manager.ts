import { isDeepStrictEqual } from 'node:util'
import type { ClusterConfig, ConfigChange, EndpointConfig, Locality } from '@meltemi/api/model'
import type { GroupedRegistry, HeldMetrics } from '@meltemi/runtime'
import { Breather } from '../util/breather.ts'
import { ConfigRefused, faultsOf } from '../util/config-refused.ts'
import { Departures } from '../util/departures.ts'
import type { Prepared } from '../util/prepared.ts'
import type { LocalZones } from './balance/zone-aware.ts'
import { Cluster } from './cluster.ts'
import { clusterNetwork } from './cluster-network.ts'
import type { ThreadContext } from './context.ts'
import { type HealthParts, HostHealth } from './health/host-health.ts'
import { keepsEndpoints } from './keeps-endpoints.ts'
import { Limits } from './limits.ts'
import { localZones } from './local-zones.ts'
import { Places } from './places.ts'
import { clusterLimitKey, type LimitShare } from './shared-limits.ts'
import { clusterStats } from './stats.ts'

/** How long a change waits for the first answers of DNS; after this a cluster is used as it is. */
const RESOLVE_MS = 2000

const NOWHERE: LocalPlace = { cluster: undefined, locality: undefined }

/** What clusters of one name may use, in one thread: one that takes the place of another goes on with it. */
interface Allowance {
  readonly limits: Limits
  readonly places: Places
  readonly health: HostHealth
  clusters: number
}

/** What a cluster gives back at its end. */
interface Held {
  readonly allowance: Allowance
  readonly metrics: HeldMetrics
}

/** Where this proxy is, and the cluster that it is one of the endpoints of. */
export interface LocalPlace {
  readonly cluster: string | undefined
  readonly locality: Locality | undefined
}

/** All clusters of one thread, by name. */
export class ClusterManager {
  /** Told of a name that no cluster has any more, not even one on its way out. */
  onGone: (name: string) => void = () => {}
  readonly #thread: ThreadContext
  readonly #metrics: GroupedRegistry
  readonly #share: LimitShare
  readonly #clusters = new Map<string, Cluster>()
  readonly #held = new Map<Cluster, Held>()
  /** Removed or replaced, with requests under way. */
  readonly #departures: Departures
  readonly #local: LocalPlace
  #zones: LocalZones | undefined
  /** Built for zones that are not right any more. */
  readonly #outdated = new Set<Cluster>()
  #isRebuilding = false

  constructor(
    configs: readonly ClusterConfig[],
    thread: ThreadContext,
    metrics: GroupedRegistry,
    share: LimitShare,
    local: LocalPlace = NOWHERE,
  ) {
    this.#thread = thread
    this.#metrics = metrics
    this.#share = share
    this.#local = local
    this.#departures = new Departures(thread.clock)
    for (const config of configs) this.#adopt(this.#create(config, this.#newAllowance(config)))
  }

  get(name: string): Cluster | undefined {
    return this.#clusters.get(name)
  }

  values(): IterableIterator<Cluster> {
    return this.#clusters.values()
  }

  /** Clusters that are there, those on their way out among them. */
  get size(): number {
    return this.#held.size
  }

  /** Resolves when every cluster has had its first look for endpoints. */
  async start(): Promise<void> {
    await Promise.all([...this.#clusters.values()].map((cluster) => this.#startCluster(cluster)))
  }

  /**
   * Makes new clusters and new forms of those that are here; `remove` is for those that go. Rejects with ConfigRefused, and
   * nothing left of it, when one cannot be made.
   */
  async prepare(change: ConfigChange): Promise<Prepared> {
    const given = new Map(change.endpoints.map(({ cluster, endpoints }) => [cluster, endpoints]))
    const steps = await this.#prepareAll(change.clusters, given)
    for (const { name } of change.clusters) given.delete(name)
    return {
      use: () => {
        for (const step of steps) step.use()
        for (const [name, endpoints] of given) this.#clusters.get(name)?.assign(endpoints)
      },
      discard: () => {
        for (const step of steps) step.discard()
      },
    }
  }

  /** What is under way on these is finished. */
  remove(names: readonly string[]): void {
    for (const name of names) {
      const cluster = this.#clusters.get(name)
      this.#clusters.delete(name)
      if (cluster !== undefined) {
        this.#held.get(cluster)?.allowance.health.stop()
        this.#depart(cluster)
      }
      if (name === this.#local.cluster) this.#useZones(undefined)
    }
  }

  /** No new requests; connections to services close when what is under way on them is over. */
  drain(): void {
    for (const cluster of this.#clusters.values()) cluster.drain()
  }

  stop(): void {
    this.#departures.stop()
    this.#outdated.clear()
    for (const [cluster, { allowance }] of this.#held) {
      cluster.stop()
      allowance.places.stop()
      allowance.health.stop()
    }
  }

  async #prepareAll(configs: readonly ClusterConfig[], given: ReadonlyMap<string, readonly EndpointConfig[]>) {
    const steps: Prepared[] = []
    const faults: string[] = []
    const breather = new Breather(this.#thread.clock)
    const begun: Promise<unknown>[] = []
    for (const config of configs) {
      const fail = (error: unknown) =>
        faults.push(...faultsOf(error).map((fault) => `cluster '${config.name}': ${fault}`))
      begun.push(this.#prepare(config, given.get(config.name)).then((step) => steps.push(step), fail))
      await breather.step()
    }
    await Promise.all(begun)
    if (faults.length === 0) return steps
    for (const step of steps) step.discard()
    throw new ConfigRefused(faults)
  }

  async #prepare(config: ClusterConfig, given: readonly EndpointConfig[] | undefined): Promise<Prepared> {
    const before = this.#clusters.get(config.name)
    const whole = withEndpoints(config, given, before)
    return before?.canBecome(whole) ? this.#prepareForm(before, whole) : this.#prepareNew(whole, before)
  }

  async #prepareForm(cluster: Cluster, config: ClusterConfig): Promise<Prepared> {
    const resolver = cluster.newResolver(config)
    if (resolver !== null) await this.#inTime(resolver.start())
    return {
      use: () => {
        const held = this.#held.get(cluster)
        if (held !== undefined) held.allowance.health.use(config, partsOf(held, cluster))
        cluster.become(config, resolver)
      },
      discard: () => resolver?.stop(),
    }
  }

  async #prepareNew(config: ClusterConfig, before: Cluster | undefined): Promise<Prepared> {
    const allowance = before === undefined ? undefined : this.#held.get(before)?.allowance
    const cluster = this.#create(config, allowance ?? this.#newAllowance(config))
    await this.#inTime(this.#startCluster(cluster))
    return {
      use: () => {
        cluster.context.limits.setMaxima(config.circuitBreaker)
        const held = this.#held.get(cluster)
        if (before !== undefined && held !== undefined) held.allowance.health.use(config, partsOf(held, cluster))
        this.#adopt(cluster)
        if (before !== undefined) this.#depart(before)
      },
      discard: () => this.#end(cluster),
    }
  }

  #create(config: ClusterConfig, allowance: Allowance): Cluster {
    const metrics = this.#metrics.hold(`cluster.${config.statName}`)
    const { network, choice, grpcTls } = clusterNetwork(config, this.#thread, metrics)
    // of one that takes the place of another the health is that of the other until then
    if (allowance.clusters === 0) allowance.health.use(config, { metrics, network })
    const cluster = new Cluster(config, {
      ...this.#thread,
      network,
      grpcTls,
      stats: clusterStats(metrics, config.statName),
      limits: allowance.limits,
      places: allowance.places,
      health: allowance.health,
      // as in Envoy it does not tell zones apart in the cluster that it is one of
      localZones: () => (config.name === this.#local.cluster ? undefined : this.#zones),
      connectTimeoutMs: config.connectTimeoutMs,
      bufferLimitBytes: config.bufferLimitBytes,
    })
    choice.cluster = cluster
    allowance.clusters++
    this.#held.set(cluster, { allowance, metrics })
    return cluster
  }

  #adopt(cluster: Cluster): void {
    this.#clusters.set(cluster.name, cluster)
    if (cluster.name !== this.#local.cluster) return
    cluster.onRebuilt = () => this.#findZones(cluster)
    this.#findZones(cluster)
  }

  /** Its endpoints have changed: they tell where this proxy and those like it are. */
  #findZones(local: Cluster): void {
    const zones = localZones(this.#local.locality, local.endpoints)
    if (!isDeepStrictEqual(zones, this.#zones)) this.#useZones(zones)
  }

  #useZones(zones: LocalZones | undefined): void {
    this.#zones = zones
    for (const cluster of this.#clusters.values()) if (cluster.usesZones) this.#outdated.add(cluster)
    if (!this.#isRebuilding) void this.#rebuildOutdated()
  }

  /** There may be thousands: requests have their turn in between. */
  async #rebuildOutdated(): Promise<void> {
    this.#isRebuilding = true
    const breather = new Breather(this.#thread.clock)
    for (const cluster of this.#outdated) {
      this.#outdated.delete(cluster)
      if (this.#clusters.get(cluster.name) === cluster) cluster.rebuild()
      await breather.step()
    }
    this.#isRebuilding = false
  }

  #newAllowance({ name, circuitBreaker }: ClusterConfig): Allowance {
    const { workers, worker } = this.#share
    const limits = new Limits(this.#share.cells(clusterLimitKey(name)), workers, worker, circuitBreaker)
    const places = new Places(limits, this.#thread.turn, this.#thread.clock)
    return { limits, places, health: new HostHealth(name, this.#thread, this.#share), clusters: 0 }
  }

  #depart(cluster: Cluster): void {
    cluster.drain()
    this.#departures.add({
      get isUnused() {
        return cluster.isUnused
      },
      leave: () => this.#end(cluster),
    })
  }

  /** Gives back what it holds. */
  #end(cluster: Cluster): void {
    const held = this.#held.get(cluster)
    if (held === undefined) return
    this.#held.delete(cluster)
    cluster.stop()
    held.metrics.release()
    if (--held.allowance.clusters > 0) return
    held.allowance.places.stop()
    held.allowance.health.stop()
    if (!this.#clusters.has(cluster.name)) this.onGone(cluster.name)
  }

  /** Resolves when its endpoints are known and, where they are checked, were checked once or could not be in time. */
  async #startCluster(cluster: Cluster): Promise<void> {
    await cluster.start()
    if (cluster.config.healthCheck === undefined) return
    await this.#inTime(this.#held.get(cluster)?.allowance.health.whenChecked() ?? Promise.resolve())
  }

  /** A name that nobody answers for must not keep the rest of a change. */
  #inTime(looking: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#thread.clock.setTimer(RESOLVE_MS, resolve)
      void looking.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }
}

function partsOf({ metrics }: Held, { context: { network } }: Cluster): HealthParts {
  return { metrics, network }
}

/** A cluster with discovery eds as it will be: its endpoints do not come with its configuration. */
function withEndpoints(
  config: ClusterConfig,
  given: readonly EndpointConfig[] | undefined,
  before: Cluster | undefined,
): ClusterConfig {
  if (config.discovery !== 'eds') return config
  const kept = keepsEndpoints(before?.config, config) ? before?.config.endpoints : undefined
  return { ...config, endpoints: given ?? kept ?? config.endpoints }
}
