/** What a client and a server of xDS share: the services and their messages, in protobuf, and the names of resource types. */
export {
  type DeltaDiscoveryRequestInit,
  DISCOVERY_METHODS,
  type DiscoveryMethods,
  type DiscoveryRequestInit,
} from './discovery-methods.ts'
export { encodeMessage } from './encode-message.ts'
export { type Node, NodeSchema } from './gen/envoy/config/core/v3/base_pb.ts'
export { ClusterDiscoveryService } from './gen/envoy/service/cluster/v3/cds_pb.ts'
export { AggregatedDiscoveryService } from './gen/envoy/service/discovery/v3/ads_pb.ts'
export {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
  type Resource,
  ResourceSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts'
export { EndpointDiscoveryService } from './gen/envoy/service/endpoint/v3/eds_pb.ts'
export { ExtensionConfigDiscoveryService } from './gen/envoy/service/extension/v3/config_discovery_pb.ts'
export { ListenerDiscoveryService } from './gen/envoy/service/listener/v3/lds_pb.ts'
export { RouteDiscoveryService } from './gen/envoy/service/route/v3/rds_pb.ts'
export { SecretDiscoveryService } from './gen/envoy/service/secret/v3/sds_pb.ts'
export { type Status, StatusSchema } from './gen/google/rpc/status_pb.ts'
export { type CodecModule, CodecModuleSchema } from './gen/meltemi/v1/codec_module_pb.ts'
export { RESOURCE_TYPES, type ResourceType } from './resource-types.ts'
export {
  LATENCY_BOUNDS_MS,
  MAX_CODECS,
  MAX_SERIES,
  type ReportRequest,
  ReportRequestSchema,
  type ReportResponse,
  ReportResponseSchema,
  type RunningCodec,
  Telemetry,
  type TrafficSeries,
  TrafficSeriesSchema,
} from './telemetry.ts'
