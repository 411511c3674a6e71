import type { EjectionCause } from '@meltemi/api/model'
import type { Counter, Gauge, MetricRegistry } from '@meltemi/runtime'

/** Envoy's names for what hosts are ejected for. */
export const CAUSE_NAMES: Readonly<Record<EjectionCause, string>> = {
  consecutive5xx: 'consecutive_5xx',
  consecutiveGatewayFailure: 'consecutive_gateway_failure',
  consecutiveLocalOriginFailure: 'consecutive_local_origin_failure',
  successRate: 'success_rate',
  localOriginSuccessRate: 'local_origin_success_rate',
  failurePercentage: 'failure_percentage',
  localOriginFailurePercentage: 'local_origin_failure_percentage',
}

/** Envoy's statistics of outlier detection, by Envoy's names, but for those that it calls deprecated. */
export interface OutlierStats {
  /** The same in every worker. */
  readonly ejectionsActive: Gauge
  readonly ejectionsOverflow: Counter
  readonly enforcedTotal: Counter
  readonly enforced: Readonly<Record<EjectionCause, Counter>>
  readonly detected: Readonly<Record<EjectionCause, Counter>>
  /** Ours: hosts beyond those that are watched. */
  readonly hostsOverflow: Counter
}

export function outlierStats(metrics: MetricRegistry, statName: string): OutlierStats {
  const prefix = `cluster.${statName}.outlier_detection.`
  const byCause = (what: string) => {
    const entries = Object.entries(CAUSE_NAMES).map(([cause, name]) => [
      cause,
      metrics.counter(`${prefix}ejections_${what}_${name}`),
    ])
    return Object.fromEntries(entries) as Readonly<Record<EjectionCause, Counter>>
  }
  return {
    ejectionsActive: metrics.gauge(`${prefix}ejections_active`),
    ejectionsOverflow: metrics.counter(`${prefix}ejections_overflow`),
    enforcedTotal: metrics.counter(`${prefix}ejections_enforced_total`),
    enforced: byCause('enforced'),
    detected: byCause('detected'),
    hostsOverflow: metrics.counter(`${prefix}hosts_overflow`),
  }
}
