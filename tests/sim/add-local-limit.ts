import type { FilterConfig, LocalRateLimitConfig } from '@meltemi/api/model'
import { Draw } from './draw.ts'
import type { Scenario } from './scenario.ts'

/** A local rate limit, in front of the filter that is a witness or behind it. */
export interface LimitPlan {
  readonly filter: FilterConfig & { readonly parsed: LocalRateLimitConfig }
  readonly isFirst: boolean
}

const NAME = 'aeraki.meta_protocol.filters.local_ratelimit'
const TYPE_URL = 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.local_ratelimit.v1alpha.LocalRateLimit'

/** Some of the scenarios in which requests may fail get one. It is drawn apart, so that the rest stays as it was. */
export function addLocalLimit(scenario: Scenario): Scenario {
  const draw = new Draw(scenario.seed, 7)
  if (scenario.isTcp || scenario.isCalm || draw.chance(0.6)) return scenario
  const bucket = {
    maxTokens: draw.pick([1, 5, 20]),
    tokensPerFill: draw.pick([1, 5, 100]),
    fillIntervalMs: draw.pick([1, 7.5, 100, 1000]),
    perConnection: draw.chance(0.3),
    metadataKeys: draw.chance(0.4) ? [scenario.wire.routing.key] : [],
    maxBuckets: draw.pick([1, 3, 100]),
  }
  const parsed = { statPrefix: 'limit', bucket, conditions: [], isShadow: draw.chance(0.1) }
  const filter = { name: NAME, typeUrl: TYPE_URL, config: { ...bucket }, parsed }
  return { ...scenario, limit: { filter, isFirst: draw.chance(0.5) } }
}
