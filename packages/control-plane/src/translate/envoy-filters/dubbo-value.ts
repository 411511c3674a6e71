/** Envoy's own proxy for Dubbo, in the words of the reference. */

import type { ServiceView } from '../../store/world.ts'
import { clusterName, statPrefix } from '../names.ts'
import { dubboRbacFilters } from './dubbo-rbac.ts'
import type { NetworkFilter } from './envoy-filter.ts'
import type { MeshSettings } from './mesh-settings.ts'
import { inboundStatPrefix } from './meta-protocol-value.ts'
import { headerMatchers, regexMatcher, stringMatcher } from './native-match.ts'
import type { NativeRoute } from './native-routes.ts'

type Json = NetworkFilter['typed_config']['value']

const ROUTER = { name: 'envoy.filters.dubbo.router' }
const INTERFACE = 'interface'
/** Whatever interfaces there are behind the port of a workload. */
const ANY_INTERFACE = '*'
const ANY_METHOD = { safeRegex: regexMatcher('.*') }

/** In front of clients. Throws without the annotation that says which interface the service is. */
export function dubboOutbound({ host, origin }: ServiceView, port: number, routes: readonly Json[]): Json {
  const { annotations } = origin.metadata
  const name = Object.hasOwn(annotations, INTERFACE) ? (annotations[INTERFACE] ?? '') : ''
  if (name === '') throw new TypeError(`annotation ${INTERFACE} is missing, which names the interface of Dubbo`)
  const routeConfig = [{ name: clusterName(host, port), interface: name, routes }]
  return { statPrefix: statPrefix(host, port), routeConfig, dubboFilters: [ROUTER] }
}

/** Whose port it is, and where a workload of it listens. */
export interface InboundContext {
  readonly view: ServiceView
  readonly port: number
  readonly workloadPort: number
  readonly mesh: MeshSettings
}

/** In front of a workload: there policies are kept to. */
export function dubboInbound({ view, port, workloadPort, mesh }: InboundContext): Json {
  const name = inboundStatPrefix(port)
  const clusters = [{ name: `inbound|${workloadPort}||`, weight: 1 }]
  const routes = [dubboRoute({ method: undefined, headers: [], clusters })]
  return {
    statPrefix: name,
    routeConfig: [{ name, interface: ANY_INTERFACE, routes }],
    dubboFilters: [...dubboRbacFilters(view.policies, mesh.trustDomains), ROUTER],
  }
}

export function dubboRoute({ method, headers, clusters }: NativeRoute): Json {
  const name = method === undefined ? ANY_METHOD : stringMatcher(method)
  return { match: { method: { name }, ...headerMatchers(headers) }, route: routeAction(clusters) }
}

function routeAction(clusters: NativeRoute['clusters']): Json {
  const [first, ...others] = clusters
  if (others.length === 0) return { cluster: first?.name }
  const totalWeight = clusters.reduce((sum, { weight }) => sum + weight, 0)
  return { weightedClusters: { clusters, totalWeight } }
}
