import type { CircuitBreakerConfig, ClusterConfig } from '@meltemi/api/model'
import { type AdminReply, type AdminRoute, badRequest, jsonReply } from '@meltemi/runtime'
import type { LiveResource } from '../config/live-config.ts'
import { HostFlag } from '../upstream/health/host-table.ts'
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
    degraded: a.degraded || b.degraded,
    flags: (a.flags ?? 0) | (b.flags ?? 0),
    cxActive: a.cxActive + b.cxActive,
    cxTotal: a.cxTotal + b.cxTotal,
    cxConnectFail: a.cxConnectFail + b.cxConnectFail,
    rqActive: a.rqActive + b.rqActive,
    rqTotal: a.rqTotal + b.rqTotal,
    rqError: a.rqError + b.rqError,
    rqPendingActive: a.rqPendingActive + b.rqPendingActive,
    rqSuccess: a.rqSuccess + b.rqSuccess,
    rqTimeout: a.rqTimeout + b.rqTimeout,
  }
}

function clusterText({ config, isStatic }: LiveResource<ClusterConfig>, endpoints: readonly EndpointReport[]): string {
  const lines = [`observability_name::${config.statName}`, ...outlierLines(config, endpoints)]
  for (const { priority, ...limits } of thresholds(config)) {
    for (const [name, value] of Object.entries(limits))
      lines.push(`${priority.toLowerCase()}_priority::${name}::${value}`)
  }
  lines.push(`added_via_api::${!isStatic}`)
  if (config.eds !== undefined) lines.push(`eds_service_name::${config.eds.serviceName}`)
  for (const endpoint of endpoints) {
    const facts = [...endpointStats(endpoint).map(([name, , value]) => [name, value]), ...endpointFacts(endpoint)]
    lines.push(...facts.map(([name, value]) => `${endpoint.address}::${name}::${value}`))
  }
  return lines.map((line) => `${config.name}::${line}\n`).join('')
}

function clusterJson(
  { config, isStatic }: LiveResource<ClusterConfig>,
  endpoints: readonly EndpointReport[],
): Readonly<Record<string, unknown>> {
  return {
    name: config.name,
    observability_name: config.statName,
    ...(config.eds === undefined ? {} : { eds_service_name: config.eds.serviceName }),
    added_via_api: !isStatic,
    // proto JSON leaves the first value of an enum out
    circuit_breakers: {
      thresholds: thresholds(config).map(({ priority, ...limits }) =>
        priority === 'DEFAULT' ? limits : { priority, ...limits },
      ),
    },
    host_statuses: endpoints.map((endpoint) => ({
      address: socketAddressJson(endpoint.address),
      stats: endpointStats(endpoint).map(([name, type, value]) => ({ type, name, value: String(value) })),
      health_status: healthJson(endpoint),
      weight: endpoint.weight,
      ...successRates(endpoint),
      hostname: endpoint.hostname,
      locality: localityJson(endpoint),
      priority: endpoint.priority ?? 0,
    })),
  }
}

/** What a cluster may use. Envoy prints the limits of both priorities; nothing here has the high one, which keeps its defaults. */
function thresholds({ circuitBreaker }: ClusterConfig) {
  return [
    { priority: 'DEFAULT', ...limitsJson(circuitBreaker) },
    { priority: 'HIGH', ...limitsJson(DEFAULT_LIMITS) },
  ]
}

/** Envoy's. */
const DEFAULT_LIMITS: CircuitBreakerConfig = {
  maxConnections: 1024,
  maxPendingRequests: 1024,
  maxRequests: 1024,
  maxRetries: 3,
}

function limitsJson(limits: CircuitBreakerConfig) {
  return {
    max_connections: limits.maxConnections,
    max_pending_requests: limits.maxPendingRequests,
    max_requests: limits.maxRequests,
    max_retries: limits.maxRetries,
  }
}

/** In Envoy's order, each as text and as a field of HealthFlags. */
const FLAGS = [
  ['/failed_active_hc', 'failed_active_health_check', HostFlag.Unhealthy],
  ['/failed_outlier_check', 'failed_outlier_check', HostFlag.Ejected],
] as const
const LATER_FLAGS = [
  ['/pending_active_hc', 'pending_active_hc', HostFlag.Unchecked],
  ['/active_hc_timeout', 'active_hc_timeout', HostFlag.TimedOut],
] as const

function flagsText(endpoint: EndpointReport): string {
  const { healthy, saidHealthy = healthy, degraded, flags = 0, isLeaving = false } = endpoint
  const texts = (list: readonly (readonly [string, string, HostFlag])[]) =>
    list.flatMap(([text, , flag]) => ((flags & flag) === 0 ? [] : [text]))
  const all = [
    ...texts(FLAGS),
    ...(saidHealthy ? [] : ['/failed_eds_health']),
    ...(saidHealthy && degraded ? ['/degraded_eds_health'] : []),
    ...(isLeaving ? ['/pending_dynamic_removal'] : []),
    ...texts(LATER_FLAGS),
  ]
  return all.length === 0 ? 'healthy' : all.join('')
}

function healthJson({ healthy, saidHealthy = healthy, degraded, flags = 0, isLeaving }: EndpointReport) {
  const set = [...FLAGS, ...LATER_FLAGS].filter(([, , flag]) => (flags & flag) !== 0)
  return {
    ...Object.fromEntries(set.map(([, name]) => [name, true])),
    ...(isLeaving ? { pending_dynamic_removal: true } : {}),
    eds_health_status: !saidHealthy ? 'UNHEALTHY' : degraded ? 'DEGRADED' : 'HEALTHY',
  }
}

function successRates({ outlier }: EndpointReport) {
  const { successRate = -1, localSuccessRate = -1 } = outlier ?? {}
  return {
    ...(successRate < 0 ? {} : { success_rate: { value: successRate } }),
    ...(localSuccessRate < 0 ? {} : { local_origin_success_rate: { value: localSuccessRate } }),
  }
}

/** Of the last interval; as Envoy says of what nobody knows -1. */
function outlierLines({ outlierDetection }: ClusterConfig, endpoints: readonly EndpointReport[]): readonly string[] {
  if (outlierDetection === undefined) return []
  const { mean = -1, limit = -1, localMean = -1, localLimit = -1 } = endpoints[0]?.outlier ?? {}
  return [
    `outlier::success_rate_average::${mean}`,
    `outlier::success_rate_ejection_threshold::${limit}`,
    `outlier::local_origin_success_rate_average::${localMean}`,
    `outlier::local_origin_success_rate_ejection_threshold::${localLimit}`,
  ]
}

function localityJson({ locality }: EndpointReport): unknown {
  const { region = '', zone = '', subZone = '' } = locality ?? {}
  return {
    ...(region === '' ? {} : { region }),
    ...(zone === '' ? {} : { zone }),
    ...(subZone === '' ? {} : { sub_zone: subZone }),
  }
}

function endpointStats(endpoint: EndpointReport): [string, 'COUNTER' | 'GAUGE', number][] {
  return [
    ['cx_active', 'GAUGE', endpoint.cxActive],
    ['cx_connect_fail', 'COUNTER', endpoint.cxConnectFail],
    ['cx_total', 'COUNTER', endpoint.cxTotal],
    ['rq_active', 'GAUGE', endpoint.rqActive],
    ['rq_error', 'COUNTER', endpoint.rqError],
    ['rq_pending_active', 'GAUGE', endpoint.rqPendingActive],
    ['rq_success', 'COUNTER', endpoint.rqSuccess],
    ['rq_timeout', 'COUNTER', endpoint.rqTimeout],
    ['rq_total', 'COUNTER', endpoint.rqTotal],
  ]
}

/** As Envoy prints them; -1 is what it says of success rates that nobody computes. */
function endpointFacts(endpoint: EndpointReport): [string, string | number][] {
  const { region = '', zone = '', subZone = '' } = endpoint.locality ?? {}
  return [
    ['hostname', endpoint.hostname],
    ['health_flags', flagsText(endpoint)],
    ['weight', endpoint.weight],
    ['region', region],
    ['zone', zone],
    ['sub_zone', subZone],
    ['canary', 'false'],
    ['priority', endpoint.priority ?? 0],
    ['success_rate', endpoint.outlier?.successRate ?? -1],
    ['local_origin_success_rate', endpoint.outlier?.localSuccessRate ?? -1],
  ]
}
