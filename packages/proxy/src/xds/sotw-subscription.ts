import { isDeepStrictEqual } from 'node:util'
import { type DiscoveryRequestInit, RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import { type NodeInit, REJECTED, type Subscription } from './subscription.ts'

/** State-of-the-world: each request repeats all names, each response all that is there. */
export class SotwSubscription implements Subscription {
  readonly type: ResourceType
  #names: readonly string[]
  #version: string
  #nonce = ''

  /** `version`: of what is held already, for example from the disk; empty: none. */
  constructor(type: ResourceType, names: readonly string[], version: string) {
    this.type = type
    this.#names = names
    this.#version = version
  }

  get names(): readonly string[] {
    return this.#names
  }

  open(node: NodeInit | undefined): DiscoveryRequestInit {
    this.#nonce = ''
    return node === undefined ? this.#request() : { ...this.#request(), node }
  }

  rename(names: readonly string[]): DiscoveryRequestInit | undefined {
    if (isDeepStrictEqual(names, this.#names)) return undefined
    this.#names = names
    return this.#request()
  }

  heard(nonce: string): void {
    this.#nonce = nonce
  }

  accepted(version: string): void {
    this.#version = version
  }

  answer(nonce: string, fault: string | undefined): DiscoveryRequestInit {
    const request = { ...this.#request(), responseNonce: nonce }
    return fault === undefined ? request : { ...request, errorDetail: { code: REJECTED, message: fault } }
  }

  #request() {
    return {
      typeUrl: RESOURCE_TYPES[this.type],
      resourceNames: [...this.#names],
      versionInfo: this.#version,
      responseNonce: this.#nonce,
    }
  }
}
