import { durationFromMs } from '@bufbuild/protobuf/wkt'
import type { RouteConfigurationSchema } from '../gen/aeraki/meta_protocol_proxy/config/route/v1alpha/route_pb.ts'
import type { RouteConfig, RouteTableConfig } from '../model/index.ts'
import { clusterChoiceInit } from './cluster-choice.ts'
import { fractionInit } from './fraction.ts'
import type { Init } from './init.ts'
import { matchersInit } from './match.ts'
import { additions, removals } from './property-changes.ts'

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
  }
}

function actionInit({ clusters, hashPolicy, mirrors, timeoutMs }: RouteConfig) {
  return {
    ...clusterChoiceInit(clusters),
    hashPolicy: [...hashPolicy],
    requestMirrorPolicies: mirrors.map((mirror) => ({
      cluster: mirror.cluster,
      runtimeFraction: { defaultValue: fractionInit(mirror) },
    })),
    ...(timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) }),
  }
}
