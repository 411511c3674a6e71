import type { PeakLatency } from './balance/peak-latency.ts'
import type { OutlierMonitor } from './health/outlier-monitor.ts'

/** Where connections go: what pools, connections and the router see of an endpoint. The counts are this thread's. */
export interface Target {
  readonly host: string
  readonly port: number
  /** `ip:port`. */
  readonly address: string
  activeRequests: number
  requestsTotal: number
  requestsFailed: number
  requestsSucceeded: number
  requestsTimedOut: number
  connectionsActive: number
  connectionsTotal: number
  connectFailures: number
  /** Told of every reply; null: nobody wants to know. */
  readonly latency: PeakLatency | null
  /** Told of what comes of each request; null: nobody wants to know. */
  readonly outlier: OutlierMonitor | null
}
