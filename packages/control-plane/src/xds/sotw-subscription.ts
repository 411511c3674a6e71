import type { DiscoveryRequest, ResourceType } from '@meltemi/api/xds'
import { type Answer, Delivery } from './delivery.ts'
import { Interest, WILDCARD } from './interest.ts'
import { hasEverything } from './resource-kinds.ts'
import type { Resources, ResponsePlan, SentResponse, Subscription } from './subscription.ts'
import type { XdsResource } from './xds-resource.ts'

interface Difference {
  readonly changed: readonly XdsResource[]
  readonly gone: readonly XdsResource[]
}

/**
 * State of the world: each request names all that is wanted. A response has all of it for listeners and clusters, where
 * absence is removal; of other types it has what the client does not have yet, as these end with what refers to them.
 */
export class SotwSubscription implements Subscription<DiscoveryRequest> {
  readonly type: ResourceType
  readonly delivery = new Delivery()
  readonly #isWhole: boolean
  readonly #interest: Interest
  /** What the client was sent and has not dropped since. */
  readonly #has = new Map<string, XdsResource>()
  /** What the client runs on, as far as it was told whole: of what it was sent since, it may have rejected some. */
  #accepted: ReadonlyMap<string, XdsResource> = new Map()
  /** Names of what was in responses that were rejected. */
  readonly #rejected = new Set<string>()
  #lastSent: readonly XdsResource[] = []
  #hasNamed = false
  /** Wants a response even if there is nothing in it. */
  #isAsking: boolean
  #compared: { readonly resources: Resources; readonly difference: Difference } | undefined

  constructor(type: ResourceType, maxNames: number) {
    this.type = type
    this.#isWhole = hasEverything(type)
    this.#isAsking = this.#isWhole
    this.#interest = new Interest(maxNames)
  }

  get isRefused(): boolean {
    return [...this.#rejected].some((name) => this.#interest.wants(name))
  }

  receive(request: DiscoveryRequest): Answer {
    const answer = this.delivery.answer(request.responseNonce, request.errorDetail)
    if (answer === 'stale') return answer
    if (answer === 'accepted' && this.#isWhole) this.#accepted = new Map(this.#has)
    if (answer === 'rejected') for (const { name } of this.#lastSent) this.#rejected.add(name)
    this.#want(request.resourceNames)
    return answer
  }

  hasAdditions(resources: Resources): boolean {
    return this.#isAsking || this.#compare(resources).changed.length > 0
  }

  hasRemovals(resources: Resources): boolean {
    return this.#isWhole && this.#compare(resources).gone.length > 0
  }

  respond({ resources, version, nonce, sinceMs, mayRemove, encoder }: ResponsePlan): SentResponse {
    const { changed, gone } = this.#compare(resources)
    const news = this.#isWhole ? [...this.#interest.among(resources)] : changed
    const kept = mayRemove || !this.#isWhole ? [] : gone.flatMap(({ name }) => this.#accepted.get(name) ?? [])
    const content = [...news, ...kept]
    for (const { name } of gone) this.#has.delete(name)
    for (const resource of content) this.#has.set(resource.name, resource)
    this.#rejected.clear()
    this.#lastSent = news
    this.#isAsking = false
    this.#compared = undefined
    this.delivery.sent(nonce, version, sinceMs)
    const bytes = encoder.sotw({ type: this.type, version, nonce, resources: content })
    return { bytes, changed: changed.map(({ name }) => name) }
  }

  has(name: string): boolean {
    return this.#has.has(name)
  }

  forget(names: readonly string[]): void {
    for (const name of names) if (this.#has.delete(name)) this.#compared = undefined
  }

  /** No names at all means everything, until the first one is named; then it means nothing. */
  #want(names: readonly string[]): void {
    this.#hasNamed ||= names.length > 0
    const had = new Set(this.#interest.names)
    const wasWildcard = this.#interest.isWildcard
    this.#interest.clear()
    this.#interest.isWildcard = names.includes(WILDCARD) || (this.#isWhole && !this.#hasNamed)
    for (const name of names) if (name !== WILDCARD) this.#interest.add(name)
    for (const name of this.#has.keys()) if (!this.#interest.wants(name)) this.#has.delete(name)
    const isMore = this.#interest.isWildcard ? !wasWildcard : [...this.#interest.names].some((name) => !had.has(name))
    this.#isAsking ||= this.#isWhole && isMore
    this.#compared = undefined
  }

  #compare(resources: Resources): Difference {
    if (this.#compared?.resources === resources) return this.#compared.difference
    const changed: XdsResource[] = []
    for (const resource of this.#interest.among(resources)) {
      if (this.#has.get(resource.name)?.version !== resource.version) changed.push(resource)
    }
    const again = this.#interest.retries(this.#rejected, resources, changed.length > 0)
    const gone = [...this.#has.values()].filter(({ name }) => !resources.has(name))
    const difference = { changed: [...new Set([...changed, ...(again ?? [])])], gone }
    this.#compared = { resources, difference }
    return difference
  }
}
