import { durationFromMs } from '@bufbuild/protobuf/wkt'
import type { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { DEFAULT_OUTLIER_DETECTION as DEFAULT, type OutlierDetectionConfig } from '../model/index.ts'
import type { Init } from './init.ts'

type OutlierInit = NonNullable<Init<typeof ClusterSchema>['outlierDetection']>

/** An OutlierDetection; what has its default value is left out. */
export function outlierInit(outlier: OutlierDetectionConfig): OutlierInit {
  const { successRate, failurePercentage, enforcing } = outlier
  return {
    ...changed('consecutive5xx', outlier.consecutive5xx, DEFAULT.consecutive5xx),
    ...changed('consecutiveGatewayFailure', outlier.consecutiveGatewayFailure, DEFAULT.consecutiveGatewayFailure),
    ...changed(
      'consecutiveLocalOriginFailure',
      outlier.consecutiveLocalOriginFailure,
      DEFAULT.consecutiveLocalOriginFailure,
    ),
    splitExternalLocalOriginErrors: outlier.splitExternalLocalOriginErrors,
    ...timesInit(outlier),
    ...changed('maxEjectionPercent', outlier.maxEjectionPercent, DEFAULT.maxEjectionPercent),
    ...(outlier.alwaysEjectOneHost ? { alwaysEjectOneHost: true } : {}),
    ...(outlier.successfulActiveHealthCheckUnejectHost ? {} : { successfulActiveHealthCheckUnejectHost: false }),
    ...changed('successRateMinimumHosts', successRate.minimumHosts, DEFAULT.successRate.minimumHosts),
    ...changed('successRateRequestVolume', successRate.requestVolume, DEFAULT.successRate.requestVolume),
    ...changed('successRateStdevFactor', successRate.stdevFactor, DEFAULT.successRate.stdevFactor),
    ...failurePercentageInit(failurePercentage),
    ...enforcingInit(enforcing),
  }
}

function timesInit(outlier: OutlierDetectionConfig) {
  const { intervalMs, baseEjectionTimeMs, maxEjectionTimeMs, maxEjectionTimeJitterMs } = outlier
  const impliedMaxMs = Math.max(DEFAULT.maxEjectionTimeMs, baseEjectionTimeMs)
  return {
    ...(intervalMs === DEFAULT.intervalMs ? {} : { interval: durationFromMs(intervalMs) }),
    ...(baseEjectionTimeMs === DEFAULT.baseEjectionTimeMs
      ? {}
      : { baseEjectionTime: durationFromMs(baseEjectionTimeMs) }),
    ...(maxEjectionTimeMs === impliedMaxMs ? {} : { maxEjectionTime: durationFromMs(maxEjectionTimeMs) }),
    ...(maxEjectionTimeJitterMs === 0 ? {} : { maxEjectionTimeJitter: durationFromMs(maxEjectionTimeJitterMs) }),
  }
}

function failurePercentageInit(rule: OutlierDetectionConfig['failurePercentage']) {
  const standard = DEFAULT.failurePercentage
  return {
    ...changed('failurePercentageThreshold', rule.threshold, standard.threshold),
    ...changed('failurePercentageMinimumHosts', rule.minimumHosts, standard.minimumHosts),
    ...changed('failurePercentageRequestVolume', rule.requestVolume, standard.requestVolume),
  }
}

function enforcingInit(percents: OutlierDetectionConfig['enforcing']) {
  const standard = DEFAULT.enforcing
  return {
    ...changed('enforcingConsecutive5xx', percents.consecutive5xx, standard.consecutive5xx),
    ...changed(
      'enforcingConsecutiveGatewayFailure',
      percents.consecutiveGatewayFailure,
      standard.consecutiveGatewayFailure,
    ),
    ...changed(
      'enforcingConsecutiveLocalOriginFailure',
      percents.consecutiveLocalOriginFailure,
      standard.consecutiveLocalOriginFailure,
    ),
    ...changed('enforcingSuccessRate', percents.successRate, standard.successRate),
    ...changed('enforcingLocalOriginSuccessRate', percents.localOriginSuccessRate, standard.localOriginSuccessRate),
    ...changed('enforcingFailurePercentage', percents.failurePercentage, standard.failurePercentage),
    ...changed(
      'enforcingFailurePercentageLocalOrigin',
      percents.localOriginFailurePercentage,
      standard.localOriginFailurePercentage,
    ),
  }
}

function changed<K extends string>(field: K, value: number, standard: number): { [name in K]?: number } {
  return value === standard ? {} : ({ [field]: value } as { [name in K]: number })
}
