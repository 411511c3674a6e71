import { type ClusterConfig, DEFAULT_OUTLIER_DETECTION, type HealthCheckConfig } from '@meltemi/api/model'
import { Draw } from './draw.ts'
import type { Scenario } from './scenario.ts'

/** Nothing is left to chance but what is drawn here: the proxy's own random numbers stay those of the rest. */
export function addHealth(scenario: Scenario): Scenario {
  const draw = new Draw(scenario.seed, 7)
  const clusters = scenario.config.clusters.map((cluster) => watched(cluster, draw))
  return { ...scenario, config: { ...scenario.config, clusters } }
}

function watched(cluster: ClusterConfig, draw: Draw): ClusterConfig {
  const outlierDetection = draw.chance(0.6) ? drawOutlierDetection(draw) : undefined
  return {
    ...cluster,
    outlierDetection,
    ...(draw.chance(0.4) ? { healthCheck: drawHealthCheck(draw) } : {}),
    ...(outlierDetection !== undefined && draw.chance(0.2) ? { closesConnectionsOfUnhealthy: true } : {}),
  }
}

function drawOutlierDetection(draw: Draw): ClusterConfig['outlierDetection'] {
  return {
    ...DEFAULT_OUTLIER_DETECTION,
    consecutive5xx: draw.int(1, 4),
    splitExternalLocalOriginErrors: draw.chance(0.3),
    consecutiveLocalOriginFailure: draw.int(1, 3),
    intervalMs: draw.pick([50, 200]),
    baseEjectionTimeMs: draw.pick([100, 500]),
    maxEjectionPercent: draw.pick([10, 50, 100]),
    alwaysEjectOneHost: draw.chance(0.5),
    successRate: { minimumHosts: 2, requestVolume: 3, stdevFactor: 500 },
  }
}

function drawHealthCheck(draw: Draw): HealthCheckConfig {
  const intervalMs = draw.pick([150, 400])
  return {
    timeoutMs: draw.pick([200, 1_000]),
    intervalMs,
    unhealthyThreshold: draw.int(1, 3),
    healthyThreshold: draw.int(1, 3),
    initialJitterMs: 0,
    intervalJitterMs: 0,
    intervalJitterPercent: 0,
    reuseConnection: draw.chance(0.5),
    noTrafficIntervalMs: intervalMs,
    noTrafficHealthyIntervalMs: intervalMs,
    unhealthyIntervalMs: intervalMs,
    unhealthyEdgeIntervalMs: intervalMs,
    healthyEdgeIntervalMs: intervalMs,
    alwaysLogFailures: false,
    alwaysLogSuccess: false,
    check: { kind: 'tcp', send: '', receive: [] },
  }
}
