import type { ClusterConfig, MirrorPolicy } from '@meltemi/api/model'
import { Draw } from './draw.ts'
import { Behaviour } from './payload.ts'
import { MIRROR, type Scenario, type ServicePlan } from './scenario.ts'

const PORT = 8000

/** Whatever a service can do, or not do, so that nobody waits for it; without what only ids can tell. */
const ACTS: readonly number[] = [
  ...[Behaviour.Ok, Behaviour.Ok, Behaviour.Ok, Behaviour.ErrorReply, Behaviour.Silent, Behaviour.Stall],
  ...[Behaviour.Garbage, Behaviour.End, Behaviour.Reset, Behaviour.HalfReply, Behaviour.Vanish],
]
const ACTS_WITH_IDS: readonly number[] = [...ACTS, Behaviour.WrongId, Behaviour.Doubled]

/**
 * Half of the scenarios get a mirror: a cluster of its own, in trouble more often than not, which some of the routes copy
 * to. What is drawn for it is drawn apart, so that the rest of the scenario stays as it was.
 */
export function addMirror(scenario: Scenario): Scenario {
  const draw = new Draw(scenario.seed, 5)
  if (scenario.isTcp || draw.chance(0.5)) return scenario
  const services = Array.from({ length: draw.int(1, 2) }, (_, index) => drawService(draw, scenario, index))
  return {
    ...scenario,
    services: [...scenario.services, ...services],
    config: {
      ...scenario.config,
      clusters: [...scenario.config.clusters, drawCluster(draw, scenario, services)],
      listeners: scenario.config.listeners.map((listener) => mirroring(draw, listener)),
    },
  }
}

function drawService(draw: Draw, { wire }: Scenario, index: number): ServicePlan {
  const acts = wire.definition.correlation === 'id' ? ACTS_WITH_IDS : ACTS
  const fromMs = draw.int(200, 2500)
  return {
    host: `10.9.0.${index + 1}`,
    port: PORT,
    fate: draw.chance(0.8) ? 'accepted' : draw.pick(['refused', 'lost'] as const),
    outage: draw.chance(0.3) ? { fromMs, toMs: fromMs + draw.int(50, 1000) } : undefined,
    mirrorActs: draw.chance(0.3) ? [Behaviour.Ok] : Array.from({ length: draw.int(1, 20) }, () => draw.pick(acts)),
  }
}

function drawCluster(draw: Draw, { config }: Scenario, services: readonly ServicePlan[]): ClusterConfig {
  return {
    ...(config.clusters[0] as ClusterConfig),
    name: MIRROR,
    statName: MIRROR,
    discovery: 'static',
    endpoints: services.map(({ host, port }) => ({ address: { host, port }, hostname: '', weight: 1, healthy: true })),
    connectTimeoutMs: draw.pick([100, 500]),
    loadBalancer: { kind: 'round-robin' },
    circuitBreaker: {
      maxConnections: draw.pick([1, 2, 1024, 1024]),
      maxPendingRequests: draw.pick([1, 4, 1024, 1024]),
      maxRequests: draw.pick([2, 1024, 1024]),
      maxRetries: 3,
    },
    bufferLimitBytes: draw.pick([256, 16_384, 1 << 20]),
  }
}

type Listener = Scenario['config']['listeners'][number]

function mirroring(draw: Draw, listener: Listener): Listener {
  const { filter } = listener
  if (filter.kind !== 'meta-protocol') return listener
  const routes = filter.routes.routes.map((route) => ({
    ...route,
    mirrors: draw.chance(0.7) ? [drawPolicy(draw)] : [],
  }))
  return { ...listener, filter: { ...filter, routes: { ...filter.routes, routes } } }
}

function drawPolicy(draw: Draw): MirrorPolicy {
  return draw.pick([
    { cluster: MIRROR, numerator: 100, denominator: 100 },
    { cluster: MIRROR, numerator: 250_000, denominator: 1_000_000 },
    { cluster: MIRROR, numerator: 10_000, denominator: 10_000 },
    { cluster: 'nowhere', numerator: 50, denominator: 100 },
  ] as const)
}
