import { create, toBinary } from '@bufbuild/protobuf'
import { HealthStatus } from '../gen/envoy/config/core/v3/health_check_pb.ts'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import type { ClusterEndpoints, EndpointConfig } from '../model/index.ts'
import { addressInit } from './address.ts'
import type { Init } from './init.ts'

/** An envoy.config.endpoint.v3.ClusterLoadAssignment in protobuf, of which `cluster` is the name. */
export function encodeEndpoints(assignment: ClusterEndpoints): Uint8Array {
  return toBinary(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, assignmentInit(assignment)))
}

export function assignmentInit(assignment: ClusterEndpoints): Init<typeof ClusterLoadAssignmentSchema> {
  const { cluster, endpoints } = assignment
  return {
    clusterName: cluster,
    endpoints: endpoints.length === 0 ? [] : [{ lbEndpoints: endpoints.map(lbEndpointInit) }],
  }
}

function lbEndpointInit({ address, hostname, weight, healthy }: EndpointConfig) {
  return {
    hostIdentifier: { case: 'endpoint' as const, value: { address: addressInit(address), hostname } },
    healthStatus: healthy ? HealthStatus.UNKNOWN : HealthStatus.UNHEALTHY,
    ...(weight === 1 ? {} : { loadBalancingWeight: weight }),
  }
}
