import { type DeltaDiscoveryRequestInit, RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import { type Held, type NodeInit, REJECTED, type Subscription } from './subscription.ts'

/** Incremental: requests say which names come and go, responses which resources do. */
export class DeltaSubscription implements Subscription {
  readonly type: ResourceType
  readonly #held: Held
  #names: readonly string[]

  constructor(type: ResourceType, names: readonly string[], held: Held) {
    this.type = type
    this.#names = names
    this.#held = held
  }

  get names(): readonly string[] {
    return this.#names
  }

  /** No names at all means everything. What is held is told, so that only what has changed comes. */
  open(node: NodeInit | undefined): DeltaDiscoveryRequestInit {
    const versions = [...this.#held().resources].map(([name, { version }]) => [name, version] as const)
    return {
      ...this.#request(),
      resourceNamesSubscribe: [...this.#names],
      initialResourceVersions: Object.fromEntries(versions),
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

  answer(nonce: string, fault: string | undefined): DeltaDiscoveryRequestInit {
    const request = { ...this.#request(), responseNonce: nonce }
    return fault === undefined ? request : { ...request, errorDetail: { code: REJECTED, message: fault } }
  }

  #request() {
    return { typeUrl: RESOURCE_TYPES[this.type] }
  }
}
