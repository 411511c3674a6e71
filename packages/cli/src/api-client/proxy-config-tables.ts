/** Envoy's messages, as JSON, in rows that people can compare. */

import type { PrintableTable } from './print-table.ts'

export type ConfigType = 'listeners' | 'clusters' | 'routes' | 'endpoints'

export interface ConfigReport {
  readonly resources: readonly { readonly name: string; readonly config: unknown }[]
}

export const CONFIG_TABLES: Readonly<Record<ConfigType, (configs: readonly unknown[]) => PrintableTable>> = {
  listeners: (configs) => ({
    head: ['name', 'address', 'protocol', 'routes', 'cluster'],
    rows: configs.map(listenerRow),
  }),
  clusters: (configs) => ({
    head: ['host', 'port', 'subset', 'direction', 'type', 'load balancing'],
    rows: configs.map(clusterRow),
  }),
  routes: (configs) => ({
    head: ['routes', 'route', 'match', 'cluster', 'mirror'],
    rows: configs.flatMap(routeRows),
  }),
  endpoints: (configs) => ({ head: ['endpoint', 'status', 'weight', 'cluster'], rows: configs.flatMap(endpointRows) }),
}

/** What stands at the end of a path of names; undefined where it does not lead. */
function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    found = (found as Readonly<Record<string, unknown>>)[name]
  }
  return found
}

function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

function listenerRow(listener: unknown): readonly unknown[] {
  const [filter] = listAt(listAt(listener, 'filter_chains')[0], 'filters')
  const config = at(filter, 'typed_config')
  const protocol = at(config, 'protocol', 'name') ?? at(config, 'application_protocol') ?? 'tcp'
  const routes = at(config, 'rds', 'route_config_name') ?? at(config, 'route_config', 'name')
  return [at(listener, 'name'), addressText(at(listener, 'address')), protocol, routes, clustersText(config)]
}

/** Names are `direction|port|subset|host`; others stand as they are. */
function clusterRow(cluster: unknown): readonly unknown[] {
  const name = String(at(cluster, 'name'))
  const parts = name.split('|')
  const [direction, port, subset, host] = parts.length === 4 ? parts : ['', '', '', name]
  return [host, port, subset, direction, at(cluster, 'type') ?? 'STATIC', balancingText(cluster)]
}

/** The name of an extension is `envoy.load_balancing_policies.<policy>`. */
function balancingText(cluster: unknown): unknown {
  const [policy] = listAt(cluster, 'load_balancing_policy', 'policies')
  const name = at(policy, 'typed_extension_config', 'name')
  if (name !== undefined) return String(name).split('.').at(-1)?.toUpperCase()
  return at(cluster, 'lb_policy') ?? 'ROUND_ROBIN'
}

function routeRows(table: unknown): readonly (readonly unknown[])[] {
  const routes = listAt(table, 'virtual_hosts').flatMap((host) => listAt(host, 'routes'))
  return routes.map((route) => [
    at(table, 'name'),
    at(route, 'name'),
    listAt(route, 'match', 'headers').map(matcherText).join(', ') || 'everything',
    clustersText(at(route, 'route')),
    listAt(route, 'route', 'request_mirror_policies').map(mirrorText).join(', '),
  ])
}

function endpointRows(assignment: unknown): readonly (readonly unknown[])[] {
  const endpoints = listAt(assignment, 'endpoints').flatMap((locality) => listAt(locality, 'lb_endpoints'))
  return endpoints.map((endpoint) => [
    addressText(at(endpoint, 'endpoint', 'address')),
    at(endpoint, 'health_status') ?? 'HEALTHY',
    at(endpoint, 'load_balancing_weight') ?? 1,
    at(assignment, 'cluster_name'),
  ])
}

function addressText(address: unknown): string {
  const host = String(at(address, 'socket_address', 'address') ?? '')
  const port = String(at(address, 'socket_address', 'port_value') ?? '')
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function clustersText(action: unknown): string {
  const cluster = at(action, 'cluster')
  if (cluster !== undefined) return String(cluster)
  const weighted = listAt(action, 'weighted_clusters', 'clusters')
  return weighted.map((one) => `${at(one, 'name')} (${at(one, 'weight') ?? 0})`).join(', ')
}

function matcherText(matcher: unknown): string {
  const { name, ...how } = matcher as Readonly<Record<string, unknown>>
  return `${name}: ${JSON.stringify(how).slice(1, -1)}`
}

function mirrorText(policy: unknown): string {
  const numerator = Number(at(policy, 'runtime_fraction', 'default_value', 'numerator') ?? 100)
  const unit = at(policy, 'runtime_fraction', 'default_value', 'denominator') ?? 'HUNDRED'
  const percent = numerator / (unit === 'MILLION' ? 10_000 : unit === 'TEN_THOUSAND' ? 100 : 1)
  return `${at(policy, 'cluster')} (${percent} %)`
}
