import type {
  Destination,
  DestinationRule,
  MetaRoute,
  MirrorPolicy,
  RouteAnswer,
  RouteConfig,
  RouteTableConfig,
} from '@meltemi/api'
import type { ServiceView } from '../store/world.ts'
import { faultOverride } from './fault.ts'
import { hashKey } from './load-balancer.ts'
import { translateMatch } from './match.ts'
import { clusterName, plainHost, routesName } from './names.ts'
import { retriesOf, timeoutOf } from './retries.ts'
import { policyOf } from './traffic-policy.ts'

const MILLION = 1_000_000

/** One table for each port that speaks a protocol: the router's routes, or without any one route to the service. */
export function translateRoutes(view: ServiceView): readonly RouteTableConfig[] {
  if (view.resolution === 'none') return []
  const ports = view.ports.filter(({ protocol }) => protocol !== undefined)
  return ports.map(({ number }) => ({ name: routesName(view.host, number), routes: routesOf(view, number) }))
}

function routesOf(view: ServiceView, port: number): readonly RouteConfig[] {
  const routes = view.router?.spec.routes ?? []
  return routes.length === 0 ? [defaultRoute(view, port)] : routes.map((route) => translateRoute(view, port, route))
}

function defaultRoute(view: ServiceView, port: number): RouteConfig {
  return {
    name: 'default',
    match: { metadata: [] },
    clusters: [{ cluster: clusterName(view.host, port), weight: 1 }],
    hashPolicy: hashPolicies(view, port, [{ host: view.host }]),
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
  }
}

/** Throws for a route that leads nowhere. */
function translateRoute(view: ServiceView, port: number, route: MetaRoute): RouteConfig {
  const name = route.name ?? ''
  if (route.directResponse !== undefined) return directRoute(route, route.directResponse)
  const { route: destinations = [] } = route
  if (destinations.length === 0) throw new TypeError(`route ${JSON.stringify(name)} has no destination`)
  return {
    name,
    match: translateMatch(route.match),
    clusters: weightedClusters(destinations, port),
    hashPolicy: hashPolicies(
      view,
      port,
      destinations.map(({ destination }) => destination),
    ),
    mirrors: route.mirror === undefined ? [] : [mirrorPolicy(route.mirror, route.mirrorPercentage?.value, port)],
    timeoutMs: timeoutOf(route.timeout),
    ...retriesOf(route.retries),
    requestMutation: route.requestMutation ?? [],
    responseMutation: route.responseMutation ?? [],
    ...faultOverride(route),
  }
}

/** What a proxy answers itself. */
function directRoute(route: MetaRoute, { errorType = 'Unspecified', message }: RouteAnswer): RouteConfig {
  return {
    name: route.name ?? '',
    match: translateMatch(route.match),
    clusters: [],
    hashPolicy: [],
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
    directResponse: { errorType, message },
    ...faultOverride(route),
  }
}

/** The weight of a single destination does not matter. */
function weightedClusters(route: NonNullable<MetaRoute['route']>, port: number): RouteConfig['clusters'] {
  const isAlone = route.length === 1
  return route.map(({ destination, weight = 0 }) => ({
    cluster: clusterOf(destination, port),
    weight: isAlone ? 1 : weight,
  }))
}

function clusterOf({ host, port, subset }: Destination, servicePort: number): string {
  return clusterName(plainHost(host), port?.number ?? servicePort, subset)
}

/** Of copies: none said means all. */
function mirrorPolicy(mirror: Destination, percent: number | undefined, port: number): MirrorPolicy {
  const share = percent === undefined || percent === 0 ? 100 : percent
  const numerator = Math.round((share * MILLION) / 100)
  return { cluster: clusterOf(mirror, port), numerator, denominator: MILLION }
}

/** The properties that the destinations' load balancers hash, each once. */
function hashPolicies(view: ServiceView, port: number, destinations: readonly Destination[]): readonly string[] {
  const keys = destinations.flatMap((destination) => {
    const rule = ruleOf(view, plainHost(destination.host))
    const key = hashKey(policyOf(rule, destination.port?.number ?? port, destination.subset))
    return key === undefined ? [] : [key]
  })
  return [...new Set(keys)]
}

function ruleOf(view: ServiceView, host: string): DestinationRule | undefined {
  return host === view.host ? view.destinationRule : view.otherRules.get(host)
}
