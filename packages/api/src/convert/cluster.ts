import type { CircuitBreakerConfig, ClusterConfig, DnsLookupFamily } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertEndpoints } from './endpoint.ts'
import { convertLoadBalancer } from './load-balancer.ts'

const DISCOVERY: Readonly<Record<string, ClusterConfig['discovery']>> = { STATIC: 'static', STRICT_DNS: 'strict-dns' }
const LOOKUP_FAMILY: Readonly<Record<string, DnsLookupFamily>> = {
  AUTO: 'auto',
  V4_ONLY: 'v4-only',
  V6_ONLY: 'v6-only',
  V4_PREFERRED: 'v4-preferred',
  ALL: 'all',
}

/** Reads one Cluster; what this version does not do stays unread, and so is refused. */
export function convertCluster(cluster: ConfigMessage): ClusterConfig {
  const name = cluster.text('name')
  const discovery = convertDiscovery(cluster)
  const assignment = cluster.message('load_assignment')
  return {
    name,
    statName: cluster.text('alt_stat_name') || name,
    discovery,
    ...convertDns(cluster, discovery),
    endpoints:
      assignment === undefined ? [] : convertEndpoints(assignment, discovery === 'static' ? 'ip of endpoint' : 'any'),
    connectTimeoutMs: cluster.durationMs('connect_timeout') ?? 5_000,
    loadBalancer: convertLoadBalancer(cluster, discovery === 'strict-dns'),
    circuitBreaker: convertCircuitBreaker(cluster.message('circuit_breakers')),
    panicThresholdPercent: convertPanicThreshold(cluster.message('common_lb_config')),
    bufferLimitBytes: cluster.number('per_connection_buffer_limit_bytes') ?? 1024 * 1024,
    eds: undefined,
    outlierDetection: undefined,
    http2: false,
  }
}

function convertDiscovery(cluster: ConfigMessage): ClusterConfig['discovery'] {
  const type = cluster.enumName('type')
  const discovery = DISCOVERY[type]
  if (discovery === undefined) cluster.error('type', `${type} is not supported yet`)
  return discovery ?? 'strict-dns'
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
