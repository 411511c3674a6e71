import {
  type CircuitBreakerConfig,
  type ClusterConfig,
  DEFAULT_OUTLIER_DETECTION,
  type OutlierDetection,
  type OutlierDetectionConfig,
  tryParseDuration,
} from '@meltemi/api'
import type { ServiceView } from '../store/world.ts'
import { endpointsOf, subsetsOf } from './endpoints.ts'
import { translateLoadBalancer } from './load-balancer.ts'
import { clusterName } from './names.ts'
import { translateTls } from './tls.ts'
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
    ...translateTls(policy.tls, { host: view.host, port, subset }),
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

/** As Istio: 0 is for never, and gateway failures are ejected for once they are asked for. */
function translateOutlier(outlier: OutlierDetection | undefined): OutlierDetectionConfig | undefined {
  if (outlier === undefined) return undefined
  const consecutive5xx = outlier.consecutive5xxErrors ?? outlier.consecutiveErrors ?? 5
  const consecutiveGatewayFailure = outlier.consecutiveGatewayErrors ?? 0
  const isSplit = outlier.splitExternalLocalOriginErrors ?? false
  const consecutiveLocalOriginFailure = outlier.consecutiveLocalOriginFailures ?? 5
  const baseEjectionTimeMs = durationMs(outlier.baseEjectionTime, 30_000)
  return {
    ...DEFAULT_OUTLIER_DETECTION,
    consecutive5xx,
    consecutiveGatewayFailure,
    consecutiveLocalOriginFailure,
    splitExternalLocalOriginErrors: isSplit,
    intervalMs: durationMs(outlier.interval, 10_000),
    baseEjectionTimeMs,
    maxEjectionTimeMs: Math.max(DEFAULT_OUTLIER_DETECTION.maxEjectionTimeMs, baseEjectionTimeMs),
    maxEjectionPercent: outlier.maxEjectionPercent ?? 10,
    // else 10 % of fewer than ten workloads would be none
    alwaysEjectOneHost: true,
    enforcing: {
      ...DEFAULT_OUTLIER_DETECTION.enforcing,
      consecutive5xx: consecutive5xx === 0 ? 0 : 100,
      consecutiveGatewayFailure: consecutiveGatewayFailure === 0 ? 0 : 100,
      consecutiveLocalOriginFailure: isSplit && consecutiveLocalOriginFailure === 0 ? 0 : 100,
      // as Istio has it: it knows of failures in a row only
      successRate: 0,
      localOriginSuccessRate: 0,
    },
  }
}

function durationMs(text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : Math.max(1, Math.round(tryParseDuration(text) ?? fallback))
}
