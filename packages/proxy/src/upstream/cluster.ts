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
  readonly config: ClusterConfig
  readonly context: ClusterContext
  readonly #balancer: Balancer
  readonly #resolver: Resolver | null
  #endpoints: readonly Endpoint[] = []
  #picker: Picker<Endpoint>
  #isPanicking = false
  #isBuilt = false

  constructor(config: ClusterConfig, context: ClusterContext) {
    this.name = config.name
    this.config = config
    this.context = context
    this.#balancer = createBalancer(config.loadBalancer, context.random)
    this.#picker = this.#balancer.build<Endpoint>([])
    this.#resolver =
      config.discovery === 'strict-dns' ? new Resolver(config, context, (found) => this.setEndpoints(found)) : null
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  /** Resolves once the first endpoints are known, or cannot be for now. */
  async start(): Promise<void> {
    if (this.#resolver === null) this.setEndpoints(this.config.endpoints)
    else await this.#resolver.start()
  }

  stop(): void {
    this.#resolver?.stop()
    for (const endpoint of this.#endpoints) endpoint.close()
    this.context.places.stop()
  }

  drain(): void {
    for (const endpoint of this.#endpoints) endpoint.drain()
  }

  pick(request: PickContext): Endpoint | undefined {
    if (this.#isPanicking) this.context.stats.lbHealthyPanic.add(1)
    return this.#picker.pick(request)
  }

  /** Takes the new list; endpoints whose address stays keep their connections. */
  setEndpoints(configs: readonly EndpointConfig[]): void {
    const next = new Map(configs.map((config) => [formatAddress(config.address.host, config.address.port), config]))
    if (this.#isBuilt && this.#isSame(next)) return
    const before = new Map(this.#endpoints.map((endpoint) => [endpoint.address, endpoint]))
    this.#endpoints = [...next].map(([address, config]) => {
      const endpoint = before.get(address) ?? new Endpoint(config, this.context)
      endpoint.weight = config.weight
      endpoint.healthy = config.healthy
      return endpoint
    })
    this.rebuild()
    for (const [address, endpoint] of before) if (!next.has(address)) endpoint.drain()
  }

  /** DNS shuffles its answers: a new order is no news, and must not make every refresh build the picker again. */
  #isSame(next: ReadonlyMap<string, EndpointConfig>): boolean {
    if (next.size !== this.#endpoints.length) return false
    return this.#endpoints.every(({ address, weight, healthy }) => {
      const config = next.get(address)
      return config !== undefined && config.weight === weight && config.healthy === healthy
    })
  }

  /** Health or weights have changed. */
  rebuild(): void {
    const { endpoints, isPanicking } = usableEndpoints(this.#endpoints, this.config.panicThresholdPercent)
    this.#isPanicking = isPanicking
    this.#isBuilt = true
    this.#picker = this.#balancer.build(endpoints)
    const { stats } = this.context
    stats.membershipTotal.set(this.#endpoints.length)
    stats.membershipHealthy.set(this.#endpoints.filter((endpoint) => endpoint.healthy).length)
  }
}
