import type { CircuitBreakerConfig, ClusterConfig, DnsLookupFamily, EndpointConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertConfigSource } from './config-source.ts'
import type { SourceContext } from './convert-context.ts'
import { convertEndpoints } from './endpoint.ts'
import { convertLoadBalancer } from './load-balancer.ts'

const DISCOVERY: Readonly<Record<string, ClusterConfig['discovery']>> = {
  STATIC: 'static',
  STRICT_DNS: 'strict-dns',
  EDS: 'eds',
}
const HTTP_OPTIONS_TYPE = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const LOOKUP_FAMILY: Readonly<Record<string, DnsLookupFamily>> = {
  AUTO: 'auto',
  V4_ONLY: 'v4-only',
  V6_ONLY: 'v6-only',
  V4_PREFERRED: 'v4-preferred',
  ALL: 'all',
}

/** Reads one Cluster; what this version does not do stays unread, and so is refused. */
export function convertCluster(cluster: ConfigMessage, sources: SourceContext): ClusterConfig {
  const name = cluster.text('name')
  const discovery = convertDiscovery(cluster)
  return {
    name,
    statName: cluster.text('alt_stat_name') || name,
    discovery,
    ...convertDns(cluster, discovery),
    endpoints: convertOwnEndpoints(cluster, discovery),
    connectTimeoutMs: cluster.durationMs('connect_timeout') ?? 5_000,
    loadBalancer: convertLoadBalancer(cluster, discovery !== 'static'),
    circuitBreaker: convertCircuitBreaker(cluster.message('circuit_breakers')),
    panicThresholdPercent: convertPanicThreshold(cluster.message('common_lb_config')),
    bufferLimitBytes: cluster.number('per_connection_buffer_limit_bytes') ?? 1024 * 1024,
    eds: convertEds(cluster, discovery, sources),
    outlierDetection: undefined,
    http2: convertHttp2(cluster),
  }
}

function convertDiscovery(cluster: ConfigMessage): ClusterConfig['discovery'] {
  const type = cluster.enumName('type')
  const discovery = DISCOVERY[type]
  if (discovery === undefined) cluster.error('type', `${type} is not supported yet`)
  return discovery ?? 'strict-dns'
}

function convertOwnEndpoints(cluster: ConfigMessage, discovery: ClusterConfig['discovery']): readonly EndpointConfig[] {
  const assignment = cluster.message('load_assignment')
  if (assignment === undefined) return []
  if (discovery === 'eds') cluster.refuse('load_assignment', 'load_assignment needs type STATIC or STRICT_DNS')
  return convertEndpoints(assignment, discovery === 'static' ? 'ip of endpoint' : 'any')
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

function convertDns(cluster: ConfigMessage, discovery: ClusterConfig['discovery']) {
  for (const name of ['dns_refresh_rate', 'dns_lookup_family']) {
    if (discovery !== 'strict-dns' && cluster.has(name)) cluster.error(name, `${name} needs type STRICT_DNS`)
  }
  return {
    dnsRefreshMs: cluster.durationMs('dns_refresh_rate') ?? 5_000,
    dnsLookupFamily: LOOKUP_FAMILY[cluster.enumName('dns_lookup_family')] ?? 'auto',
  }
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
  }
}

function convertPanicThreshold(common: ConfigMessage | undefined): number {
  return (
    common?.message('healthy_panic_threshold')?.number('value') ?? (common?.has('healthy_panic_threshold') ? 0 : 50)
  )
}
