// A proxy as its control plane sees it: asks for what a real one asks for over incremental ADS, accepts everything
// without decoding a resource, and comes back with what it has when the stream is lost.

import { type DeltaDiscoveryResponse, DISCOVERY_METHODS, RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import { type ClientStream, createGrpcClient, type GrpcClient } from '@meltemi/runtime/grpc'

export interface SimulatedProxyOptions {
  /** Of the control plane, `host:port`. */
  readonly address: string
  readonly id: string
  /** Hosts that it is only interested in; undefined: everything. */
  readonly scope: readonly string[] | undefined
  /** Names of its route tables, which a real one reads in its listeners. */
  readonly routes: readonly string[]
  /** Something has come. */
  readonly onResponse?: () => void
}

const METHOD = DISCOVERY_METHODS.ads.delta
const TYPES = ['cluster', 'endpoint', 'listener', 'route'] as const
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 30_000

type Sent = typeof METHOD extends { input: infer Input } ? Input : never

export class SimulatedProxy {
  /** Streams that were opened, responses, and bytes of resources in them. */
  streams = 0
  responses = 0
  bytes = 0
  /** Names of the route tables that have come since somebody emptied it. */
  readonly newRoutes = new Set<string>()
  readonly #options: SimulatedProxyOptions
  readonly #held: Readonly<Record<(typeof TYPES)[number], Map<string, string>>>
  #client: GrpcClient | undefined
  #stream: ClientStream<Sent> | undefined
  #waitMs = FIRST_WAIT_MS
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: SimulatedProxyOptions) {
    this.#options = options
    this.#held = { cluster: new Map(), endpoint: new Map(), listener: new Map(), route: new Map() }
  }

  /** How many resources it has. */
  get size(): number {
    return TYPES.reduce((sum, type) => sum + this.#held[type].size, 0)
  }

  /** Version of a resource, if it has it. */
  versionOf(type: (typeof TYPES)[number], name: string): string | undefined {
    return this.#held[type].get(name)
  }

  connect(): void {
    this.streams++
    this.#client = createGrpcClient({ address: this.#options.address })
    const stream = this.#client.open(METHOD, {
      onMessage: (response) => this.#take(response),
      onClose: () => this.#lose(),
    })
    this.#stream = stream
    for (const type of TYPES) this.#introduce(type)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#client?.close()
  }

  /** What it has from before is not sent again. */
  #introduce(type: (typeof TYPES)[number]): void {
    const { id, scope } = this.#options
    const isWildcard = type === 'cluster' || type === 'listener'
    const known = [...this.#held[type]]
    if (!isWildcard && known.length === 0) return
    this.#stream?.write({
      typeUrl: RESOURCE_TYPES[type],
      resourceNamesSubscribe: isWildcard ? [] : known.map(([name]) => name),
      initialResourceVersions: Object.fromEntries(known),
      ...(type === 'cluster' ? { node: { id, metadata: scope === undefined ? {} : { SCOPE: [...scope] } } } : {}),
    })
  }

  #take(response: DeltaDiscoveryResponse): void {
    const type = TYPES.find((each) => RESOURCE_TYPES[each] === response.typeUrl)
    if (type === undefined) throw new Error(`a response of the unknown type ${response.typeUrl}`)
    this.#waitMs = FIRST_WAIT_MS
    this.responses++
    this.#stream?.write({ typeUrl: response.typeUrl, responseNonce: response.nonce })
    const held = this.#held[type]
    const isFirst = held.size === 0
    const added: string[] = []
    for (const { name, version, resource } of response.resources) {
      if (!held.has(name)) added.push(name)
      held.set(name, version)
      if (type === 'route') this.newRoutes.add(name)
      this.bytes += resource?.value.length ?? 0
    }
    for (const name of response.removedResources) held.delete(name)
    if (type === 'cluster') this.#subscribe('endpoint', added, response.removedResources)
    if (type === 'listener' && isFirst) this.#subscribe('route', this.#options.routes, [])
    this.#options.onResponse?.()
  }

  #subscribe(type: ResourceType, resourceNamesSubscribe: readonly string[], gone: readonly string[]): void {
    if (resourceNamesSubscribe.length === 0 && gone.length === 0) return
    this.#stream?.write({
      typeUrl: RESOURCE_TYPES[type],
      resourceNamesSubscribe: [...resourceNamesSubscribe],
      resourceNamesUnsubscribe: [...gone],
    })
  }

  /** Not all at the same moment. */
  #lose(): void {
    this.#client?.close()
    this.#stream = undefined
    if (this.#isClosed) return
    const waitMs = Math.random() * this.#waitMs
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS)
    this.#timer = setTimeout(() => this.connect(), waitMs)
  }
}
