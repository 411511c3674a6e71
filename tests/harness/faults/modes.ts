/** How requests are sent while something is wrong. */

import { type ClusterConfig, DEFAULT_OUTLIER_DETECTION, type RouteConfig } from '@meltemi/api'
import { testRetry } from '../test-proxy.ts'

/** Long enough for a slow machine, where nothing is wrong. */
export const TIMES = {
  slowMs: 4000,
  peerMs: 2000,
  ejectionMs: 1000,
  noRetryMs: 2000,
  requestMs: 8000,
  tryMs: 1000,
} as const

/** Of the cluster of the two services: the one that fails is ejected, and all are back after the same time. */
export const SERVICE: Partial<ClusterConfig> = {
  connectTimeoutMs: 300,
  circuitBreaker: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 1024 },
  outlierDetection: {
    ...DEFAULT_OUTLIER_DETECTION,
    consecutive5xx: 3,
    intervalMs: 50,
    baseEjectionTimeMs: TIMES.ejectionMs,
    maxEjectionTimeMs: TIMES.ejectionMs,
    maxEjectionPercent: 50,
  },
}

export interface Mode {
  /** As in the page. */
  readonly name: string
  readonly timeoutMs: number
  readonly numRetries: number
  readonly route: Partial<RouteConfig>
}

const NUM_RETRIES = 3
const retry = testRetry({ numRetries: NUM_RETRIES, perTryTimeoutMs: TIMES.tryMs })
const hedge = {
  initialRequests: 1,
  additionalChance: { numerator: 0, denominator: 100 },
  onPerTryTimeout: true,
} as const
const timeoutMs = TIMES.requestMs

export const MODES: readonly Mode[] = [
  { name: 'no retry', timeoutMs: TIMES.noRetryMs, numRetries: 0, route: { timeoutMs: TIMES.noRetryMs } },
  { name: 'retry', timeoutMs, numRetries: NUM_RETRIES, route: { timeoutMs, retry } },
  { name: 'hedge', timeoutMs, numRetries: NUM_RETRIES, route: { timeoutMs, retry, hedge } },
]

export const POOLS = ['shared', 'exclusive'] as const
export type PoolName = (typeof POOLS)[number]
