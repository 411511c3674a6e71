import type { MetaProtocolConfig, RouteConfig } from '@meltemi/api/model'
import { zipkinTracing } from '../harness/observed.ts'
import { addHealth } from './add-health.ts'
import { Draw } from './draw.ts'
import { drawFault } from './draw-client.ts'
import { Behaviour } from './payload.ts'
import type { RequestPlan, Scenario, ServicePlan } from './scenario.ts'

/**
 * A third of the scenarios in which things may go wrong are the fault table of the docs: services are stopped and go on,
 * half of the requests meet a fault, hosts are ejected and checked, names move. What is drawn for it is drawn apart.
 */
export function addTrouble(scenario: Scenario): Scenario {
  const draw = new Draw(scenario.seed, 8)
  if (scenario.isTcp || scenario.isCalm || draw.chance(0.66)) return scenario
  const troubled = addHealth(scenario)
  return {
    ...troubled,
    services: troubled.services.map((service) => stopping(draw, service)),
    clients: troubled.clients.map((client) => ({
      ...client,
      bursts: client.bursts.map(({ atMs, requests }) => ({
        atMs,
        requests: requests.map((request) => failing(draw, request, scenario)),
      })),
    })),
    // without hedges tries of one request at the same time are a defect
    ...withRoutes(troubled, draw.chance(0.6) ? withoutHedge : (route) => route),
  }
}

function stopping(draw: Draw, service: ServicePlan): ServicePlan {
  if (draw.chance(0.6)) return service
  const fromMs = draw.int(100, 2500)
  return { ...service, stop: { fromMs, toMs: fromMs + draw.int(50, 1500) } }
}

function failing(draw: Draw, request: RequestPlan, { wire, config }: Scenario): RequestPlan {
  if (request.kind !== 'request' || draw.chance(0.5)) return request
  const isShared = config.listeners.every(({ filter }) => filter.kind === 'meta-protocol' && filter.multiplexing)
  const isSlow = draw.chance(0.2)
  return isSlow
    ? { ...request, behaviour: Behaviour.Ok, delayMs: draw.pick([700, 2500]) }
    : { ...request, behaviour: drawFault(draw, wire, isShared) }
}

type Table = Scenario['routes'][number]['table']

function withoutHedge({ hedge: _hedge, ...route }: RouteConfig): RouteConfig {
  return route
}

/** All requests are traced, so that their tries can be told from each other. */
function withRoutes(
  { config, routes }: Scenario,
  change: (route: RouteConfig) => RouteConfig,
): Pick<Scenario, 'config' | 'routes'> {
  const changed = (table: Table): Table => ({ ...table, routes: table.routes.map(change) })
  const traced = (filter: MetaProtocolConfig) => ({
    ...filter,
    routes: changed(filter.routes),
    tracing: zipkinTracing(),
  })
  return {
    routes: routes.map(({ key, table }) => ({ key, table: changed(table) })),
    config: {
      ...config,
      listeners: config.listeners.map((listener) =>
        listener.filter.kind === 'meta-protocol' ? { ...listener, filter: traced(listener.filter) } : listener,
      ),
    },
  }
}
