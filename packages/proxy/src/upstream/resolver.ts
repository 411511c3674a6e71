import { isIP } from 'node:net'
import type { ClusterConfig, EndpointConfig } from '@meltemi/api/model'
import type { Timer } from '@meltemi/runtime'
import type { ClusterContext } from './context.ts'

/**
 * STRICT_DNS: every address of every name is an endpoint. A name that cannot be resolved keeps its last addresses,
 * so a DNS outage does not take down what works.
 */
export class Resolver {
  readonly #config: ClusterConfig
  readonly #context: ClusterContext
  readonly #found: (endpoints: readonly EndpointConfig[]) => void
  readonly #known = new Map<string, readonly string[]>()
  #timer: Timer | undefined
  #isStopped = false

  constructor(config: ClusterConfig, context: ClusterContext, found: (endpoints: readonly EndpointConfig[]) => void) {
    this.#config = config
    this.#context = context
    this.#found = found
  }

  async start(): Promise<void> {
    await this.#resolveAll()
    if (this.#isStopped) return
    this.#timer = this.#context.clock.setTimer(this.#config.dnsRefreshMs, () => void this.start())
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  async #resolveAll(): Promise<void> {
    const names = new Set(this.#config.endpoints.map((endpoint) => endpoint.address.host))
    await Promise.all([...names].map((name) => this.#resolveName(name)))
    if (!this.#isStopped) this.#found(this.#config.endpoints.flatMap((endpoint) => this.#expand(endpoint)))
  }

  async #resolveName(name: string): Promise<void> {
    if (isIP(name) !== 0) {
      this.#known.set(name, [name])
      return
    }
    try {
      this.#known.set(name, await this.#context.network.resolve(name))
      this.#context.stats.updateSuccess.add(1)
    } catch {
      // counted, not thrown: the last known addresses stay, and the next refresh tries again
      this.#context.stats.updateFailure.add(1)
    }
  }

  #expand(endpoint: EndpointConfig): EndpointConfig[] {
    const addresses = this.#known.get(endpoint.address.host) ?? []
    return addresses.map((host) => ({
      ...endpoint,
      address: { host, port: endpoint.address.port },
      hostname: endpoint.hostname === '' ? endpoint.address.host : endpoint.hostname,
    }))
  }
}
