import { create, type JsonValue, toJson } from '@bufbuild/protobuf'
import { RouteConfigurationSchema } from '../gen/aeraki/meta_protocol_proxy/config/route/v1alpha/route_pb.ts'
import type { RouteTableConfig } from '../model/index.ts'
import { typeRegistry } from '../schema/type-registry.ts'
import { metaRoutesInit } from './meta-routes.ts'

/** Routes as the meta protocol's own RouteConfiguration, in proto3 JSON, for those who show them. */
export function metaRoutesToJson(table: RouteTableConfig): JsonValue {
  const message = create(RouteConfigurationSchema, metaRoutesInit(table))
  return toJson(RouteConfigurationSchema, message, { registry: typeRegistry, useProtoFieldName: true })
}
