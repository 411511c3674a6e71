import { convertHttpRoutes } from '../convert/http-route.ts'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import type { RouteTableConfig } from '../model/index.ts'
import { type ParsedResource, parseResource, type ResourceKind } from './parse-resource.ts'
import type { ResourceContext } from './resource-context.ts'

const ROUTES: ResourceKind<RouteTableConfig> = {
  schema: RouteConfigurationSchema,
  nameField: 'name',
  convert: convertHttpRoutes,
}

/** Reads the bytes of an envoy.config.route.v3.RouteConfiguration, the carrier of all routes; never throws. */
export function parseRoutes(bytes: Uint8Array, context: ResourceContext): ParsedResource<RouteTableConfig> {
  return parseResource(ROUTES, bytes, context)
}
