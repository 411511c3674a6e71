import {
  type CircuitBreakerConfig,
  type ClusterConfig,
  type OutlierDetection,
  type OutlierDetectionConfig,
  tryParseDuration,
} from '@meltemi/api'
import type { ServiceView } from '../store/world.ts'
import { endpointsOf, subsetsOf } from './endpoints.ts'
import { translateLoadBalancer } from './load-balancer.ts'
import { clusterName } from './names.ts'
import { type Policy, policyOf } from './traffic-policy.ts'

const UNLIMITED = 2 ** 32 - 1
const CONNECT_TIMEOUT_MS = 10_000
const MEBIBYTE = 1024 * 1024
/** Envoy's own, for clusters that look at no failures. */
const DEFAULT_PANIC_PERCENT = 50

/** For each port one cluster with all workloads, and one with those of each subset. */
export function translateClusters(view: ServiceView): readonly ClusterConfig[] {
  if (view.resolution === 'none') return []
  return view.ports.flatMap(({ number }) => subsetsOf(view).map((subset) => translateCluster(view, number, subset)))
}

function translateCluster(view: ServiceView, port: number, subset: string): ClusterConfig {
  const name = clusterName(view.host, port, subset)
  const policy = policyOf(view.destinationRule, port, subset)
  return {
    name,
    statName: name,
    ...discoveryOf(view, name, port, subset),
    dnsRefreshMs: 5_000,
    dnsLookupFamily: view.resolution === 'dns' ? 'v4-preferred' : 'auto',
    connectTimeoutMs: durationMs(policy.connectionPool?.tcp?.connectTimeout, CONNECT_TIMEOUT_MS),
    loadBalancer: translateLoadBalancer(policy),
    circuitBreaker: translateLimits(policy),
    panicThresholdPercent: translatePanic(policy),
    bufferLimitBytes: MEBIBYTE,
    outlierDetection: translateOutlier(policy.outlierDetection),
    http2: false,
  }
}

function discoveryOf(view: ServiceView, name: string, port: number, subset: string) {
  if (view.resolution === 'dns')
    return { discovery: 'strict-dns' as const, eds: undefined, endpoints: endpointsOf(view, port, subset) }
  const source = { kind: 'ads' as const, initialFetchTimeoutMs: 15_000 }
  return { discovery: 'eds' as const, eds: { serviceName: name, source }, endpoints: [] }
}

function translateLimits({ connectionPool }: Policy): CircuitBreakerConfig {
  return {
    maxConnections: limitOf(connectionPool?.tcp?.maxConnections),
    maxPendingRequests: limitOf(connectionPool?.http?.http1MaxPendingRequests),
    maxRequests: limitOf(connectionPool?.http?.http2MaxRequests),
    maxRetries: limitOf(connectionPool?.http?.maxRetries),
  }
}

/** In Istio 0 is the same as nothing. */
function limitOf(value: number | undefined): number {
  return value === undefined || value === 0 ? UNLIMITED : value
}

function translatePanic({ outlierDetection }: Policy): number {
  return outlierDetection === undefined ? DEFAULT_PANIC_PERCENT : (outlierDetection.minHealthPercent ?? 0)
}

function translateOutlier(outlier: OutlierDetection | undefined): OutlierDetectionConfig | undefined {
  if (outlier === undefined) return undefined
  return {
    consecutive5xx: outlier.consecutive5xxErrors ?? outlier.consecutiveErrors ?? 5,
    consecutiveGatewayFailure: outlier.consecutiveGatewayErrors ?? 0,
    intervalMs: durationMs(outlier.interval, 10_000),
    baseEjectionTimeMs: durationMs(outlier.baseEjectionTime, 30_000),
    maxEjectionPercent: outlier.maxEjectionPercent ?? 10,
  }
}

function durationMs(text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : Math.max(1, Math.round(tryParseDuration(text) ?? fallback))
}
