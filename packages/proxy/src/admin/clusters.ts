import type { CircuitBreakerConfig, ClusterConfig } from '@meltemi/api/model'
import { type AdminReply, type AdminRoute, badRequest, jsonReply } from '@meltemi/runtime'
import type { LiveResource } from '../config/live-config.ts'
import type { EndpointReport, ProxyInspector } from './inspector.ts'
import { socketAddressJson } from './socket-address-json.ts'

export function clustersRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/clusters',
    description: 'clusters and their endpoints; ?format=json',
    handle: async ({ query }) => replyWith(inspector, query.get('format') ?? 'text'),
  }
}

async function replyWith(inspector: ProxyInspector, format: string): Promise<AdminReply> {
  if (format !== 'text' && format !== 'json') return badRequest('format must be text or json')
  const endpoints = addUpThreads(await inspector.endpoints())
  const clusters = [...inspector.live.clusters.values()]
  const of = ({ config }: LiveResource<ClusterConfig>) => endpoints.get(config.name) ?? []
  if (format === 'text') return { body: clusters.map((cluster) => clusterText(cluster, of(cluster))).join('') }
  return jsonReply({ cluster_statuses: clusters.map((cluster) => clusterJson(cluster, of(cluster))) })
}

/** Cluster name → endpoints, in the order in which the first thread has them. */
function addUpThreads(reports: readonly EndpointReport[]): Map<string, EndpointReport[]> {
  const byAddress = new Map<string, EndpointReport>()
  for (const report of reports) {
    const key = JSON.stringify([report.cluster, report.address, report.hostname])
    const before = byAddress.get(key)
    byAddress.set(key, before === undefined ? report : plus(before, report))
  }
  return Map.groupBy(byAddress.values(), (report) => report.cluster)
}

function plus(a: EndpointReport, b: EndpointReport): EndpointReport {
  return {
    ...a,
    healthy: a.healthy && b.healthy,
    cxActive: a.cxActive + b.cxActive,
    cxTotal: a.cxTotal + b.cxTotal,
    cxConnectFail: a.cxConnectFail + b.cxConnectFail,
    rqActive: a.rqActive + b.rqActive,
    rqTotal: a.rqTotal + b.rqTotal,
    rqError: a.rqError + b.rqError,
  }
}

function clusterText(
  { config: cluster, isStatic }: LiveResource<ClusterConfig>,
  endpoints: readonly EndpointReport[],
): string {
  const lines = [`observability_name::${cluster.statName}`]
  for (const [name, value] of thresholds(cluster.circuitBreaker)) lines.push(`default_priority::${name}::${value}`)
  lines.push(`added_via_api::${!isStatic}`)
  for (const endpoint of endpoints) {
    for (const [name, , value] of endpointStats(endpoint)) lines.push(`${endpoint.address}::${name}::${value}`)
    lines.push(...endpointFacts(endpoint).map(([name, value]) => `${endpoint.address}::${name}::${value}`))
  }
  return lines.map((line) => `${cluster.name}::${line}\n`).join('')
}

function clusterJson(
  { config: cluster, isStatic }: LiveResource<ClusterConfig>,
  endpoints: readonly EndpointReport[],
): unknown {
  return {
    name: cluster.name,
    observability_name: cluster.statName,
    added_via_api: !isStatic,
    circuit_breakers: { thresholds: [Object.fromEntries(thresholds(cluster.circuitBreaker))] },
    host_statuses: endpoints.map((endpoint) => ({
      address: socketAddressJson(endpoint.address),
      stats: endpointStats(endpoint).map(([name, type, value]) => ({ type, name, value: String(value) })),
      health_status: { eds_health_status: endpoint.healthy ? 'HEALTHY' : 'UNHEALTHY' },
      weight: endpoint.weight,
      hostname: endpoint.hostname,
      locality: {},
    })),
  }
}

function thresholds(limits: CircuitBreakerConfig): [string, number][] {
  return [
    ['max_connections', limits.maxConnections],
    ['max_pending_requests', limits.maxPendingRequests],
    ['max_requests', limits.maxRequests],
    ['max_retries', limits.maxRetries],
  ]
}

function endpointStats(endpoint: EndpointReport): [string, 'COUNTER' | 'GAUGE', number][] {
  return [
    ['cx_active', 'GAUGE', endpoint.cxActive],
    ['cx_connect_fail', 'COUNTER', endpoint.cxConnectFail],
    ['cx_total', 'COUNTER', endpoint.cxTotal],
    ['rq_active', 'GAUGE', endpoint.rqActive],
    ['rq_error', 'COUNTER', endpoint.rqError],
    ['rq_total', 'COUNTER', endpoint.rqTotal],
  ]
}

/** As Envoy prints them for an endpoint that has no locality and no priority. */
function endpointFacts(endpoint: EndpointReport): [string, string | number][] {
  return [
    ['hostname', endpoint.hostname],
    ['health_flags', endpoint.healthy ? 'healthy' : '/failed_eds_health'],
    ['weight', endpoint.weight],
    ['region', ''],
    ['zone', ''],
    ['sub_zone', ''],
    ['canary', 'false'],
    ['priority', 0],
    ['success_rate', -1],
    ['local_origin_success_rate', -1],
  ]
}
