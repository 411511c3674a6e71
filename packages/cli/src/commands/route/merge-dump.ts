type Json = Readonly<Record<string, unknown>>

/** What `/config_dump` of a proxy answers. */
export interface ConfigDump {
  readonly configs?: readonly Json[]
}

/**
 * A bootstrap that says at once what a running proxy has got from its file and since then from its control plane: all
 * listeners, each with the routes that it has now.
 */
export function mergeDump({ configs = [] }: ConfigDump): Json {
  const bootstrap = itemOf(sectionOf(configs, 'BootstrapConfigDump'), 'bootstrap')
  const listeners = sectionOf(configs, 'ListenersConfigDump')
  const routes = sectionOf(configs, 'RoutesConfigDump')
  const tables = [...listOf(routes, 'static_route_configs'), ...listOf(routes, 'dynamic_route_configs')]
    .map((entry) => untyped(itemOf(entry, 'route_config')))
    .map((table) => [String(table['name'] ?? ''), table] as const)
  const all = [
    ...listOf(listeners, 'static_listeners'),
    ...listOf(listeners, 'dynamic_listeners').map((entry) => itemOf(entry, 'active_state')),
  ].map((entry) => untyped(itemOf(entry, 'listener')))
  const resources = itemOf(bootstrap, 'static_resources')
  const byName = new Map(tables)
  return {
    ...bootstrap,
    static_resources: { ...resources, listeners: all.map((listener) => withRoutes(listener, byName)) },
  }
}

/** With the table itself where it said from whom to get it; one that has not come yet is left as it is. */
function withRoutes(listener: Json, tables: ReadonlyMap<string, Json>): Json {
  return mapList(listener, 'filter_chains', (chain) =>
    mapList(chain, 'filters', (filter) => {
      const { rds, ...config } = itemOf(filter, 'typed_config')
      const table = rds === undefined ? undefined : tables.get(String((rds as Json)['route_config_name']))
      return table === undefined ? filter : { ...filter, typed_config: { ...config, route_config: table } }
    }),
  )
}

function mapList(message: Json, field: string, change: (item: Json) => Json): Json {
  return { ...message, [field]: listOf(message, field).map(change) }
}

function sectionOf(configs: readonly Json[], type: string): Json {
  return configs.find((section) => String(section['@type']).endsWith(`.${type}`)) ?? {}
}

function itemOf(message: Json, field: string): Json {
  return (message[field] ?? {}) as Json
}

function listOf(message: Json, field: string): readonly Json[] {
  return (message[field] ?? []) as readonly Json[]
}

/** As it stands in a file, where the type is known by the place. */
function untyped(message: Json): Json {
  const { '@type': _, ...fields } = message
  return fields
}
