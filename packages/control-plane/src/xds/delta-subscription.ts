import type { DeltaDiscoveryRequest, ResourceType } from '@meltemi/api/xds'
import { GrpcCode, GrpcError } from '@meltemi/runtime/grpc'
import { type Answer, Delivery } from './delivery.ts'
import { Interest, WILDCARD } from './interest.ts'
import { hasEverything } from './resource-kinds.ts'
import type { Resources, ResponsePlan, SentResponse, Subscription } from './subscription.ts'
import type { XdsResource } from './xds-resource.ts'

/** In place of a version: the client knows that there is no such resource. */
const NONE = ''
/** In place of a version: the client was sent something and did not take it. */
const UNKNOWN = '\0'

interface Difference {
  /** With what is to be tried again, if `isRetry`. */
  readonly changed: readonly XdsResource[]
  readonly isRetry: boolean
  /** Asked for, but not there, which the client has not been told yet. */
  readonly missing: readonly string[]
  readonly gone: readonly string[]
}

/** Incremental: requests and responses say what becomes different, and a client that comes back says what it has. */
export class DeltaSubscription implements Subscription<DeltaDiscoveryRequest> {
  readonly type: ResourceType
  readonly delivery = new Delivery()
  readonly #maxNames: number
  readonly #interest: Interest
  /** What the client has, by name, or `NONE`. */
  readonly #versions = new Map<string, string>()
  /** Names that a response must speak of, one way or the other. */
  readonly #asked = new Set<string>()
  /** Names of all that was in responses that were rejected, and of what they said is not there. */
  readonly #rejected = new Set<string>()
  readonly #rejectedRemovals = new Set<string>()
  #lastSent: readonly XdsResource[] = []
  #lastRemoved: readonly string[] = []
  #isFirst = true
  /** Wants a response even if there is nothing in it. */
  #isAsking = false
  #compared: { readonly resources: Resources; readonly difference: Difference } | undefined

  constructor(type: ResourceType, maxNames: number) {
    this.type = type
    this.#maxNames = maxNames
    this.#interest = new Interest(maxNames)
  }

  get isRefused(): boolean {
    return [...this.#rejected, ...this.#rejectedRemovals].some((name) => this.#interest.wants(name))
  }

  /** Also a stale request says what is wanted from now on. */
  receive(request: DeltaDiscoveryRequest): Answer {
    const answer = this.delivery.answer(request.responseNonce, request.errorDetail)
    if (answer === 'rejected') this.#reject()
    this.#unsubscribe(request.resourceNamesUnsubscribe)
    this.#subscribe(request.resourceNamesSubscribe)
    if (this.#isFirst) this.#begin(request)
    if (answer !== 'accepted' || this.#isFirst || asksForNames(request)) this.#compared = undefined
    this.#isFirst = false
    return answer
  }

  hasAdditions(resources: Resources): boolean {
    const { changed, missing } = this.#compare(resources)
    return this.#isAsking || changed.length > 0 || missing.length > 0
  }

  hasRemovals(resources: Resources): boolean {
    return this.#compare(resources).gone.length > 0
  }

  respond({ resources, version, nonce, sinceMs, mayRemove, encoder }: ResponsePlan): SentResponse {
    const { changed, isRetry, missing, gone } = this.#compare(resources)
    const isPlain = this.#rejected.size === 0
    const removed = [...new Set([...missing, ...(mayRemove ? gone : []), ...this.#removedAgain(resources)])]
    if (isRetry) this.#forgetRejected()
    for (const resource of changed) this.#versions.set(resource.name, resource.version)
    for (const name of removed) this.#setNone(name)
    this.#rejectedRemovals.clear()
    this.#asked.clear()
    this.#lastSent = changed
    this.#lastRemoved = removed
    this.#isAsking = false
    const difference = { isRetry: false, changed: [], missing: [], gone: mayRemove ? [] : gone }
    this.#compared = isPlain ? { resources, difference } : undefined
    this.delivery.sent(nonce, version, sinceMs)
    const bytes = encoder.delta({ type: this.type, version, nonce, resources: changed, removed })
    return { bytes, changed: changed.map(({ name }) => name) }
  }

  has(name: string): boolean {
    return (this.#versions.get(name) ?? NONE) !== NONE
  }

  forget(names: readonly string[]): void {
    for (const name of names) if (this.has(name) && this.#versions.delete(name)) this.#compared = undefined
  }

  #reject(): void {
    for (const { name } of this.#lastSent) this.#rejected.add(name)
    for (const name of this.#lastRemoved) this.#rejectedRemovals.add(name)
  }

  /** Now that it is sent again; of what is not there any more, nobody knows whether the client has it. */
  #forgetRejected(): void {
    for (const name of this.#rejected) if (this.has(name)) this.#versions.set(name, UNKNOWN)
    this.#rejected.clear()
  }

  #removedAgain(resources: Resources): readonly string[] {
    const isGone = (name: string) => this.#interest.wants(name) && !resources.has(name) && !this.has(name)
    return [...this.#rejectedRemovals].filter(isGone)
  }

  /** Versions from before the connection was lost count, as far as they are still wanted. */
  #begin({ resourceNamesSubscribe, initialResourceVersions }: DeltaDiscoveryRequest): void {
    if (resourceNamesSubscribe.length === 0) this.#interest.isWildcard = hasEverything(this.type)
    const known = Object.entries(initialResourceVersions)
    if (known.length > this.#maxNames) throw tooMany(this.#maxNames, 'initial versions')
    for (const [name, version] of known) if (this.#interest.wants(name)) this.#versions.set(name, version)
    this.#isAsking = this.#interest.isWildcard && known.length === 0
  }

  /** What is asked for once more is sent once more: the client may have dropped it in between. */
  #subscribe(names: readonly string[]): void {
    for (const name of names) {
      if (name === WILDCARD) this.#interest.isWildcard = true
      else {
        this.#interest.add(name)
        this.#versions.delete(name)
      }
    }
  }

  #unsubscribe(names: readonly string[]): void {
    if (names.length === 0) return
    for (const name of names) {
      if (name === WILDCARD) this.#interest.isWildcard = false
      else if (this.#interest.names.has(name)) this.#drop(name)
    }
    for (const name of this.#versions.keys()) if (!this.#interest.wants(name)) this.#versions.delete(name)
  }

  #drop(name: string): void {
    // With a wildcard it may still be wanted, which the client cannot know.
    if (this.#interest.isWildcard) this.#ask(name)
    this.#interest.delete(name)
    this.#versions.delete(name)
  }

  #ask(name: string): void {
    if (this.#asked.size >= this.#maxNames) throw tooMany(this.#maxNames, 'changes of mind')
    this.#asked.add(name)
  }

  #compare(resources: Resources): Difference {
    if (this.#compared?.resources === resources) return this.#compared.difference
    const { changed, missing, gone } = this.#interest.isWildcard ? this.#look(resources) : this.#lookNamed(resources)
    for (const name of this.#asked) if (!resources.has(name)) missing.add(name)
    const again = this.#interest.retries(this.#rejected, resources, changed.length > 0)
    const difference = {
      isRetry: again !== undefined,
      changed: this.#rejected.size === 0 ? changed : [...new Set([...changed, ...(again ?? [])])],
      missing: [...missing],
      gone,
    }
    this.#compared = { resources, difference }
    return difference
  }

  #look(resources: Resources) {
    const [changed, missing, gone]: [XdsResource[], Set<string>, string[]] = [[], new Set(), []]
    for (const resource of resources.values()) {
      if (this.#versions.get(resource.name) !== resource.version) changed.push(resource)
    }
    for (const name of this.#interest.names) if (!resources.has(name) && !this.#versions.has(name)) missing.add(name)
    for (const [name, version] of this.#versions) if (version !== NONE && !resources.has(name)) gone.push(name)
    return { changed, missing, gone }
  }

  /** Without a wildcard there is a version only of what is named, so that one look at each name is enough. */
  #lookNamed(resources: Resources) {
    const [changed, missing, gone]: [XdsResource[], Set<string>, string[]] = [[], new Set(), []]
    for (const name of this.#interest.names) {
      const resource = resources.get(name)
      const version = this.#versions.get(name)
      if (resource !== undefined) {
        if (version !== resource.version) changed.push(resource)
      } else if (version === undefined) missing.add(name)
      else if (version !== NONE) gone.push(name)
    }
    return { changed, missing, gone }
  }

  #setNone(name: string): void {
    if (this.#interest.names.has(name)) this.#versions.set(name, NONE)
    else this.#versions.delete(name)
  }
}

function asksForNames({ resourceNamesSubscribe, resourceNamesUnsubscribe }: DeltaDiscoveryRequest): boolean {
  return resourceNamesSubscribe.length > 0 || resourceNamesUnsubscribe.length > 0
}

function tooMany(limit: number, what: string): GrpcError {
  return new GrpcError(GrpcCode.RESOURCE_EXHAUSTED, `more than ${limit} ${what} are not served`)
}
