import { create, toBinary } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  ClusterSchema,
} from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import type { CircuitBreakerConfig, ClusterConfig, DnsLookupFamily, OutlierDetectionConfig } from '../model/index.ts'
import { configSourceInit } from './config-source.ts'
import { assignmentInit } from './endpoints.ts'
import type { Init } from './init.ts'
import { consistentHashingInit, loadBalancerInit } from './load-balancer.ts'

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
    ...loadBalancerInit(cluster.loadBalancer),
    ...commonInit(cluster),
    ...circuitBreakersInit(cluster.circuitBreaker),
    ...(cluster.connectTimeoutMs === 5_000 ? {} : { connectTimeout: durationFromMs(cluster.connectTimeoutMs) }),
    ...(cluster.bufferLimitBytes === MEBIBYTE ? {} : { perConnectionBufferLimitBytes: cluster.bufferLimitBytes }),
    ...(cluster.outlierDetection === undefined ? {} : { outlierDetection: outlierInit(cluster.outlierDetection) }),
    ...(cluster.http2 ? { http2ProtocolOptions: {} } : {}),
  }
}

function discoveryInit(cluster: ClusterConfig): ClusterInit {
  const loadAssignment = assignmentInit({ cluster: cluster.name, endpoints: cluster.endpoints })
  switch (cluster.discovery) {
    case 'static':
      return { clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC }, loadAssignment }
    case 'strict-dns':
      return {
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STRICT_DNS },
        loadAssignment,
        dnsLookupFamily: LOOKUP_FAMILY[cluster.dnsLookupFamily],
        ...(cluster.dnsRefreshMs === 5_000 ? {} : { dnsRefreshRate: durationFromMs(cluster.dnsRefreshMs) }),
      }
    case 'eds':
      return {
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
        edsClusterConfig: edsInit(cluster),
      }
    default:
      return cluster.discovery satisfies never
  }
}

function edsInit({ name, eds }: ClusterConfig): NonNullable<ClusterInit['edsClusterConfig']> {
  if (eds === undefined) throw new TypeError(`cluster ${name} has discovery eds, but nothing says where from`)
  return { serviceName: eds.serviceName === name ? '' : eds.serviceName, edsConfig: configSourceInit(eds.source) }
}

function commonInit({ loadBalancer, panicThresholdPercent }: ClusterConfig): ClusterInit {
  const common = {
    ...consistentHashingInit(loadBalancer),
    ...(panicThresholdPercent === 50 ? {} : { healthyPanicThreshold: { value: panicThresholdPercent } }),
  }
  return Object.keys(common).length === 0 ? {} : { commonLbConfig: common }
}

function circuitBreakersInit(limits: CircuitBreakerConfig): ClusterInit {
  const { maxConnections, maxPendingRequests, maxRequests, maxRetries } = limits
  const threshold = {
    ...(maxConnections === 1024 ? {} : { maxConnections }),
    ...(maxPendingRequests === 1024 ? {} : { maxPendingRequests }),
    ...(maxRequests === 1024 ? {} : { maxRequests }),
    ...(maxRetries === 3 ? {} : { maxRetries }),
  }
  return Object.keys(threshold).length === 0 ? {} : { circuitBreakers: { thresholds: [threshold] } }
}

/** Envoy enforces ejections of gateway failures only when told to. */
function outlierInit(outlier: OutlierDetectionConfig): NonNullable<ClusterInit['outlierDetection']> {
  const { consecutive5xx, consecutiveGatewayFailure } = outlier
  return {
    consecutive5xx,
    ...(consecutive5xx === 0 ? { enforcingConsecutive5xx: 0 } : {}),
    consecutiveGatewayFailure,
    enforcingConsecutiveGatewayFailure: consecutiveGatewayFailure === 0 ? 0 : 100,
    interval: durationFromMs(outlier.intervalMs),
    baseEjectionTime: durationFromMs(outlier.baseEjectionTimeMs),
    maxEjectionPercent: outlier.maxEjectionPercent,
  }
}
