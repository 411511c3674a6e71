import type { CircuitBreakerConfig, ClusterConfig, EndpointConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertConfigSource } from './config-source.ts'
import type { SourceContext, ValidateOptions } from './convert-context.ts'
import { convertDns } from './dns.ts'
import { convertEndpoints } from './endpoint.ts'
import { convertHealthChecks } from './health-check.ts'
import { convertBalance } from './load-balancer.ts'
import { convertOutlierDetection } from './outlier-detection.ts'
import { checkClusterFilters } from './peer-exchange.ts'
import { convertUpstreamTls } from './tls.ts'
import { convertTransportMatches } from './transport-matches.ts'

const DISCOVERY: Readonly<Record<string, ClusterConfig['discovery']>> = {
  STATIC: 'static',
  STRICT_DNS: 'strict-dns',
  LOGICAL_DNS: 'logical-dns',
  EDS: 'eds',
}
const HTTP_OPTIONS_TYPE = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

/** Reads one Cluster; what this version does not do stays unread, and so is refused. */
export function convertCluster(
  cluster: ConfigMessage,
  sources: SourceContext,
  options: ValidateOptions = {},
): ClusterConfig {
  const name = cluster.text('name')
  const discovery = convertDiscovery(cluster)
  checkClusterFilters(cluster)
  return {
    name,
    statName: cluster.text('alt_stat_name') || name,
    discovery,
    ...convertDns(cluster, discovery),
    endpoints: convertOwnEndpoints(cluster, discovery),
    connectTimeoutMs: cluster.durationMs('connect_timeout') ?? 5_000,
    ...convertBalance(cluster, discovery !== 'static'),
    circuitBreaker: convertCircuitBreaker(cluster.message('circuit_breakers')),
    panicThresholdPercent: convertPanicThreshold(cluster.message('common_lb_config')),
    bufferLimitBytes: cluster.number('per_connection_buffer_limit_bytes') ?? 1024 * 1024,
    eds: convertEds(cluster, discovery, sources),
    outlierDetection: convertOutlierDetection(cluster),
    // modules by digest are for listeners
    ...convertHealthChecks(cluster, { options, isDelivered: false }),
    http2: convertHttp2(cluster),
    ...convertTransport(cluster, sources),
  }
}

function convertTransport(
  cluster: ConfigMessage,
  sources: SourceContext,
): Pick<ClusterConfig, 'tls' | 'transportMatches'> {
  const tls = convertUpstreamTls(cluster, sources)
  const transportMatches = convertTransportMatches(cluster, sources)
  return { ...(tls === undefined ? {} : { tls }), ...(transportMatches.length === 0 ? {} : { transportMatches }) }
}

function convertDiscovery(cluster: ConfigMessage): ClusterConfig['discovery'] {
  const type = cluster.enumName('type')
  const discovery = DISCOVERY[type]
  if (discovery === undefined) cluster.error('type', `${type} is not supported yet`)
  return discovery ?? 'strict-dns'
}

function convertOwnEndpoints(cluster: ConfigMessage, discovery: ClusterConfig['discovery']): readonly EndpointConfig[] {
  const assignment = cluster.message('load_assignment')
  if (assignment === undefined) {
    if (discovery === 'logical-dns') cluster.reportMissing('load_assignment')
    return []
  }
  if (discovery === 'eds')
    cluster.refuse('load_assignment', 'load_assignment needs type STATIC, STRICT_DNS or LOGICAL_DNS')
  const endpoints = convertEndpoints(assignment, discovery === 'static' ? 'ip of endpoint' : 'any')
  if (discovery === 'logical-dns' && endpoints.length !== 1) {
    cluster.error('load_assignment', `type LOGICAL_DNS needs exactly one endpoint, got ${endpoints.length}`)
  }
  return endpoints
}

function convertEds(cluster: ConfigMessage, discovery: ClusterConfig['discovery'], sources: SourceContext) {
  const config = cluster.message('eds_cluster_config')
  if (discovery !== 'eds') {
    if (config !== undefined) cluster.refuse('eds_cluster_config', 'eds_cluster_config needs type EDS')
    return undefined
  }
  if (config === undefined) cluster.reportMissing('eds_cluster_config')
  else if (!config.has('eds_config')) config.reportMissing('eds_config')
  const serviceName = config?.text('service_name') || cluster.text('name')
  const source = config === undefined ? undefined : convertConfigSource(config, 'eds_config', sources)
  return source === undefined ? undefined : { serviceName, source }
}

/** Old and new way to say that a cluster speaks HTTP/2, without settings of its own. */
function convertHttp2(cluster: ConfigMessage): boolean {
  const old = cluster.message('http2_protocol_options') !== undefined
  let isExplicit = false
  for (const [key, options] of cluster.anys('typed_extension_protocol_options')) {
    if (options.typeName !== HTTP_OPTIONS_TYPE || options.message === undefined) {
      cluster.problems.refuse(options, `protocol options ${JSON.stringify(key)} are not supported yet`)
    } else if (options.message.message('explicit_http_config')?.message('http2_protocol_options') !== undefined)
      isExplicit = true
  }
  if (old && isExplicit) cluster.error('http2_protocol_options', 'is said in typed_extension_protocol_options already')
  return old || isExplicit
}

function convertCircuitBreaker(breakers: ConfigMessage | undefined): CircuitBreakerConfig {
  const thresholds = breakers?.messages('thresholds') ?? []
  const [first, second] = thresholds
  for (const each of thresholds) {
    const priority = each.enumName('priority')
    if (priority !== 'DEFAULT') each.error('priority', `${priority} is not supported yet`)
  }
  if (second !== undefined) second.problems.error(second, 'there is already an entry for this priority')
  return {
    maxConnections: first?.number('max_connections') ?? 1024,
    maxPendingRequests: first?.number('max_pending_requests') ?? 1024,
    maxRequests: first?.number('max_requests') ?? 1024,
    maxRetries: first?.number('max_retries') ?? 3,
    ...(first?.flag('track_remaining') ? { tracksRemaining: true } : {}),
    ...convertRetryBudget(first?.message('retry_budget')),
  }
}

function convertRetryBudget(budget: ConfigMessage | undefined): Pick<CircuitBreakerConfig, 'retryBudget'> {
  if (budget === undefined) return {}
  const percent = budget.message('budget_percent')
  const budgetPercent = percent === undefined ? 20 : (percent.number('value') ?? 0)
  return { retryBudget: { budgetPercent, minRetryConcurrency: budget.number('min_retry_concurrency') ?? 3 } }
}

function convertPanicThreshold(common: ConfigMessage | undefined): number {
  return (
    common?.message('healthy_panic_threshold')?.number('value') ?? (common?.has('healthy_panic_threshold') ? 0 : 50)
  )
}
