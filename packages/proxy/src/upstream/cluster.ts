import { isDeepStrictEqual } from 'node:util'
import type { ClusterConfig, EndpointConfig } from '@meltemi/api/model'
import { formatAddress } from '../util/format-address.ts'
import { ClusterBalancer } from './balance/cluster-balancer.ts'
import type { PickContext, Picker } from './balance/picker.ts'
import type { ClusterContext } from './context.ts'
import { Endpoint } from './endpoint.ts'
import type { HealthWatcher, WatchedHost } from './health/host-health.ts'
import { HostFlag } from './health/host-table.ts'
import { Resolver } from './resolver.ts'
import { saysSame } from './same-endpoint.ts'

/** A named group of endpoints, the way to choose among them, and its limits. */
export class Cluster implements HealthWatcher {
  readonly name: string
  readonly context: ClusterContext
  /** Told when endpoints, their health or their weights have changed. */
  onRebuilt: () => void = () => {}
  #config: ClusterConfig
  #balancer: ClusterBalancer
  #resolver: Resolver | null = null
  #endpoints: readonly Endpoint[] = []
  /** By address, what was said last of those that are here. */
  #said: ReadonlyMap<string, EndpointConfig> = new Map()
  /** No longer in the list, but not unused yet. */
  #leaving: readonly Endpoint[] = []
  #picker: Picker<Endpoint>
  #isBuilt = false

  constructor(config: ClusterConfig, context: ClusterContext) {
    this.name = config.name
    this.context = context
    this.#config = config
    this.#balancer = new ClusterBalancer(config, context, context.stats)
    this.#picker = this.#balancer.build<Endpoint>([])
    if (resolvesNames(config)) this.#follow(new Resolver(config, context))
    context.health?.watch(this)
  }

  get config(): ClusterConfig {
    return this.#config
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  /** Nothing is under way to any endpoint that it has or had. */
  get isUnused(): boolean {
    return this.#endpoints.every(({ isUnused }) => isUnused) && this.#leaving.every(({ isUnused }) => isUnused)
  }

  /** Whether it must be built again when this proxy and its like are in other zones. */
  get usesZones(): boolean {
    return this.#balancer.usesZones
  }

  /** Resolves once the first endpoints are known, or cannot be for now. */
  async start(): Promise<void> {
    if (this.#resolver === null) this.setEndpoints(this.#config.endpoints)
    else await this.#resolver.start()
  }

  /** Ends everything now. */
  stop(): void {
    this.#resolver?.stop()
    for (const endpoint of [...this.#endpoints, ...this.#leaving]) endpoint.close()
    const { health } = this.context
    health?.unwatch(this)
    for (const endpoint of this.#endpoints) health?.leave(endpoint)
    health?.settle()
  }

  /** No new requests; what is under way is finished. */
  drain(): void {
    this.#resolver?.stop()
    for (const endpoint of this.#endpoints) endpoint.drain()
  }

  pick(request: PickContext): Endpoint | undefined {
    return this.#picker.pick(request)
  }

  /** Whether connections made for this cluster serve the other configuration as well. */
  canBecome({ statName, http2, tls, transportMatches }: ClusterConfig): boolean {
    const before = this.#config
    return (
      statName === before.statName &&
      http2 === before.http2 &&
      isDeepStrictEqual(tls, before.tls) &&
      isDeepStrictEqual(transportMatches, before.transportMatches)
    )
  }

  /** The resolver for another configuration, not started, where names are to be resolved otherwise than now. */
  newResolver(config: ClusterConfig): Resolver | null {
    const isNeeded = resolvesNames(config) && !resolvesAlike(this.#config, config)
    return isNeeded ? new Resolver(config, this.context, this.#resolver) : null
  }

  /** Goes on with a configuration that it can become; endpoints whose address stays keep their connections. */
  become(config: ClusterConfig, resolver: Resolver | null): void {
    const before = this.#config
    const { context } = this
    this.#config = config
    context.connectTimeoutMs = config.connectTimeoutMs
    context.bufferLimitBytes = config.bufferLimitBytes
    context.limits.setMaxima(config.circuitBreaker)
    if (!balancesAlike(before, config)) this.#balancer = new ClusterBalancer(config, context, context.stats)
    if (resolver !== null || !resolvesNames(config)) this.#follow(resolver)
    this.#isBuilt = false
    this.setEndpoints(this.#resolver?.found ?? config.endpoints)
  }

  /** With discovery eds: where it goes from now on. */
  assign(endpoints: readonly EndpointConfig[]): void {
    this.#config = { ...this.#config, endpoints }
    this.setEndpoints(endpoints)
  }

  /** Takes the new list; endpoints whose address stays keep their connections. */
  setEndpoints(configs: readonly EndpointConfig[]): void {
    const isLogical = this.#config.discovery === 'logical-dns'
    const next = byAddress(configs)
    if (this.#isBuilt && this.#isSame(next)) return
    this.context.turn.refresh()
    if (isLogical) this.#moveTo(configs[0])
    const before = new Map(this.#endpoints.map((endpoint) => [endpoint.address, endpoint]))
    const named = [...next].map(([address, config]) => this.#take(config, before.get(address)))
    const others = [...before.values()].filter(({ address }) => !next.has(address))
    this.#said = next
    this.#keep(named, others)
  }

  onHealthChanged(changed: ReadonlySet<WatchedHost>): void {
    const mine = this.#endpoints.filter((endpoint) => changed.has(endpoint))
    if (mine.length === 0 || !this.#isBuilt) return
    const [leaving, staying] = partition(this.#endpoints, ({ isLeaving }) => isLeaving)
    if (leaving.some((endpoint) => !this.#isHeld(endpoint))) this.#keep(staying, leaving)
    else this.rebuild()
    if (!this.#config.closesConnectionsOfUnhealthy) return
    for (const endpoint of mine) if (!endpoint.healthy && endpoint.isSaidHealthy) endpoint.dropConnections()
  }

  #take(config: EndpointConfig, before: Endpoint | undefined): Endpoint {
    const endpoint = before ?? new Endpoint(config, this.context)
    if (before === undefined) this.context.health?.join(endpoint)
    else {
      before.configure(config)
      before.isLeaving = false
      this.context.health?.updateCheck(before)
    }
    return endpoint
  }

  /** Goes on with those that are named, and with others for as long as they are held. */
  #keep(named: readonly Endpoint[], others: readonly Endpoint[]): void {
    const [held, gone] = partition(others, (endpoint) => this.#isHeld(endpoint))
    for (const endpoint of held) endpoint.isLeaving = true
    this.#endpoints = [...named, ...held]
    this.rebuild()
    this.#letGo(gone)
    for (const endpoint of gone) this.context.health?.leave(endpoint)
    this.context.health?.settle()
  }

  /** As Envoy: a host that passes its health checks stays, whatever discovery says. */
  #isHeld({ flags, slot, check }: Endpoint): boolean {
    const { discovery, healthCheck, ignoresHealthOnRemoval = false } = this.#config
    const isDiscovered = discovery === 'eds' || discovery === 'strict-dns'
    if (healthCheck === undefined || ignoresHealthOnRemoval || !isDiscovered) return false
    return slot !== null && check?.isDisabled !== true && (flags & HostFlag.Unhealthy) === 0
  }

  /** Health or weights have changed. */
  rebuild(): void {
    const { loadBalancer } = this.#config
    const decayMs = loadBalancer.kind === 'peak-ewma' ? loadBalancer.decayMs : undefined
    for (const endpoint of this.#endpoints) endpoint.measure(decayMs)
    this.#isBuilt = true
    this.#picker = this.#balancer.build(this.#countedEndpoints(), this.context.localZones?.())
    const { stats } = this.context
    stats.membershipTotal.set(this.#endpoints.length)
    stats.membershipHealthy.set(this.#endpoints.filter(({ healthy, degraded }) => healthy && !degraded).length)
    stats.membershipDegraded.set(this.#endpoints.filter(({ healthy, degraded }) => healthy && degraded).length)
    this.onRebuilt()
  }

  /** Those that nobody has checked yet may be left out, unless there are no others. */
  #countedEndpoints(): readonly Endpoint[] {
    if (!this.#config.ignoresUncheckedHosts) return this.#endpoints
    const checked = this.#endpoints.filter(({ isUnchecked }) => !isUnchecked)
    return checked.length > 0 ? checked : this.#endpoints
  }

  /** The one endpoint of a logical name: with its connections it goes on under another address. */
  #moveTo(config: EndpointConfig | undefined): void {
    const [only, ...others] = this.#endpoints
    if (config === undefined || only === undefined || others.length > 0) return
    const { health } = this.context
    const { host, port } = config.address
    if (only.address === formatAddress(host, port)) return
    health?.leave(only)
    only.moveTo(config.address)
    health?.join(only)
  }

  #follow(resolver: Resolver | null): void {
    this.#resolver?.stop()
    this.#resolver = resolver
    if (resolver !== null) resolver.onFound = (found) => this.setEndpoints(found)
  }

  #letGo(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) endpoint.drain()
    this.#leaving = [...this.#leaving, ...endpoints].filter(({ isUnused }) => !isUnused)
  }

  /** DNS shuffles its answers: a new order is no news, and must not make every refresh build the picker again. */
  #isSame(next: ReadonlyMap<string, EndpointConfig>): boolean {
    if (next.size !== this.#said.size) return false
    for (const [address, config] of next) {
      const before = this.#said.get(address)
      if (before === undefined || !saysSame(before, config)) return false
    }
    return true
  }
}

function partition<T>(all: readonly T[], test: (one: T) => boolean): readonly [T[], T[]] {
  const yes: T[] = []
  const no: T[] = []
  for (const one of all) (test(one) ? yes : no).push(one)
  return [yes, no]
}

/** An address that is there twice counts as it is there first, as in Envoy. */
function byAddress(configs: readonly EndpointConfig[]): ReadonlyMap<string, EndpointConfig> {
  const found = new Map<string, EndpointConfig>()
  for (const config of configs) {
    const address = formatAddress(config.address.host, config.address.port)
    if (!found.has(address)) found.set(address, config)
  }
  return found
}

function resolvesNames({ discovery }: ClusterConfig): boolean {
  return discovery === 'strict-dns' || discovery === 'logical-dns'
}

function resolvesAlike(a: ClusterConfig, b: ClusterConfig): boolean {
  return (
    a.discovery === b.discovery &&
    a.dnsRefreshMs === b.dnsRefreshMs &&
    a.dnsLookupFamily === b.dnsLookupFamily &&
    a.respectDnsTtl === b.respectDnsTtl &&
    isDeepStrictEqual(a.dnsFailureRefresh, b.dnsFailureRefresh) &&
    isDeepStrictEqual(a.dnsServers, b.dnsServers) &&
    isDeepStrictEqual(a.endpoints, b.endpoints)
  )
}

function balancesAlike(a: ClusterConfig, b: ClusterConfig): boolean {
  return (
    a.panicThresholdPercent === b.panicThresholdPercent &&
    isDeepStrictEqual(a.loadBalancer, b.loadBalancer) &&
    isDeepStrictEqual(a.localityLb, b.localityLb) &&
    isDeepStrictEqual(a.subsets, b.subsets)
  )
}
