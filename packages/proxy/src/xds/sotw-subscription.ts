import { isDeepStrictEqual } from 'node:util'
import { type DiscoveryRequestInit, RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import { type Held, type NodeInit, REJECTED, type Subscription } from './subscription.ts'

/** State-of-the-world: each request repeats all names, each response all that is there. */
export class SotwSubscription implements Subscription {
  readonly type: ResourceType
  readonly #held: Held
  #names: readonly string[]
  #nonce = ''

  constructor(type: ResourceType, names: readonly string[], held: Held) {
    this.type = type
    this.#names = names
    this.#held = held
  }

  get names(): readonly string[] {
    return this.#names
  }

  open(node: NodeInit | undefined): DiscoveryRequestInit {
    this.#nonce = ''
    // who says a version says that all of it is here: the control plane may send nothing
    const isWhole = this.#names.every((name) => this.#held().resources.has(name))
    const request = { ...this.#request(), ...(isWhole ? {} : { versionInfo: '' }) }
    return node === undefined ? request : { ...request, node }
  }

  rename(names: readonly string[]): DiscoveryRequestInit | undefined {
    if (isDeepStrictEqual(names, this.#names)) return undefined
    this.#names = names
    return this.#request()
  }

  heard(nonce: string): void {
    this.#nonce = nonce
  }

  answer(nonce: string, fault: string | undefined): DiscoveryRequestInit {
    const request = { ...this.#request(), responseNonce: nonce }
    return fault === undefined ? request : { ...request, errorDetail: { code: REJECTED, message: fault } }
  }

  #request() {
    return {
      typeUrl: RESOURCE_TYPES[this.type],
      resourceNames: [...this.#names],
      versionInfo: this.#held().version,
      responseNonce: this.#nonce,
    }
  }
}
