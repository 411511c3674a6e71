import { type ConfigSource, type DynamicConfig, type ProxyConfig, sourceKey } from '@meltemi/api/model'
import type { ResourceType } from '@meltemi/api/xds'
import { formatAddress } from '../util/format-address.ts'
import { DeltaSubscription } from './delta-subscription.ts'
import { type HeldResources, isNamed, type WantedNames } from './held-resources.ts'
import { Link, type LinkParts } from './link.ts'
import { SotwSubscription } from './sotw-subscription.ts'

export interface LinksParts extends Omit<LinkParts, 'source' | 'service' | 'addresses' | 'node'> {
  readonly config: ProxyConfig
  /** What is held at the moment is not asked for again. */
  held(): HeldResources
}

/** The streams to all sources: one for what comes over ADS, and one per type and source for the rest. */
export class Links {
  readonly #parts: LinksParts
  readonly #links = new Map<string, Link>()
  #isOpen = false

  constructor(parts: LinksParts) {
    this.#parts = parts
  }

  get all(): readonly Link[] {
    return [...this.#links.values()]
  }

  open(): void {
    this.#isOpen = true
    for (const link of this.#links.values()) link.open()
  }

  close(): void {
    for (const link of this.#links.values()) link.close()
  }

  /** Asks for everything of a type. */
  subscribe(type: ResourceType, source: ConfigSource): void {
    this.#add(this.#linkFor(type, sourceKey(source), source), type, [])
  }

  /** Asks for these names of named types, and no longer for others. `sources`: where their sources lead, by key. */
  setNames(wanted: readonly WantedNames[], sources: ReadonlyMap<string, ConfigSource>): void {
    const left = new Set(this.all.flatMap((link) => link.types.filter(isNamed).map((type) => `${type}/${link.source}`)))
    for (const { type, source, names } of wanted) {
      left.delete(`${type}/${source}`)
      const link = this.#linkFor(type, source, sources.get(source))
      const subscription = link.subscription(type)
      if (subscription === undefined) this.#add(link, type, names)
      else link.rename(subscription, names)
    }
    for (const [key, link] of this.#links) this.#dropUnwanted(key, link, left)
  }

  #dropUnwanted(key: string, link: Link, left: ReadonlySet<string>): void {
    for (const type of link.types) {
      const subscription = link.subscription(type)
      if (subscription !== undefined && left.has(`${type}/${link.source}`)) link.drop(subscription)
    }
    if (link.types.length > 0) return
    link.close()
    this.#links.delete(key)
  }

  #add(link: Link, type: ResourceType, names: readonly string[]): void {
    const held = () => this.#parts.held().get(type, link.source)
    link.add(link.isDelta ? new DeltaSubscription(type, names, held) : new SotwSubscription(type, names, held))
  }

  #linkFor(type: ResourceType, source: string, config: ConfigSource | undefined): Link {
    const key = source === 'ads' ? source : `${source}/${type}`
    const known = this.#links.get(key)
    if (known !== undefined) return known
    const { cluster, delta } = apiOf(config, this.#parts.config.dynamic)
    const addresses = addressesOf(this.#parts.config, cluster)
    const service = { type: source === 'ads' ? ('ads' as const) : type, delta }
    const { node } = this.#parts.config
    const link = new Link({ ...this.#parts, node, source, service, addresses, cluster })
    this.#links.set(key, link)
    // its subscription is added in this turn, and must be among the first requests
    if (this.#isOpen) queueMicrotask(() => link.open())
    return link
  }
}

function apiOf(source: ConfigSource | undefined, dynamic: DynamicConfig) {
  const api = source?.kind === 'grpc' ? source.api : dynamic.ads
  if (api === undefined) throw new Error('dynamic_resources has no ads_config to ask')
  return api
}

/** `host:port` of those who serve a cluster. Throws when there is nobody to ask. */
export function addressesOf({ clusters }: ProxyConfig, name: string): readonly string[] {
  const endpoints = clusters.find((cluster) => cluster.name === name)?.endpoints ?? []
  if (endpoints.length === 0) throw new Error(`cluster '${name}' has no endpoint that could be asked for configuration`)
  return endpoints.map(({ address: { host, port } }) => formatAddress(host, port))
}
