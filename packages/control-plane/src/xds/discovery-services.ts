import {
  AggregatedDiscoveryService,
  ClusterDiscoveryService,
  type DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponseSchema,
  type DiscoveryRequest,
  type DiscoveryRequestSchema,
  type DiscoveryResponseSchema,
  EndpointDiscoveryService,
  ExtensionConfigDiscoveryService,
  ListenerDiscoveryService,
  type ResourceType,
  RouteDiscoveryService,
} from '@meltemi/api/xds'
import { type GrpcService, grpcService, type StreamHandler } from '@meltemi/runtime/grpc'

/** What serves all of them: `type` is the only one of a call, undefined if each request says which. */
export interface DiscoveryHandlers {
  sotw(type: ResourceType | undefined): StreamHandler<typeof DiscoveryRequestSchema, typeof DiscoveryResponseSchema>
  delta(
    type: ResourceType | undefined,
  ): StreamHandler<typeof DeltaDiscoveryRequestSchema, typeof DeltaDiscoveryResponseSchema>
  /** Once, in bytes. Throws a GrpcError. */
  fetch(type: ResourceType): (request: DiscoveryRequest, peerUris: readonly string[]) => Uint8Array
}

/** Every type over one stream, as proxies prefer it, and each over a service of its own. */
export function discoveryServices({ sotw, delta, fetch }: DiscoveryHandlers): readonly GrpcService[] {
  return [
    grpcService(AggregatedDiscoveryService, {
      streamAggregatedResources: sotw(undefined),
      deltaAggregatedResources: delta(undefined),
    }),
    grpcService(ExtensionConfigDiscoveryService, {
      streamExtensionConfigs: sotw('extensionConfig'),
      deltaExtensionConfigs: delta('extensionConfig'),
      fetchExtensionConfigs: fetch('extensionConfig'),
    }),
    grpcService(ClusterDiscoveryService, {
      streamClusters: sotw('cluster'),
      deltaClusters: delta('cluster'),
      fetchClusters: fetch('cluster'),
    }),
    grpcService(EndpointDiscoveryService, {
      streamEndpoints: sotw('endpoint'),
      deltaEndpoints: delta('endpoint'),
      fetchEndpoints: fetch('endpoint'),
    }),
    grpcService(ListenerDiscoveryService, {
      streamListeners: sotw('listener'),
      deltaListeners: delta('listener'),
      fetchListeners: fetch('listener'),
    }),
    grpcService(RouteDiscoveryService, {
      streamRoutes: sotw('route'),
      deltaRoutes: delta('route'),
      fetchRoutes: fetch('route'),
    }),
  ]
}
