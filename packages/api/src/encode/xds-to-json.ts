import { type DescMessage, fromBinary, type JsonValue, toJson } from '@bufbuild/protobuf'
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.ts'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { ResourceType } from '../resource-types.ts'
import { messageRegistry } from './message-registry.ts'

const SCHEMAS: Readonly<Record<ResourceType, DescMessage>> = {
  extensionConfig: TypedExtensionConfigSchema,
  secret: SecretSchema,
  cluster: ClusterSchema,
  endpoint: ClusterLoadAssignmentSchema,
  listener: ListenerSchema,
  route: RouteConfigurationSchema,
}

/**
 * A resource in proto3 JSON with the names of the .proto files, as Envoy prints its configuration. Throws for bytes
 * that are not such a resource, or hold messages of types that we do not know.
 */
export function xdsToJson(type: ResourceType, value: Uint8Array): JsonValue {
  const schema = SCHEMAS[type]
  return toJson(schema, fromBinary(schema, value), { registry: messageRegistry, useProtoFieldName: true })
}
