import { type AdminReply, type AdminRoute, badRequest, jsonReply, redact } from '@meltemi/runtime'
import { applyFieldMask, parseFieldMask } from './field-mask.ts'
import type { ProxyInspector } from './inspector.ts'
import { createNameFilter, FilterError } from './name-filter.ts'

type Json = Readonly<Record<string, unknown>>

const GOOGLE = 'type.googleapis.com'
const ENVOY = `${GOOGLE}/envoy.admin.v3`
const AERAKI = `${GOOGLE}/aeraki.meta_protocol_proxy`
const PROXY_TYPE = `${AERAKI}.v1alpha.MetaProtocolProxy`
const CLUSTERS = `${ENVOY}.ClustersConfigDump`
const LISTENERS = `${ENVOY}.ListenersConfigDump`
const ROUTES = `${AERAKI}.admin.v1alpha.RoutesConfigDump`

/** The lists of all sections, as `?resource=` names them, with the type of their items; the dynamic ones are empty. */
const RESOURCES: ReadonlyMap<string, string> = new Map([
  ['static_clusters', `${CLUSTERS}.StaticCluster`],
  ['dynamic_active_clusters', `${CLUSTERS}.DynamicCluster`],
  ['dynamic_warming_clusters', `${CLUSTERS}.DynamicCluster`],
  ['static_listeners', `${LISTENERS}.StaticListener`],
  ['dynamic_listeners', `${LISTENERS}.DynamicListener`],
  ['static_route_configs', `${ROUTES}.StaticRouteConfig`],
  ['dynamic_route_configs', `${ROUTES}.DynamicRouteConfig`],
])
const FIELDS = new Set(['bootstrap', 'last_updated', 'version_info'])

/** The configuration as it was loaded, in Envoy's sections and with its parameters, secrets left out. */
export function configDumpRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/config_dump',
    description: `the configuration; ?resource=${[...RESOURCES.keys()].filter((name) => name.startsWith('static')).join('|')}, ?name_regex=RE2 (of whole names), ?mask=FIELDS`,
    handle: ({ query }) => {
      try {
        return dump(inspector, query)
      } catch (error: unknown) {
        if (error instanceof FilterError) return badRequest(error.message)
        throw error
      }
    },
  }
}

function dump(inspector: ProxyInspector, query: URLSearchParams): AdminReply {
  const sections = collectSections(inspector, query.get('name_regex') ?? '')
  const resource = query.get('resource')
  const type = RESOURCES.get(resource ?? '')
  if (resource !== null && type === undefined) return noSuchResource(resource)
  const configs = resource === null ? sections : itemsOf(sections, resource, type as string)
  const mask = query.get('mask')
  const masked = mask === null ? configs : configs.flatMap((each) => applyFieldMask(each, parseFieldMask(mask)) ?? [])
  if (configs.length > 0 && masked.length === 0) {
    return badRequest(`FieldMask ${mask} could not be successfully applied to any configs.`)
  }
  // as protobuf prints a message without anything in it
  return jsonReply(masked.length === 0 ? {} : { configs: redact(masked) })
}

function noSuchResource(name: string): AdminReply {
  if (!FIELDS.has(name)) return { status: 404, body: `${name} not found in config dump\n` }
  return badRequest(`${name} is not a repeated field. Use ?mask=${name} to get only this field`)
}

function itemsOf(sections: readonly Json[], resource: string, type: string): readonly Json[] {
  const items = sections.flatMap((section) => (section[resource] as readonly Json[] | undefined) ?? [])
  return items.map((item) => ({ '@type': type, ...item }))
}

function collectSections(inspector: ProxyInspector, nameRegex: string): readonly Json[] {
  const { config, bootstrap } = inspector
  const accepts = nameRegex === '' ? () => true : createNameFilter(nameRegex, { isWhole: true })
  const last_updated = new Date(inspector.startedAtMs).toISOString()
  const resources = (bootstrap['static_resources'] ?? {}) as Json
  const clusters = listOf(resources, 'clusters').filter((cluster) => accepts(String(cluster['name'])))
  const allListeners = listOf(resources, 'listeners')
  // one without a name has the one that the proxy gave it
  const listeners = allListeners.filter((_, index) => accepts(config.listeners[index]?.name ?? ''))
  const routes = allListeners.flatMap(routeTables).filter((table) => accepts(String(table['name'] ?? '')))
  const shown = (field: string, type: string, items: readonly Json[]) =>
    items.map((item) => ({ [field]: { '@type': `${GOOGLE}/${type}`, ...item }, last_updated }))
  return [
    { '@type': `${ENVOY}.BootstrapConfigDump`, bootstrap, last_updated },
    { '@type': CLUSTERS, static_clusters: shown('cluster', 'envoy.config.cluster.v3.Cluster', clusters) },
    { '@type': LISTENERS, static_listeners: shown('listener', 'envoy.config.listener.v3.Listener', listeners) },
    {
      '@type': ROUTES,
      static_route_configs: shown(
        'route_config',
        'aeraki.meta_protocol_proxy.config.route.v1alpha.RouteConfiguration',
        routes,
      ),
    },
  ]
}

/** The route tables that stand in a listener. */
function routeTables(listener: Json): readonly Json[] {
  return listOf(listener, 'filter_chains')
    .flatMap((chain) => listOf(chain, 'filters'))
    .map((filter) => filter['typed_config'] as Json | undefined)
    .flatMap((config) => (config?.['@type'] === PROXY_TYPE ? [(config['route_config'] ?? {}) as Json] : []))
}

function listOf(message: Json, field: string): readonly Json[] {
  return (message[field] ?? []) as readonly Json[]
}
