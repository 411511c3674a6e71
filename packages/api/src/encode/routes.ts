import { create, toBinary } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import type { RouteSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import type { MirrorPolicy, RouteConfig, RouteTableConfig } from '../model/index.ts'
import { clusterChoiceInit } from './cluster-choice.ts'
import { fractionInit } from './fraction.ts'
import type { Init } from './init.ts'
import { matchersInit } from './match.ts'
import { additions, removals } from './property-changes.ts'

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
    action: { case: 'route', value: actionInit(route) },
    requestHeadersToAdd: additions(route.requestMutation).map((header) => ({ header })),
    requestHeadersToRemove: removals(route.requestMutation),
    responseHeadersToAdd: additions(route.responseMutation).map((header) => ({ header })),
    responseHeadersToRemove: removals(route.responseMutation),
  }
}

function actionInit({ clusters, hashPolicy, mirrors, timeoutMs }: RouteConfig) {
  return {
    ...clusterChoiceInit(clusters),
    hashPolicy: hashPolicy.map((headerName) => ({
      policySpecifier: { case: 'header' as const, value: { headerName } },
    })),
    requestMirrorPolicies: mirrors.map(mirrorInit),
    ...(timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) }),
  }
}

function mirrorInit(mirror: MirrorPolicy) {
  return { cluster: mirror.cluster, runtimeFraction: { defaultValue: fractionInit(mirror) } }
}
