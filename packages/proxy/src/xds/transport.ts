import type {
  DeltaDiscoveryRequestInit,
  DeltaDiscoveryResponse,
  DiscoveryRequestInit,
  DiscoveryResponse,
  ResourceType,
} from '@meltemi/api/xds'

export type XdsRequest = DiscoveryRequestInit | DeltaDiscoveryRequestInit
export type XdsResponse = DiscoveryResponse | DeltaDiscoveryResponse

/** Which service a stream is opened on, and how it speaks. */
export interface XdsService {
  /** ads: all types on one stream. */
  readonly type: ResourceType | 'ads'
  /** Delta requests and responses, else state-of-the-world. */
  readonly delta: boolean
}

export interface XdsStreamListener {
  onMessage(message: XdsResponse): void
  /** Once, last; never while the stream is opened. */
  onClose(reason: string): void
}

export interface XdsStream {
  write(request: XdsRequest): void
  /** Ends it; `onClose` follows. */
  cancel(): void
}

/** Opens a stream to `host:port`, an endpoint of that cluster, over a connection of its own. */
export type XdsTransport = (
  address: string,
  service: XdsService,
  listener: XdsStreamListener,
  cluster: string,
) => XdsStream
