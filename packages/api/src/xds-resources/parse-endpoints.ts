import { convertEndpoints } from '../convert/endpoint.ts'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import type { EndpointConfig } from '../model/index.ts'
import { type ParsedResource, parseResource, type ResourceKind } from './parse-resource.ts'
import type { ResourceContext } from './resource-context.ts'

const ASSIGNMENT: ResourceKind<readonly EndpointConfig[]> = {
  schema: ClusterLoadAssignmentSchema,
  nameField: 'cluster_name',
  convert: (message) => convertEndpoints(message, 'ip of endpoint'),
}

/** Reads the bytes of an envoy.config.endpoint.v3.ClusterLoadAssignment, whose name is that of the service; never throws. */
export function parseEndpoints(bytes: Uint8Array, context: ResourceContext): ParsedResource<readonly EndpointConfig[]> {
  return parseResource(ASSIGNMENT, bytes, context)
}
