import type { ProxyConfig } from '@meltemi/api/model'
import { RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import type { Clock } from '@meltemi/runtime'
import { Backoff } from '../util/backoff.ts'
import type { Random } from '../util/random.ts'
import { DiscoveryStream } from './discovery-stream.ts'
import type { NodeInit, Subscription } from './subscription.ts'
import type { XdsRequest, XdsResponse, XdsService, XdsTransport } from './transport.ts'

export interface LinkParts {
  /** Of the sources that come by this stream. */
  readonly source: string
  readonly service: XdsService
  readonly addresses: readonly string[]
  /** That they are of. */
  readonly cluster?: string
  readonly node: ProxyConfig['node']
  readonly userAgentVersion: string
  readonly clock: Clock
  readonly random: Random
  readonly transport: XdsTransport
  onResponse(link: Link, response: XdsResponse): void
  onLost(link: Link, reason: string, hadAnswered: boolean): void
}

const ORDER = Object.keys(RESOURCE_TYPES)

/** A stream to a control plane with the subscriptions that it serves: one per type. */
export class Link {
  readonly source: string
  readonly #parts: LinkParts
  readonly #stream: DiscoveryStream
  readonly #subscriptions = new Map<ResourceType, Subscription>()
  #isOpen = false

  constructor(parts: LinkParts) {
    this.source = parts.source
    this.#parts = parts
    this.#stream = new DiscoveryStream({
      ...parts,
      backoff: new Backoff(parts.random),
      firstRequests: () => this.#firstRequests(),
      onResponse: (response) => parts.onResponse(this, response),
      onLost: (reason, hadAnswered) => parts.onLost(this, reason, hadAnswered),
    })
  }

  /** Everything may be asked for, and answered, on this stream. */
  get isAds(): boolean {
    return this.#parts.service.type === 'ads'
  }

  get isDelta(): boolean {
    return this.#parts.service.delta
  }

  get hasAnswered(): boolean {
    return this.#stream.hasAnswered
  }

  get incarnation(): number {
    return this.#stream.incarnation
  }

  get types(): readonly ResourceType[] {
    return [...this.#subscriptions.keys()]
  }

  subscription(type: ResourceType): Subscription | undefined {
    return this.#subscriptions.get(type)
  }

  add(subscription: Subscription): void {
    this.#subscriptions.set(subscription.type, subscription)
    if (this.#isOpen) this.#stream.write(subscription.open(undefined))
  }

  /** Asks for nothing of this type any more. */
  drop(subscription: Subscription): void {
    this.rename(subscription, [])
    this.#subscriptions.delete(subscription.type)
  }

  rename(subscription: Subscription, names: readonly string[]): void {
    const request = subscription.rename(names)
    if (request !== undefined) this.#stream.write(request)
  }

  /** To a response of the stream that was open then; a later one knows nothing of it. */
  answer(incarnation: number, request: XdsRequest): void {
    if (incarnation === this.#stream.incarnation) this.#stream.write(request)
  }

  open(): void {
    this.#isOpen = true
    this.#stream.open()
  }

  restart(): void {
    this.#stream.restart()
  }

  close(): void {
    this.#stream.close()
  }

  /** What is referred to is asked for before what refers to it, and only the first request says who asks. */
  #firstRequests(): readonly XdsRequest[] {
    const ordered = [...this.#subscriptions.values()].toSorted((a, b) => ORDER.indexOf(a.type) - ORDER.indexOf(b.type))
    return ordered.map((subscription, index) => subscription.open(index === 0 ? this.#node() : undefined))
  }

  #node(): NodeInit {
    const { id, cluster, metadata, locality } = this.#parts.node
    const userAgentVersionType = { case: 'userAgentVersion' as const, value: this.#parts.userAgentVersion }
    return {
      id,
      cluster,
      metadata: metadata as never,
      ...(locality === undefined ? {} : { locality }),
      userAgentName: 'meltemi',
      userAgentVersionType,
    }
  }
}
