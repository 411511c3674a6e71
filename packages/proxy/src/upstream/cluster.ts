import { isDeepStrictEqual } from 'node:util'
import type { ClusterConfig, EndpointConfig } from '@meltemi/api/model'
import { usableEndpoints } from './balance/panic.ts'
import type { Balancer, PickContext, Picker } from './balance/picker.ts'
import { createBalancer } from './balance/policies.ts'
import type { ClusterContext } from './context.ts'
import { Endpoint, formatAddress } from './endpoint.ts'
import { Resolver } from './resolver.ts'

/** A named group of endpoints, the way to choose among them, and its limits. */
export class Cluster {
  readonly name: string
  readonly context: ClusterContext
  #config: ClusterConfig
  #balancer: Balancer
  #resolver: Resolver | null = null
  #endpoints: readonly Endpoint[] = []
  /** No longer in the list, but not unused yet. */
  #leaving: readonly Endpoint[] = []
  #picker: Picker<Endpoint>
  #isPanicking = false
  #isBuilt = false

  constructor(config: ClusterConfig, context: ClusterContext) {
    this.name = config.name
    this.context = context
    this.#config = config
    this.#balancer = createBalancer(config.loadBalancer, context.random)
    this.#picker = this.#balancer.build<Endpoint>([])
    if (config.discovery === 'strict-dns') this.#follow(new Resolver(config, context))
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

  /** Resolves once the first endpoints are known, or cannot be for now. */
  async start(): Promise<void> {
    if (this.#resolver === null) this.setEndpoints(this.#config.endpoints)
    else await this.#resolver.start()
  }

  /** Ends everything now. */
  stop(): void {
    this.#resolver?.stop()
    for (const endpoint of [...this.#endpoints, ...this.#leaving]) endpoint.close()
  }

  /** No new requests; what is under way is finished. */
  drain(): void {
    this.#resolver?.stop()
    for (const endpoint of this.#endpoints) endpoint.drain()
  }

  pick(request: PickContext): Endpoint | undefined {
    if (this.#isPanicking) this.context.stats.lbHealthyPanic.add(1)
    return this.#picker.pick(request)
  }

  /** Whether connections made for this cluster serve the other configuration as well. */
  canBecome({ statName, http2 }: ClusterConfig): boolean {
    return statName === this.#config.statName && http2 === this.#config.http2
  }

  /** The resolver for another configuration, not started, where names are to be resolved otherwise than now. */
  newResolver(config: ClusterConfig): Resolver | null {
    const isNeeded = config.discovery === 'strict-dns' && !resolvesAlike(this.#config, config)
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
    if (!isDeepStrictEqual(before.loadBalancer, config.loadBalancer)) {
      this.#balancer = createBalancer(config.loadBalancer, context.random)
    }
    if (resolver !== null || config.discovery !== 'strict-dns') this.#follow(resolver)
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
    const next = new Map(configs.map((config) => [formatAddress(config.address.host, config.address.port), config]))
    if (this.#isBuilt && this.#isSame(next)) return
    const before = new Map(this.#endpoints.map((endpoint) => [endpoint.address, endpoint]))
    this.#endpoints = [...next].map(([address, config]) => {
      const endpoint = before.get(address) ?? new Endpoint(config, this.context)
      endpoint.hostname = config.hostname
      endpoint.weight = config.weight
      endpoint.healthy = config.healthy
      return endpoint
    })
    this.rebuild()
    this.#letGo([...before.values()].filter(({ address }) => !next.has(address)))
  }

  /** Health or weights have changed. */
  rebuild(): void {
    const { endpoints, isPanicking } = usableEndpoints(this.#endpoints, this.#config.panicThresholdPercent)
    this.#isPanicking = isPanicking
    this.#isBuilt = true
    this.#picker = this.#balancer.build(endpoints)
    const { stats } = this.context
    stats.membershipTotal.set(this.#endpoints.length)
    stats.membershipHealthy.set(this.#endpoints.filter((endpoint) => endpoint.healthy).length)
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
    if (next.size !== this.#endpoints.length) return false
    return this.#endpoints.every(({ address, hostname, weight, healthy }) => {
      const config = next.get(address)
      return config?.hostname === hostname && config.weight === weight && config.healthy === healthy
    })
  }
}

function resolvesAlike(a: ClusterConfig, b: ClusterConfig): boolean {
  return (
    a.discovery === b.discovery &&
    a.dnsRefreshMs === b.dnsRefreshMs &&
    a.dnsLookupFamily === b.dnsLookupFamily &&
    isDeepStrictEqual(a.endpoints, b.endpoints)
  )
}
