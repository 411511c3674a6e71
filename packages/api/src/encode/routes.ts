import { create, toBinary } from '@bufbuild/protobuf'
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt'
import type { RouteSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import { DirectResponseSchema } from '../gen/meltemi/v1/direct_response_pb.ts'
import type { MirrorPolicy, RouteConfig, RouteTableConfig } from '../model/index.ts'
import { routeClusterInit } from './cluster-choice.ts'
import { overridesInit } from './filter-overrides.ts'
import { fractionInit } from './fraction.ts'
import type { Init } from './init.ts'
import { matchersInit } from './match.ts'
import { additions, removals } from './property-changes.ts'
import { requestBufferInit, retriesInit } from './retries.ts'

/**
 * Routes in protobuf as they travel over xDS: an envoy.config.route.v3.RouteConfiguration, HTTP's own, with one virtual
 * host for everything, as Aeraki sends it. Of changes of a message's properties those that remove come last.
 */
export function encodeRoutes(table: RouteTableConfig): Uint8Array {
  const virtualHost = { name: 'dummy', domains: ['*'], routes: table.routes.map(routeInit) }
  const message = create(RouteConfigurationSchema, { name: table.name, virtualHosts: [virtualHost] })
  return toBinary(RouteConfigurationSchema, message)
}

function routeInit(route: RouteConfig): Init<typeof RouteSchema> {
  return {
    name: route.name,
    match: { pathSpecifier: { case: 'prefix', value: '/' }, headers: matchersInit(route.match) },
    action: routeActionInit(route),
    requestHeadersToAdd: additions(route.requestMutation).map((header) => ({ header })),
    requestHeadersToRemove: removals(route.requestMutation),
    responseHeadersToAdd: additions(route.responseMutation).map((header) => ({ header })),
    responseHeadersToRemove: removals(route.responseMutation),
    ...requestBufferInit(route),
    ...overridesInit(route.overrides),
  }
}

function routeActionInit(route: RouteConfig): NonNullable<Init<typeof RouteSchema>['action']> {
  const { directResponse } = route
  if (directResponse === undefined) return { case: 'route', value: actionInit(route) }
  const action = anyPack(DirectResponseSchema, create(DirectResponseSchema, { ...directResponse }))
  return { case: 'filterAction', value: { action } }
}

function actionInit(route: RouteConfig) {
  const { hashPolicy, mirrors, timeoutMs } = route
  return {
    ...routeClusterInit(route),
    hashPolicy: hashPolicy.map((headerName) => ({
      policySpecifier: { case: 'header' as const, value: { headerName } },
    })),
    requestMirrorPolicies: mirrors.map(mirrorInit),
    ...(timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) }),
    ...retriesInit(route),
  }
}

function mirrorInit(mirror: MirrorPolicy) {
  return { cluster: mirror.cluster, runtimeFraction: { defaultValue: fractionInit(mirror) } }
}
