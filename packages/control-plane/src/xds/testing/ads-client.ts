import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  type DiscoveryRequestSchema,
  type DiscoveryResponse,
} from '@meltemi/api/xds'
import type { ClientStream, GrpcClient, GrpcStatus } from '@meltemi/runtime/grpc'

/** One stream of a client by hand: it sends what it is told to, and keeps what comes until it is asked for. */
export class AdsClient<Sent extends typeof DiscoveryRequestSchema | typeof DeltaDiscoveryRequestSchema, Received> {
  readonly stream: ClientStream<Sent>
  readonly closed: Promise<GrpcStatus>
  readonly #received: Received[] = []
  #wake: () => void = () => {}

  constructor(
    open: (listener: { onMessage(message: Received): void; onClose(status: GrpcStatus): void }) => ClientStream<Sent>,
  ) {
    let settle: (status: GrpcStatus) => void = () => {}
    this.closed = new Promise((resolve) => {
      settle = resolve
    })
    this.stream = open({
      onMessage: (message) => {
        this.#received.push(message)
        this.#wake()
      },
      onClose: settle,
    })
  }

  /** Responses that nobody has asked for yet. */
  get waiting(): number {
    return this.#received.length
  }

  async next(): Promise<Received> {
    while (this.#received.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#received.shift() as Received
  }
}

export function openSotw(client: GrpcClient): AdsClient<typeof DiscoveryRequestSchema, DiscoveryResponse> {
  const { streamAggregatedResources } = AggregatedDiscoveryService.method
  return new AdsClient((listener) => client.open(streamAggregatedResources, listener))
}

export function openDelta(client: GrpcClient): AdsClient<typeof DeltaDiscoveryRequestSchema, DeltaDiscoveryResponse> {
  const { deltaAggregatedResources } = AggregatedDiscoveryService.method
  return new AdsClient((listener) => client.open(deltaAggregatedResources, listener))
}
