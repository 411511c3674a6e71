/** Over which method of which service each type of resource comes. */

import type { DescMethodBiDiStreaming, MessageInitShape } from '@bufbuild/protobuf'
import { ClusterDiscoveryService } from './gen/envoy/service/cluster/v3/cds_pb.ts'
import { AggregatedDiscoveryService } from './gen/envoy/service/discovery/v3/ads_pb.ts'
import type {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts'
import { EndpointDiscoveryService } from './gen/envoy/service/endpoint/v3/eds_pb.ts'
import { ExtensionConfigDiscoveryService } from './gen/envoy/service/extension/v3/config_discovery_pb.ts'
import { ListenerDiscoveryService } from './gen/envoy/service/listener/v3/lds_pb.ts'
import { RouteDiscoveryService } from './gen/envoy/service/route/v3/rds_pb.ts'
import { SecretDiscoveryService } from './gen/envoy/service/secret/v3/sds_pb.ts'
import type { ResourceType } from './resource-types.ts'

export interface DiscoveryMethods {
  readonly sotw: DescMethodBiDiStreaming<typeof DiscoveryRequestSchema, typeof DiscoveryResponseSchema>
  readonly delta: DescMethodBiDiStreaming<typeof DeltaDiscoveryRequestSchema, typeof DeltaDiscoveryResponseSchema>
}

/** A request's fields. */
export type DiscoveryRequestInit = MessageInitShape<typeof DiscoveryRequestSchema>
export type DeltaDiscoveryRequestInit = MessageInitShape<typeof DeltaDiscoveryRequestSchema>

const aggregated = AggregatedDiscoveryService.method
const clusters = ClusterDiscoveryService.method
const endpoints = EndpointDiscoveryService.method
const listeners = ListenerDiscoveryService.method
const routes = RouteDiscoveryService.method
const secrets = SecretDiscoveryService.method
const extensions = ExtensionConfigDiscoveryService.method

/** State-of-the-world and incremental; `ads` has all types on one stream. */
export const DISCOVERY_METHODS: Readonly<Record<ResourceType | 'ads', DiscoveryMethods>> = {
  ads: { sotw: aggregated.streamAggregatedResources, delta: aggregated.deltaAggregatedResources },
  secret: { sotw: secrets.streamSecrets, delta: secrets.deltaSecrets },
  cluster: { sotw: clusters.streamClusters, delta: clusters.deltaClusters },
  endpoint: { sotw: endpoints.streamEndpoints, delta: endpoints.deltaEndpoints },
  listener: { sotw: listeners.streamListeners, delta: listeners.deltaListeners },
  route: { sotw: routes.streamRoutes, delta: routes.deltaRoutes },
  extensionConfig: { sotw: extensions.streamExtensionConfigs, delta: extensions.deltaExtensionConfigs },
}
