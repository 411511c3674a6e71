import type { ListenerConfig, RouteTableConfig } from '@meltemi/api/model'
import { type AdminReply, type AdminRoute, badRequest, jsonReply, redact } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'
import { createNameFilter, FilterError, type NameFilter } from './name-filter.ts'

const ENVOY = 'type.googleapis.com/envoy.admin.v3'
const AERAKI = 'type.googleapis.com/aeraki.meta_protocol_proxy.admin.v1alpha'

interface Section {
  readonly '@type': string
  /** Name of the section in Envoy's config tracker. */
  readonly key: string
  readonly [field: string]: unknown
}

/** What the proxy runs on, in the sections of Envoy's dump, secrets left out. */
export function configDumpRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/config_dump',
    description: 'the configuration; ?resource=static_clusters|static_listeners|static_route_configs, ?name_regex=RE2',
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
  if (query.has('mask')) return badRequest('mask is not supported')
  const nameRegex = query.get('name_regex')
  const sections = collectSections(inspector, nameRegex === null ? () => true : createNameFilter(nameRegex))
  const resource = query.get('resource')
  if (resource === null) return jsonReply({ configs: redact(sections) })
  const found = sections.map((section) => section[resource]).find(Array.isArray)
  if (found === undefined) return { status: 404, body: `there is no resource ${JSON.stringify(resource)}\n` }
  return jsonReply({ configs: redact(found) })
}

function collectSections(inspector: ProxyInspector, accepts: NameFilter): Section[] {
  const { config } = inspector
  const updated = { last_updated: new Date(inspector.startedAtMs).toISOString() }
  const { listeners, clusters, ...bootstrap } = config
  const accepted = <T extends { readonly name: string }>(items: readonly T[]) =>
    items.filter(({ name }) => accepts(name))
  return [
    { '@type': `${ENVOY}.BootstrapConfigDump`, key: 'bootstrap', bootstrap, ...updated },
    {
      '@type': `${ENVOY}.ClustersConfigDump`,
      key: 'clusters',
      static_clusters: accepted(clusters).map((cluster) => ({ cluster, ...updated })),
    },
    {
      '@type': `${ENVOY}.ListenersConfigDump`,
      key: 'listeners',
      static_listeners: accepted(listeners).map((listener) => ({ listener, ...updated })),
    },
    {
      '@type': `${AERAKI}.RoutesConfigDump`,
      key: 'meta_protocol_routes',
      static_route_configs: accepted(routeTables(listeners)).map((table) => ({ route_config: table, ...updated })),
    },
  ]
}

function routeTables(listeners: readonly ListenerConfig[]): RouteTableConfig[] {
  return listeners.flatMap(({ filter }) => (filter.kind === 'meta-protocol' ? [filter.routes] : []))
}
