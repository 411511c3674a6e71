import type {
  CircuitBreakerConfig,
  HedgePolicyConfig,
  RetryCondition,
  RetryPolicyConfig,
  RouteConfig,
} from '@meltemi/api/model'
import { Draw } from './draw.ts'
import type { Scenario } from './scenario.ts'

const CONDITIONS: readonly (readonly RetryCondition[])[] = [
  ['5xx'],
  ['5xx', 'non-idempotent'],
  ['gateway-error', 'non-idempotent'],
  ['reset', 'error-status', 'non-idempotent'],
  ['connect-failure', 'refused-stream'],
  ['reset-before-request'],
]

/**
 * Half of the scenarios have routes that try again, some of them several times at once. What is drawn for it is drawn
 * apart, so that the rest of the scenario stays as it was.
 */
export function addRetries(scenario: Scenario): Scenario {
  const draw = new Draw(scenario.seed, 7)
  if (scenario.isTcp || draw.chance(0.5)) return scenario
  const { config } = scenario
  return {
    ...scenario,
    // those that come later have no policy
    routes: scenario.routes.map(({ key, table }) => ({ key, table: withPolicies(draw, table) })),
    config: {
      ...config,
      clusters: config.clusters.map((cluster) => ({ ...cluster, circuitBreaker: limit(draw, cluster.circuitBreaker) })),
      listeners: config.listeners.map((listener) => retrying(draw, listener)),
    },
  }
}

function limit(draw: Draw, breaker: CircuitBreakerConfig): CircuitBreakerConfig {
  const maxRetries = draw.pick([0, 1, 3, 1024])
  if (draw.chance(0.6)) return { ...breaker, maxRetries }
  const retryBudget = { budgetPercent: draw.pick([0, 20, 100]), minRetryConcurrency: draw.pick([0, 1, 3]) }
  return { ...breaker, maxRetries, retryBudget }
}

type Listener = Scenario['config']['listeners'][number]
type Table = Scenario['routes'][number]['table']

function retrying(draw: Draw, listener: Listener): Listener {
  const { filter } = listener
  if (filter.kind !== 'meta-protocol') return listener
  return { ...listener, filter: { ...filter, routes: withPolicies(draw, filter.routes) } }
}

function withPolicies(draw: Draw, table: Table): Table {
  return { ...table, routes: table.routes.map((route) => withPolicy(draw, route)) }
}

function withPolicy(draw: Draw, route: RouteConfig): RouteConfig {
  if (draw.chance(0.2)) return route
  const retry = drawPolicy(draw)
  return {
    ...route,
    retry,
    ...(draw.chance(0.4) ? { hedge: drawHedge(draw, retry) } : {}),
    ...(draw.chance(0.2) ? { requestBufferLimitBytes: draw.pick([0, 60, 2000]) } : {}),
  }
}

function drawPolicy(draw: Draw): RetryPolicyConfig {
  // one after the other they have to come to an end while the run lasts
  const baseMs = draw.pick([1, 10, 60])
  return {
    retryOn: draw.pick(CONDITIONS),
    numRetries: draw.pick([0, 1, 1, 2, 5]),
    perTryTimeoutMs: draw.pick([0, 20, 100, 500]),
    backOff: { baseMs, maxMs: baseMs * draw.pick([1, 3]) },
    retriableHeaders: [],
    retriableRequestHeaders: [],
  }
}

function drawHedge(draw: Draw, { perTryTimeoutMs }: RetryPolicyConfig): HedgePolicyConfig {
  return {
    initialRequests: draw.pick([1, 1, 2, 3]),
    additionalChance: { numerator: draw.pick([0, 50]), denominator: 100 },
    onPerTryTimeout: perTryTimeoutMs > 0 && draw.chance(0.6),
  }
}

/** All that are there at first; those that come later have no policies. */
export function tablesOf({ config, routes }: Scenario): readonly Table[] {
  return [
    ...routes.map(({ table }) => table),
    ...config.listeners.flatMap(({ filter }) => (filter.kind === 'meta-protocol' ? [filter.routes] : [])),
  ]
}

/** Of one request that wants a reply: how often it may come to a service. */
export function mostTries(scenario: Scenario): number {
  const { wire } = scenario
  const policies = tablesOf(scenario).flatMap((table) =>
    table.routes.flatMap(({ retry }) => (retry === undefined ? [] : [retry])),
  )
  // what may have been done is not repeated: this codec alone says that it can be
  const isTold = wire.definition.name === 'meltemi.test.ordered'
  const repeating = policies.filter(({ retryOn }) => isTold || retryOn.includes('non-idempotent'))
  return 1 + Math.max(0, ...repeating.map(({ numRetries }) => numRetries))
}
