import { encodeCluster, encodeEndpoints, encodeListener, metaRoutesToJson, xdsToJson } from '@meltemi/api/encode'
import type { ClusterConfig, ListenerConfig } from '@meltemi/api/model'
import type { LiveResource } from '../config/live-config.ts'
import type { ProxyInspector } from './inspector.ts'
import { SECRETS, secretsSection } from './secrets-section.ts'

export type Json = Readonly<Record<string, unknown>>

const GOOGLE = 'type.googleapis.com'
const ENVOY = `${GOOGLE}/envoy.admin.v3`
const AERAKI = `${GOOGLE}/aeraki.meta_protocol_proxy`
const PROXY_TYPE = `${AERAKI}.v1alpha.MetaProtocolProxy`
const CLUSTERS = `${ENVOY}.ClustersConfigDump`
const ENDPOINTS = `${ENVOY}.EndpointsConfigDump`
const LISTENERS = `${ENVOY}.ListenersConfigDump`
const ROUTES = `${AERAKI}.admin.v1alpha.RoutesConfigDump`
const CLUSTER_TYPE = `${GOOGLE}/envoy.config.cluster.v3.Cluster`
const ENDPOINTS_TYPE = `${GOOGLE}/envoy.config.endpoint.v3.ClusterLoadAssignment`
const LISTENER_TYPE = `${GOOGLE}/envoy.config.listener.v3.Listener`
const ROUTES_TYPE = `${AERAKI}.config.route.v1alpha.RouteConfiguration`

/** The lists of all sections, as `?resource=` names them, with the type of their items. */
export const SECTION_LISTS: ReadonlyMap<string, string> = new Map([
  ['static_clusters', `${CLUSTERS}.StaticCluster`],
  ['dynamic_active_clusters', `${CLUSTERS}.DynamicCluster`],
  ['dynamic_warming_clusters', `${CLUSTERS}.DynamicCluster`],
  ['static_endpoint_configs', `${ENDPOINTS}.StaticEndpointConfig`],
  ['dynamic_endpoint_configs', `${ENDPOINTS}.DynamicEndpointConfig`],
  ['static_listeners', `${LISTENERS}.StaticListener`],
  ['dynamic_listeners', `${LISTENERS}.DynamicListener`],
  ['static_route_configs', `${ROUTES}.StaticRouteConfig`],
  ['dynamic_route_configs', `${ROUTES}.DynamicRouteConfig`],
  ['static_secrets', `${SECRETS}.StaticSecret`],
  ['dynamic_active_secrets', `${SECRETS}.DynamicSecret`],
  ['dynamic_warming_secrets', `${SECRETS}.DynamicSecret`],
])

export interface SectionOptions {
  /** By name. */
  accepts(name: string): boolean
  readonly withEndpoints: boolean
}

/**
 * The configuration in Envoy's sections. What came with the bootstrap is shown as it was loaded; what came later is made
 * from the model, so that nobody has to keep it twice.
 */
export function collectSections(inspector: ProxyInspector, options: SectionOptions): readonly Json[] {
  const { bootstrap, startedAtMs } = inspector
  return [
    { '@type': `${ENVOY}.BootstrapConfigDump`, bootstrap, last_updated: timestamp(startedAtMs) },
    clustersSection(inspector, options),
    ...(options.withEndpoints ? [endpointsSection(inspector, options)] : []),
    listenersSection(inspector, options),
    routesSection(inspector, options),
    ...secretsOf(inspector, options),
  ]
}

/** Not there where nobody has any. */
function secretsOf(inspector: ProxyInspector, { accepts }: SectionOptions): readonly Json[] {
  const hasAny = (inspector.live.bootstrap.secrets ?? []).length + inspector.secrets().length > 0
  return hasAny ? [secretsSection(inspector, accepts)] : []
}

function clustersSection(inspector: ProxyInspector, { accepts }: SectionOptions): Json {
  const { live, startedAtMs } = inspector
  const clusters = staticList(inspector, 'clusters').filter((cluster) => accepts(String(cluster['name'])))
  const dynamic = dynamicOf(live.clusters, accepts)
  return {
    '@type': CLUSTERS,
    ...lastVersion(dynamic),
    static_clusters: clusters.map((cluster) => shown('cluster', CLUSTER_TYPE, cluster, startedAtMs)),
    ...unlessEmpty(
      'dynamic_active_clusters',
      dynamic.map(([, cluster]) => versioned('cluster', CLUSTER_TYPE, clusterJson(cluster.config), cluster)),
    ),
  }
}

function endpointsSection({ live }: ProxyInspector, { accepts }: SectionOptions): Json {
  const json = (cluster: string, endpoints: ClusterConfig['endpoints']) =>
    xdsToJson('endpoint', encodeEndpoints({ cluster, endpoints })) as Json
  const own = [...live.clusters].filter(([name]) => accepts(name) && !live.endpoints.has(name))
  const given = [...live.endpoints].filter(([name]) => accepts(name))
  return {
    '@type': ENDPOINTS,
    ...unlessEmpty(
      'static_endpoint_configs',
      own.map(([name, { config, updatedMs }]) =>
        shown('endpoint_config', ENDPOINTS_TYPE, json(name, config.endpoints), updatedMs),
      ),
    ),
    ...unlessEmpty(
      'dynamic_endpoint_configs',
      given.map(([name, resource]) =>
        versioned('endpoint_config', ENDPOINTS_TYPE, json(name, resource.config), resource),
      ),
    ),
  }
}

function listenersSection(inspector: ProxyInspector, { accepts }: SectionOptions): Json {
  const { live, startedAtMs } = inspector
  const known = live.bootstrap.listeners
  // one without a name has the one that the proxy gave it
  const listeners = staticList(inspector, 'listeners').filter((_, index) => accepts(known[index]?.name ?? ''))
  const dynamic = dynamicOf(live.listeners, accepts)
  return {
    '@type': LISTENERS,
    ...lastVersion(dynamic),
    static_listeners: listeners.map((listener) => shown('listener', LISTENER_TYPE, listener, startedAtMs)),
    ...unlessEmpty(
      'dynamic_listeners',
      dynamic.map(([name, listener]) => ({
        name,
        active_state: versioned('listener', LISTENER_TYPE, listenerJson(listener.config), listener),
      })),
    ),
  }
}

function routesSection(inspector: ProxyInspector, { accepts }: SectionOptions): Json {
  const { live, startedAtMs } = inspector
  const tables = staticList(inspector, 'listeners')
    .flatMap(routeTables)
    .filter((table) => accepts(String(table['name'] ?? '')))
  const dynamic = [...live.routes.values()].filter(({ config }) => accepts(config.name))
  return {
    '@type': ROUTES,
    static_route_configs: tables.map((table) => shown('route_config', ROUTES_TYPE, table, startedAtMs)),
    ...unlessEmpty(
      'dynamic_route_configs',
      dynamic.map((table) => versioned('route_config', ROUTES_TYPE, metaRoutesToJson(table.config) as Json, table)),
    ),
  }
}

function clusterJson(config: ClusterConfig): Json {
  // endpoints of an eds cluster are another resource
  return xdsToJson('cluster', encodeCluster(config)) as Json
}

function listenerJson(config: ListenerConfig): Json {
  // a limit of connections stands in the bootstrap, which is shown above
  return xdsToJson('listener', encodeListener({ ...config, maxConnections: 0 })) as Json
}

/** The route tables that stand in a listener. */
function routeTables(listener: Json): readonly Json[] {
  return listOf(listener, 'filter_chains')
    .flatMap((chain) => listOf(chain, 'filters'))
    .map((filter) => filter['typed_config'] as Json | undefined)
    .flatMap((config) => {
      if (config?.['@type'] !== PROXY_TYPE || config['rds'] !== undefined) return []
      return [(config['route_config'] ?? {}) as Json]
    })
}

function staticList({ bootstrap }: ProxyInspector, field: string): readonly Json[] {
  return listOf((bootstrap['static_resources'] ?? {}) as Json, field)
}

function listOf(message: Json, field: string): readonly Json[] {
  return (message[field] ?? []) as readonly Json[]
}

function dynamicOf<T>(
  resources: ReadonlyMap<string, LiveResource<T>>,
  accepts: (name: string) => boolean,
): readonly (readonly [string, LiveResource<T>])[] {
  return [...resources].filter(([name, { isStatic }]) => !isStatic && accepts(name))
}

function shown(field: string, type: string, item: Json, updatedMs: number): Json {
  return { [field]: { '@type': type, ...item }, last_updated: timestamp(updatedMs) }
}

function versioned(field: string, type: string, item: Json, { version, updatedMs }: LiveResource<unknown>): Json {
  return { ...(version === '' ? {} : { version_info: version }), ...shown(field, type, item, updatedMs) }
}

/** Of what came last. */
function lastVersion(resources: readonly (readonly [string, LiveResource<unknown>])[]): Json {
  const last = resources.map(([, resource]) => resource).sort((a, b) => b.updatedMs - a.updatedMs)[0]
  return last === undefined || last.version === '' ? {} : { version_info: last.version }
}

function unlessEmpty(field: string, items: readonly Json[]): Json {
  return items.length === 0 ? {} : { [field]: items }
}

function timestamp(ms: number): string {
  return new Date(ms).toISOString()
}
