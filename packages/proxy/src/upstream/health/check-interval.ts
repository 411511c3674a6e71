import type { HealthCheckConfig } from '@meltemi/api/model'
import type { Random } from '../../util/random.ts'

/** What a check came to. `isPending`: it points to a change for which more of its kind are needed. */
export interface CheckResult {
  readonly isHealthy: boolean
  readonly isPending: boolean
}

/** How long until the next check of a host, as Envoy has it. `hadTraffic`: its cluster has had a connection. */
export function checkInterval(
  config: HealthCheckConfig,
  result: CheckResult,
  hadTraffic: boolean,
  random: Random,
): number {
  const baseMs = hadTraffic ? withTraffic(config, result) : withoutTraffic(config, result)
  const { intervalJitterPercent, intervalJitterMs } = config
  const partMs = (baseMs * intervalJitterPercent) / 100
  return Math.max(1, Math.floor(baseMs + random.next() * partMs + random.next() * intervalJitterMs))
}

function withTraffic(config: HealthCheckConfig, { isHealthy, isPending }: CheckResult): number {
  if (isHealthy) return isPending ? config.healthyEdgeIntervalMs : config.intervalMs
  return isPending ? config.unhealthyEdgeIntervalMs : config.unhealthyIntervalMs
}

function withoutTraffic(config: HealthCheckConfig, { isHealthy, isPending }: CheckResult): number {
  return isHealthy && !isPending ? config.noTrafficHealthyIntervalMs : config.noTrafficIntervalMs
}
