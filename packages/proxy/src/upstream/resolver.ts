import { isIP } from 'node:net'
import type { ClusterConfig, DnsLookupFamily, EndpointConfig } from '@meltemi/api/model'
import type { Timer } from '@meltemi/runtime'
import type { AddressFamily } from '../net/network.ts'
import type { ClusterContext } from './context.ts'

/** What is asked for: one family alone, or both, of which one may then be preferred. */
const ASKED: Readonly<Record<DnsLookupFamily, AddressFamily>> = {
  auto: 0,
  'v4-only': 4,
  'v6-only': 6,
  'v4-preferred': 0,
  all: 0,
}

/**
 * STRICT_DNS: every address of every name is an endpoint. A name that cannot be resolved keeps its last addresses,
 * so a DNS outage does not take down what works.
 */
export class Resolver {
  /** Told of every answer. */
  onFound: (endpoints: readonly EndpointConfig[]) => void = () => {}
  readonly #config: ClusterConfig
  readonly #context: ClusterContext
  readonly #known: Map<string, readonly string[]>
  #timer: Timer | undefined
  #isStopped = false

  /** `before`: whose answers are good until there are new ones. */
  constructor(config: ClusterConfig, context: ClusterContext, before: Resolver | null = null) {
    this.#config = config
    this.#context = context
    this.#known = new Map(before === null ? [] : before.#known)
  }

  /** By the last answers. */
  get found(): readonly EndpointConfig[] {
    return this.#config.endpoints.flatMap((endpoint) => this.#expand(endpoint))
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
    if (!this.#isStopped) this.onFound(this.found)
  }

  async #resolveName(name: string): Promise<void> {
    if (isIP(name) !== 0) {
      this.#known.set(name, [name])
      return
    }
    try {
      const { dnsLookupFamily } = this.#config
      const addresses = await this.#context.network.resolve(name, ASKED[dnsLookupFamily])
      this.#known.set(name, preferred(addresses, dnsLookupFamily))
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

/** As Envoy: where a family is preferred, the other's addresses count only when there are none of it. */
function preferred(addresses: readonly string[], family: DnsLookupFamily): readonly string[] {
  if (family !== 'auto' && family !== 'v4-preferred') return addresses
  const first = addresses.filter((address) => isIP(address) === (family === 'auto' ? 6 : 4))
  return first.length > 0 ? first : addresses
}
