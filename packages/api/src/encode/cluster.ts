import { create, toBinary } from '@bufbuild/protobuf'
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt'
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  ClusterSchema,
} from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { CaresDnsResolverConfigSchema } from '../gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.ts'
import type {
  CircuitBreakerConfig,
  ClusterConfig,
  DnsFailureRefresh,
  DnsLookupFamily,
  RetryBudgetConfig,
  SocketAddress,
} from '../model/index.ts'
import { addressInit } from './address.ts'
import { configSourceInit } from './config-source.ts'
import { assignmentInit } from './endpoints.ts'
import { healthCheckInit } from './health-check.ts'
import type { Init } from './init.ts'
import { balanceInit, commonBalanceInit } from './load-balancer.ts'
import { outlierInit } from './outlier-detection.ts'
import { transportMatchInit, upstreamTlsInit } from './tls.ts'

type ClusterInit = Init<typeof ClusterSchema>

const MEBIBYTE = 1024 * 1024
const LOOKUP_FAMILY: Readonly<Record<DnsLookupFamily, Cluster_DnsLookupFamily>> = {
  auto: Cluster_DnsLookupFamily.AUTO,
  'v4-only': Cluster_DnsLookupFamily.V4_ONLY,
  'v6-only': Cluster_DnsLookupFamily.V6_ONLY,
  'v4-preferred': Cluster_DnsLookupFamily.V4_PREFERRED,
  all: Cluster_DnsLookupFamily.ALL,
}

/** An envoy.config.cluster.v3.Cluster in protobuf; what has its default value is left out. */
export function encodeCluster(cluster: ClusterConfig): Uint8Array {
  return toBinary(ClusterSchema, create(ClusterSchema, clusterInit(cluster)))
}

function clusterInit(cluster: ClusterConfig): ClusterInit {
  return {
    name: cluster.name,
    altStatName: cluster.statName === cluster.name ? '' : cluster.statName,
    ...discoveryInit(cluster),
    ...balanceInit(cluster),
    ...commonInit(cluster),
    ...circuitBreakersInit(cluster.circuitBreaker),
    ...(cluster.connectTimeoutMs === 5_000 ? {} : { connectTimeout: durationFromMs(cluster.connectTimeoutMs) }),
    ...(cluster.bufferLimitBytes === MEBIBYTE ? {} : { perConnectionBufferLimitBytes: cluster.bufferLimitBytes }),
    ...(cluster.outlierDetection === undefined ? {} : { outlierDetection: outlierInit(cluster.outlierDetection) }),
    ...healthInit(cluster),
    ...(cluster.http2 ? { http2ProtocolOptions: {} } : {}),
    ...(cluster.tls === undefined ? {} : { transportSocket: upstreamTlsInit(cluster.tls) }),
    transportSocketMatches: (cluster.transportMatches ?? []).map(transportMatchInit),
  }
}

function healthInit(cluster: ClusterConfig): ClusterInit {
  const { healthCheck, closesConnectionsOfUnhealthy = false, ignoresHealthOnRemoval = false } = cluster
  return {
    ...(healthCheck === undefined ? {} : { healthChecks: [healthCheckInit(healthCheck)] }),
    closeConnectionsOnHostHealthFailure: closesConnectionsOfUnhealthy,
    ignoreHealthOnHostRemoval: ignoresHealthOnRemoval,
  }
}

function discoveryInit(cluster: ClusterConfig): ClusterInit {
  const loadAssignment = assignmentInit({ cluster: cluster.name, endpoints: cluster.endpoints })
  switch (cluster.discovery) {
    case 'static':
      return { clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC }, loadAssignment }
    case 'strict-dns':
      return { ...dnsInit(cluster, Cluster_DiscoveryType.STRICT_DNS), loadAssignment }
    case 'logical-dns':
      return { ...dnsInit(cluster, Cluster_DiscoveryType.LOGICAL_DNS), loadAssignment }
    case 'eds':
      return {
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
        edsClusterConfig: edsInit(cluster),
      }
    default:
      return cluster.discovery satisfies never
  }
}

function dnsInit(cluster: ClusterConfig, value: Cluster_DiscoveryType): ClusterInit {
  const { dnsLookupFamily, dnsRefreshMs, dnsFailureRefresh, respectDnsTtl = false, dnsServers } = cluster
  return {
    clusterDiscoveryType: { case: 'type', value },
    dnsLookupFamily: LOOKUP_FAMILY[dnsLookupFamily],
    ...(dnsRefreshMs === 5_000 ? {} : { dnsRefreshRate: durationFromMs(dnsRefreshMs) }),
    ...(dnsFailureRefresh === undefined ? {} : { dnsFailureRefreshRate: failureRefreshInit(dnsFailureRefresh) }),
    respectDnsTtl,
    ...(dnsServers === undefined ? {} : { typedDnsResolverConfig: resolverInit(dnsServers) }),
  }
}

function failureRefreshInit({ baseMs, maxMs }: DnsFailureRefresh) {
  return { baseInterval: durationFromMs(baseMs), maxInterval: durationFromMs(maxMs) }
}

function resolverInit(servers: readonly SocketAddress[]) {
  const config = create(CaresDnsResolverConfigSchema, { resolvers: servers.map(addressInit) })
  return { name: 'envoy.network.dns_resolver.cares', typedConfig: anyPack(CaresDnsResolverConfigSchema, config) }
}

function edsInit({ name, eds }: ClusterConfig): NonNullable<ClusterInit['edsClusterConfig']> {
  if (eds === undefined) throw new TypeError(`cluster ${name} has discovery eds, but nothing says where from`)
  return { serviceName: eds.serviceName === name ? '' : eds.serviceName, edsConfig: configSourceInit(eds.source) }
}

function commonInit(cluster: ClusterConfig): ClusterInit {
  const { panicThresholdPercent, ignoresUncheckedHosts = false } = cluster
  const common = {
    ...commonBalanceInit(cluster),
    ...(panicThresholdPercent === 50 ? {} : { healthyPanicThreshold: { value: panicThresholdPercent } }),
    ...(ignoresUncheckedHosts ? { ignoreNewHostsUntilFirstHc: true } : {}),
  }
  return Object.keys(common).length === 0 ? {} : { commonLbConfig: common }
}

function circuitBreakersInit(limits: CircuitBreakerConfig): ClusterInit {
  const { maxConnections, maxPendingRequests, maxRequests, maxRetries, retryBudget, tracksRemaining = false } = limits
  const threshold = {
    ...(maxConnections === 1024 ? {} : { maxConnections }),
    ...(maxPendingRequests === 1024 ? {} : { maxPendingRequests }),
    ...(maxRequests === 1024 ? {} : { maxRequests }),
    ...(maxRetries === 3 ? {} : { maxRetries }),
    ...(retryBudget === undefined ? {} : { retryBudget: retryBudgetInit(retryBudget) }),
    ...(tracksRemaining ? { trackRemaining: true } : {}),
  }
  return Object.keys(threshold).length === 0 ? {} : { circuitBreakers: { thresholds: [threshold] } }
}

function retryBudgetInit({ budgetPercent, minRetryConcurrency }: RetryBudgetConfig) {
  return { budgetPercent: { value: budgetPercent }, minRetryConcurrency }
}
