import { durationFromMs } from '@bufbuild/protobuf/wkt'
import type { RouteConfigurationSchema } from '../gen/aeraki/meta_protocol_proxy/config/route/v1alpha/route_pb.ts'
import type { RouteConfig, RouteTableConfig } from '../model/index.ts'
import { routeClusterInit } from './cluster-choice.ts'
import { overridesInit } from './filter-overrides.ts'
import { fractionInit } from './fraction.ts'
import type { Init } from './init.ts'
import { matchersInit } from './match.ts'
import { additions, removals } from './property-changes.ts'
import { requestBufferInit, retriesInit } from './retries.ts'

/** Routes inside a listener: the RouteConfiguration of the meta protocol itself. */
export function metaRoutesInit(table: RouteTableConfig): Init<typeof RouteConfigurationSchema> {
  return { name: table.name, routes: table.routes.map(routeInit) }
}

function routeInit(route: RouteConfig) {
  return {
    name: route.name,
    ...(route.match.metadata.length === 0 ? {} : { match: { metadata: matchersInit(route.match) } }),
    route: actionInit(route),
    requestMutation: additions(route.requestMutation),
    responseMutation: additions(route.responseMutation),
    requestRemove: removals(route.requestMutation),
    responseRemove: removals(route.responseMutation),
    ...requestBufferInit(route),
  }
}

function actionInit(route: RouteConfig) {
  const { hashPolicy, mirrors, timeoutMs, overrides } = route
  return {
    ...specifierInit(route),
    hashPolicy: [...hashPolicy],
    requestMirrorPolicies: mirrors.map((mirror) => ({
      cluster: mirror.cluster,
      runtimeFraction: { defaultValue: fractionInit(mirror) },
    })),
    ...(timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) }),
    ...retriesInit(route),
    ...overridesInit(overrides),
  }
}

function specifierInit(route: RouteConfig) {
  const { directResponse } = route
  if (directResponse === undefined) return routeClusterInit(route)
  return { clusterSpecifier: { case: 'directResponse' as const, value: { ...directResponse } } }
}
