import { create, type JsonObject, toBinary } from '@bufbuild/protobuf'
import { HealthStatus } from '../gen/envoy/config/core/v3/health_check_pb.ts'
import type { LocalityLbEndpointsSchema } from '../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import type { ClusterEndpoints, EndpointCheckConfig, EndpointConfig } from '../model/index.ts'
import { addressInit } from './address.ts'
import type { Init } from './init.ts'
import { lbMetadataInit } from './lb-metadata.ts'

/**
 * An envoy.config.endpoint.v3.ClusterLoadAssignment in protobuf, of which `cluster` is the name. Endpoints of one place
 * stand together, whatever their order was.
 */
export function encodeEndpoints(assignment: ClusterEndpoints): Uint8Array {
  return toBinary(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, assignmentInit(assignment)))
}

export function assignmentInit(assignment: ClusterEndpoints): Init<typeof ClusterLoadAssignmentSchema> {
  const { cluster, endpoints } = assignment
  return { clusterName: cluster, endpoints: [...Map.groupBy(endpoints, placeKey).values()].map(groupInit) }
}

function placeKey({ priority = 0, locality, localityWeight }: EndpointConfig): string {
  return JSON.stringify([priority, locality?.region, locality?.zone, locality?.subZone, localityWeight])
}

/** gRPC takes no endpoints without a locality, not even where nothing is known of it. */
function groupInit(endpoints: readonly EndpointConfig[]): Init<typeof LocalityLbEndpointsSchema> {
  const { priority = 0, locality, localityWeight } = endpoints[0] as EndpointConfig
  const isPlaced = locality !== undefined || localityWeight !== undefined
  return {
    ...(isPlaced ? { locality: locality ?? {} } : {}),
    lbEndpoints: endpoints.map(lbEndpointInit),
    ...(localityWeight === undefined ? {} : { loadBalancingWeight: localityWeight }),
    priority,
  }
}

function lbEndpointInit(endpoint: EndpointConfig) {
  const { address, hostname, weight, metadata, transportMetadata, healthCheck } = endpoint
  const check = healthCheck === undefined ? {} : { healthCheckConfig: checkInit(healthCheck) }
  return {
    hostIdentifier: { case: 'endpoint' as const, value: { address: addressInit(address), hostname, ...check } },
    healthStatus: healthOf(endpoint),
    ...(weight === 1 ? {} : { loadBalancingWeight: weight }),
    ...metadataInit(metadata, transportMetadata),
  }
}

function metadataInit(metadata: EndpointConfig['metadata'], transport: EndpointConfig['transportMetadata']) {
  if (transport === undefined) return metadata === undefined ? {} : { metadata: lbMetadataInit(metadata) }
  const own = metadata === undefined ? {} : lbMetadataInit(metadata).filterMetadata
  return { metadata: { filterMetadata: { ...own, 'envoy.transport_socket_match': transport as JsonObject } } }
}

function healthOf({ healthy, degraded }: EndpointConfig): HealthStatus {
  if (!healthy) return HealthStatus.UNHEALTHY
  return degraded ? HealthStatus.DEGRADED : HealthStatus.UNKNOWN
}

function checkInit({ port = 0, isDisabled = false }: EndpointCheckConfig) {
  return { portValue: port, disableActiveHealthCheck: isDisabled }
}
