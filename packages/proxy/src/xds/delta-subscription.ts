import { type DeltaDiscoveryRequestInit, RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import { type NodeInit, REJECTED, type Subscription } from './subscription.ts'

/** Incremental: requests say which names come and go, responses which resources do. */
export class DeltaSubscription implements Subscription {
  readonly type: ResourceType
  #names: readonly string[]
  /** Of what is held, by name: so that a new stream brings only what has changed. */
  #versions: ReadonlyMap<string, string>

  constructor(type: ResourceType, names: readonly string[], versions: ReadonlyMap<string, string>) {
    this.type = type
    this.#names = names
    this.#versions = versions
  }

  get names(): readonly string[] {
    return this.#names
  }

  /** No names at all means everything. */
  open(node: NodeInit | undefined): DeltaDiscoveryRequestInit {
    return {
      ...this.#request(),
      resourceNamesSubscribe: [...this.#names],
      initialResourceVersions: Object.fromEntries(this.#versions),
      ...(node === undefined ? {} : { node }),
    }
  }

  rename(names: readonly string[]): DeltaDiscoveryRequestInit | undefined {
    const [before, after] = [new Set(this.#names), new Set(names)]
    const resourceNamesSubscribe = names.filter((name) => !before.has(name))
    const resourceNamesUnsubscribe = this.#names.filter((name) => !after.has(name))
    this.#names = names
    if (resourceNamesSubscribe.length + resourceNamesUnsubscribe.length === 0) return undefined
    return { ...this.#request(), resourceNamesSubscribe, resourceNamesUnsubscribe }
  }

  /** Each response has its own answer, so there is nothing to remember. */
  heard(): void {}

  accepted(_version: string, versions: ReadonlyMap<string, string>): void {
    this.#versions = versions
  }

  answer(nonce: string, fault: string | undefined): DeltaDiscoveryRequestInit {
    const request = { ...this.#request(), responseNonce: nonce }
    return fault === undefined ? request : { ...request, errorDetail: { code: REJECTED, message: fault } }
  }

  #request() {
    return { typeUrl: RESOURCE_TYPES[this.type] }
  }
}
