import {
  type ClusterConfig,
  DEFAULT_OUTLIER_DETECTION as DEFAULT,
  type EjectionCause,
  type OutlierDetectionConfig,
} from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

const ENFORCING: Readonly<Record<EjectionCause, string>> = {
  consecutive5xx: 'enforcing_consecutive_5xx',
  consecutiveGatewayFailure: 'enforcing_consecutive_gateway_failure',
  consecutiveLocalOriginFailure: 'enforcing_consecutive_local_origin_failure',
  successRate: 'enforcing_success_rate',
  localOriginSuccessRate: 'enforcing_local_origin_success_rate',
  failurePercentage: 'enforcing_failure_percentage',
  localOriginFailurePercentage: 'enforcing_failure_percentage_local_origin',
}

/** Reads an OutlierDetection; an empty one is all of Envoy's defaults. */
export function convertOutlierDetection(cluster: ConfigMessage): ClusterConfig['outlierDetection'] {
  const outlier = cluster.message('outlier_detection')
  if (outlier === undefined) return undefined
  const number = (field: string, fallback: number) => outlier.number(field) ?? fallback
  return {
    consecutive5xx: number('consecutive_5xx', DEFAULT.consecutive5xx),
    consecutiveGatewayFailure: number('consecutive_gateway_failure', DEFAULT.consecutiveGatewayFailure),
    consecutiveLocalOriginFailure: number('consecutive_local_origin_failure', DEFAULT.consecutiveLocalOriginFailure),
    splitExternalLocalOriginErrors: outlier.flag('split_external_local_origin_errors') ?? false,
    ...convertTimes(outlier),
    maxEjectionPercent: number('max_ejection_percent', DEFAULT.maxEjectionPercent),
    alwaysEjectOneHost: outlier.flag('always_eject_one_host') ?? DEFAULT.alwaysEjectOneHost,
    successfulActiveHealthCheckUnejectHost: outlier.flag('successful_active_health_check_uneject_host') ?? true,
    successRate: {
      minimumHosts: number('success_rate_minimum_hosts', DEFAULT.successRate.minimumHosts),
      requestVolume: number('success_rate_request_volume', DEFAULT.successRate.requestVolume),
      stdevFactor: number('success_rate_stdev_factor', DEFAULT.successRate.stdevFactor),
    },
    failurePercentage: {
      threshold: number('failure_percentage_threshold', DEFAULT.failurePercentage.threshold),
      minimumHosts: number('failure_percentage_minimum_hosts', DEFAULT.failurePercentage.minimumHosts),
      requestVolume: number('failure_percentage_request_volume', DEFAULT.failurePercentage.requestVolume),
    },
    enforcing: convertEnforcing(outlier),
  }
}

function convertEnforcing(outlier: ConfigMessage): OutlierDetectionConfig['enforcing'] {
  const percents = { ...DEFAULT.enforcing }
  for (const cause of Object.keys(ENFORCING) as EjectionCause[]) {
    percents[cause] = outlier.number(ENFORCING[cause]) ?? percents[cause]
  }
  return percents
}

function convertTimes(outlier: ConfigMessage) {
  const baseEjectionTimeMs = outlier.durationMs('base_ejection_time') ?? DEFAULT.baseEjectionTimeMs
  const fallback = Math.max(DEFAULT.maxEjectionTimeMs, baseEjectionTimeMs)
  const maxEjectionTimeMs = outlier.durationMs('max_ejection_time') ?? fallback
  if (maxEjectionTimeMs < baseEjectionTimeMs) {
    outlier.error('max_ejection_time', 'must not be less than base_ejection_time')
  }
  return {
    intervalMs: outlier.durationMs('interval') ?? DEFAULT.intervalMs,
    baseEjectionTimeMs,
    maxEjectionTimeMs,
    maxEjectionTimeJitterMs: outlier.durationMs('max_ejection_time_jitter') ?? DEFAULT.maxEjectionTimeJitterMs,
  }
}
