import type { Counter, Gauge, MetricRegistry } from '@meltemi/runtime'

/** Envoy's statistics of health checks, by Envoy's names. */
export interface HealthCheckStats {
  readonly attempt: Counter
  readonly success: Counter
  readonly failure: Counter
  /** Failures told by something other than a check: none here. */
  readonly passiveFailure: Counter
  readonly networkFailure: Counter
  /** Checks that wanted to know who answers: none here. */
  readonly verifyCluster: Counter
  /** These two are the same in every worker. */
  readonly healthy: Gauge
  readonly degraded: Gauge
}

export function healthCheckStats(metrics: MetricRegistry, statName: string): HealthCheckStats {
  const prefix = `cluster.${statName}.health_check.`
  return {
    attempt: metrics.counter(`${prefix}attempt`),
    success: metrics.counter(`${prefix}success`),
    failure: metrics.counter(`${prefix}failure`),
    passiveFailure: metrics.counter(`${prefix}passive_failure`),
    networkFailure: metrics.counter(`${prefix}network_failure`),
    verifyCluster: metrics.counter(`${prefix}verify_cluster`),
    healthy: metrics.gauge(`${prefix}healthy`),
    degraded: metrics.gauge(`${prefix}degraded`),
  }
}
