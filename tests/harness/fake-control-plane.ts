/** A control plane that sends what a test says, over real gRPC, and remembers what it is told. */

import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DiscoveryRequest,
  type Node,
  RESOURCE_TYPES,
  type ResourceType,
  RouteDiscoveryService,
} from '@meltemi/api/xds'
import { type GrpcServer, type GrpcServerOptions, grpcService, startGrpcServer } from '@meltemi/runtime/grpc'

type Request = DiscoveryRequest | DeltaDiscoveryRequest
type Kind = 'ads' | 'delta-ads' | 'routes' | 'delta-routes'

const WAIT_MS = 20_000

export interface Sending {
  /** Delta: names. */
  readonly removed?: readonly string[]
  /** Instead of a new one. */
  readonly nonce?: string
  readonly version?: string
}

/** One stream of a client. */
export class ControlStream {
  readonly kind: Kind
  /** In the order in which they came. */
  readonly requests: Request[] = []
  isOpen = true
  readonly #write: (message: object) => void
  readonly #end: () => void
  readonly #onRequest: () => void
  #nonces = 0

  constructor(kind: Kind, write: (message: object) => void, end: () => void, onRequest: () => void) {
    this.kind = kind
    this.#write = write
    this.#end = end
    this.#onRequest = onRequest
  }

  get node(): Node | undefined {
    return this.requests[0]?.node
  }

  received(request: Request): void {
    this.requests.push(request)
    this.#onRequest()
  }

  /** Of a type: name → bytes. Returns the nonce. */
  send(type: ResourceType, resources: Readonly<Record<string, Uint8Array>>, sending: Sending = {}): string {
    const nonce = sending.nonce ?? `${this.kind}-${++this.#nonces}`
    const typeUrl = RESOURCE_TYPES[type]
    const version = sending.version ?? nonce
    const entries = Object.entries(resources)
    if (this.kind.startsWith('delta')) {
      const sent = entries.map(([name, value]) => ({ name, version, resource: { typeUrl, value } }))
      const removedResources = [...(sending.removed ?? [])]
      this.#write({ typeUrl, nonce, systemVersionInfo: version, resources: sent, removedResources })
    } else {
      this.#write({ typeUrl, nonce, versionInfo: version, resources: entries.map(([, value]) => ({ typeUrl, value })) })
    }
    return nonce
  }

  /** Whatever it is. */
  sendRaw(message: object): void {
    this.#write(message)
  }

  end(): void {
    this.#end()
  }

  /** What the client has last said of this type that it wants, as far as names are concerned. */
  wanted(type: ResourceType): ReadonlySet<string> {
    const names = new Set<string>()
    for (const request of this.requests) {
      if (request.typeUrl !== RESOURCE_TYPES[type]) continue
      if (request.$typeName === 'envoy.service.discovery.v3.DiscoveryRequest') names.clear()
      const added = 'resourceNames' in request ? request.resourceNames : request.resourceNamesSubscribe
      for (const name of added) names.add(name)
      if ('resourceNamesUnsubscribe' in request) for (const name of request.resourceNamesUnsubscribe) names.delete(name)
    }
    return names
  }
}

export class FakeControlPlane implements AsyncDisposable {
  readonly streams: ControlStream[] = []
  readonly #server: GrpcServer
  readonly #waiting: { isMet: () => boolean; resolve: () => void }[]

  constructor(server: GrpcServer, streams: ControlStream[], waiting: { isMet: () => boolean; resolve: () => void }[]) {
    this.#server = server
    this.streams = streams
    this.#waiting = waiting
  }

  get port(): number {
    return this.#server.port
  }

  /** The newest stream that is open, of a kind if that is said. */
  async stream(kind?: Kind): Promise<ControlStream> {
    const find = () => this.streams.findLast((each) => each.isOpen && (kind === undefined || each.kind === kind))
    await this.until(() => find() !== undefined, `a stream of kind ${kind}`)
    return find() as ControlStream
  }

  /** What the client says to the response with this nonce: why it rejects it, or undefined. */
  async answer(stream: ControlStream, nonce: string): Promise<string | undefined> {
    const find = () => stream.requests.find((request) => request.responseNonce === nonce)
    await this.until(() => find() !== undefined, `an answer to ${nonce}`)
    return find()?.errorDetail?.message
  }

  /** Resolves when the client wants this resource. */
  asked(stream: ControlStream, type: ResourceType, name: string): Promise<void> {
    return this.until(() => stream.wanted(type).has(name), `a request for ${type} ${name}`)
  }

  until(isMet: () => boolean, what: string): Promise<void> {
    if (isMet()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the control plane waited in vain for ${what}`)), WAIT_MS)
      this.#waiting.push({
        isMet,
        resolve: () => {
          clearTimeout(timer)
          resolve()
        },
      })
    })
  }

  /** Ends all streams, as a process that is killed does. */
  async kill(): Promise<void> {
    await this.#server.close(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}

/** `port` 0: any. */
export async function startFakeControlPlane(port = 0, tls?: GrpcServerOptions['tls']): Promise<FakeControlPlane> {
  const streams: ControlStream[] = []
  const waiting: { isMet: () => boolean; resolve: () => void }[] = []
  const check = (): void => {
    for (const each of [...waiting]) {
      if (!each.isMet()) continue
      waiting.splice(waiting.indexOf(each), 1)
      each.resolve()
    }
  }
  const serve = (kind: Kind) => (call: { write(message: object): boolean; end(): void }) => {
    const stream = new ControlStream(
      kind,
      (message) => void call.write(message),
      () => call.end(),
      check,
    )
    streams.push(stream)
    check()
    return {
      onMessage: (request: Request) => stream.received(request),
      onClose: () => {
        stream.isOpen = false
        check()
      },
    }
  }
  const services = [
    grpcService(AggregatedDiscoveryService, {
      streamAggregatedResources: serve('ads'),
      deltaAggregatedResources: serve('delta-ads'),
    }),
    grpcService(RouteDiscoveryService, { streamRoutes: serve('routes'), deltaRoutes: serve('delta-routes') }),
  ]
  return new FakeControlPlane(
    await startGrpcServer({ host: '127.0.0.1', port, services, ...(tls === undefined ? {} : { tls }) }),
    streams,
    waiting,
  )
}
