import type { ClusterConfig, EndpointConfig } from '@meltemi/api/model'
import type { ClusterContext } from './context.ts'
import { NameResolver } from './name-resolver.ts'

/**
 * STRICT_DNS: every address of every name is an endpoint. LOGICAL_DNS: of its one name the first address is. A name that
 * cannot be resolved keeps its last addresses, so a DNS outage does not take down what works.
 */
export class Resolver {
  /** Told of every answer. */
  onFound: (endpoints: readonly EndpointConfig[]) => void = () => {}
  readonly #config: ClusterConfig
  readonly #names: ReadonlyMap<string, NameResolver>
  #isStopped = false

  /** `before`: whose answers are good until there are new ones. */
  constructor(config: ClusterConfig, context: ClusterContext, before: Resolver | null = null) {
    this.#config = config
    const names = new Set(config.endpoints.map(({ address }) => address.host))
    this.#names = new Map(
      [...names].map((name) => {
        const known = before === null ? [] : (before.#names.get(name)?.addresses ?? [])
        return [name, new NameResolver(name, { config, context, known, onAnswer: () => this.#tell() })]
      }),
    )
  }

  /** By the last answers. */
  get found(): readonly EndpointConfig[] {
    return this.#config.endpoints.flatMap((endpoint) => this.#expand(endpoint))
  }

  /** Resolves when each name was asked for once. */
  async start(): Promise<void> {
    await Promise.all([...this.#names.values()].map((name) => name.start()))
    // without names nobody tells
    if (this.#names.size === 0) this.#tell()
  }

  stop(): void {
    this.#isStopped = true
    for (const name of this.#names.values()) name.stop()
  }

  #tell(): void {
    if (!this.#isStopped) this.onFound(this.found)
  }

  #expand(endpoint: EndpointConfig): EndpointConfig[] {
    const addresses = this.#names.get(endpoint.address.host)?.addresses ?? []
    const used = this.#config.discovery === 'logical-dns' ? addresses.slice(0, 1) : addresses
    return used.map((host) => ({
      ...endpoint,
      address: { host, port: endpoint.address.port },
      hostname: endpoint.hostname === '' ? endpoint.address.host : endpoint.hostname,
    }))
  }
}
