/** Envoy's own proxy for Thrift, in the words of the reference. */

import type { ServiceView } from '../../store/world.ts'
import { clusterName, statPrefix } from '../names.ts'
import type { NetworkFilter } from './envoy-filter.ts'
import { inboundStatPrefix } from './meta-protocol-value.ts'
import { headerMatchers } from './native-match.ts'
import type { NativeRoute, TextMatch } from './native-routes.ts'

type Json = NetworkFilter['typed_config']['value']

/** With its type, without which Envoy (1.40) finds no filter; the reference leaves it out. */
const ROUTER = {
  name: 'envoy.filters.thrift.router',
  typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.network.thrift_proxy.router.v3.Router' },
}
/** Between the name of a service and that of its method, where several services share a port. */
const SERVICE_END = ':'

/** In front of clients. */
export function thriftOutbound({ host }: ServiceView, port: number, routes: readonly Json[]): Json {
  return proxyOf(statPrefix(host, port), clusterName(host, port), routes)
}

/** In front of a workload, which listens at `workloadPort`. */
export function thriftInbound(port: number, workloadPort: number): Json {
  const name = inboundStatPrefix(port)
  const clusters = [{ name: `inbound|${workloadPort}||`, weight: 1 }]
  return proxyOf(name, name, [thriftRoute({ method: undefined, headers: [], clusters })])
}

/** Throws for a method that Envoy cannot match so. */
export function thriftRoute({ method, headers, clusters }: NativeRoute): Json {
  const [first, ...others] = clusters
  const route = others.length === 0 ? { cluster: first?.name } : { weightedClusters: { clusters } }
  return { match: { ...methodMatch(method), ...headerMatchers(headers) }, route }
}

/** An empty name is any. */
function methodMatch(method: TextMatch | undefined): Json {
  if (method === undefined) return { methodName: '' }
  const { kind, text } = method
  if (kind === 'exact') return { methodName: text }
  const service = text.slice(0, -SERVICE_END.length)
  if (kind === 'prefix' && service !== '' && text.endsWith(SERVICE_END)) return { serviceName: service }
  throw new TypeError('Envoy knows methods of Thrift by their whole name, or by a prefix that is "<service>:"')
}

function proxyOf(prefix: string, name: string, routes: readonly Json[]): Json {
  return { statPrefix: prefix, routeConfig: { name, routes }, thriftFilters: [ROUTER] }
}
