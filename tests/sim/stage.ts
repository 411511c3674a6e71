import type { FilterConfig, ListenerConfig } from '@meltemi/api/model'
import { type Network, Proxy, SeededRandom, SharedLimits } from '@meltemi/proxy'
import { proxyFilters } from '@meltemi/proxy/filters'
import type { Clock } from '@meltemi/runtime'
import type { CodecDefinition, MessageType } from '@meltemi/sdk'
import { Observed } from '../harness/observed.ts'
import { denying } from './add-authorization.ts'
import { CountingRegistry } from './counting-registry.ts'
import { Draw } from './draw.ts'
import { EjectionWatch } from './ejection-watch.ts'
import { Behaviour, type RequestPayload } from './payload.ts'
import type { Scenario } from './scenario.ts'
import type { Trace } from './trace.ts'
import { VirtualClient } from './virtual-client.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { VirtualGrpc } from './virtual-grpc.ts'
import { VirtualNetwork } from './virtual-network.ts'
import { VirtualService } from './virtual-service.ts'
import { FILTER, Witness } from './witness.ts'

/** Puts a defect into what the proxy is built from. */
export interface Sabotage {
  readonly codec?: (codec: CodecDefinition) => CodecDefinition
  readonly network?: (network: Network) => Network
  readonly clock?: (clock: Clock) => Clock
  readonly listeners?: (listeners: readonly ListenerConfig[]) => readonly ListenerConfig[]
}

/** All that takes part in one run, for the checks at its end. */
export interface Run {
  readonly scenario: Scenario
  readonly clock: VirtualClock
  readonly network: VirtualNetwork
  readonly trace: Trace
  readonly metrics: CountingRegistry
  readonly limits: SharedLimits
  /** Services that the proxy itself asks. */
  readonly grpc: VirtualGrpc
  readonly proxy: Proxy
  readonly services: readonly VirtualService[]
  readonly clients: readonly VirtualClient[]
  readonly witness: Witness | undefined
  /** How often each request has reached a service. */
  readonly arrivals: ReadonlyMap<string, number>
  /** How often a copy of it has reached a mirror. */
  readonly copies: ReadonlyMap<string, number>
  readonly logged: readonly string[]
  readonly ejections: EjectionWatch
  /** What the proxy tells of requests and tries, where they are traced. */
  readonly observed: Observed
  problem(text: string): void
}

export interface StageParts {
  readonly clock: VirtualClock
  readonly trace: Trace
  readonly sabotage: Sabotage | undefined
  problem(text: string): void
}

/** Everything a scenario needs, with the services already there and the proxy not started. */
export async function setStage(scenario: Scenario, parts: StageParts): Promise<Run> {
  const { clock, trace, problem } = parts
  const { seed, wire, weather } = scenario
  const arrivals = new Map<string, number>()
  const copies = new Map<string, number>()
  const services = buildServices(scenario, parts, { arrivals, copies })
  const network = new VirtualNetwork(
    { clock, random: new SeededRandom(seed * 16 + 2), weather, trace },
    (address) => services.get(address)?.fate ?? 'accepted',
    (host) => resolveName(scenario, host, clock.now()),
  )
  for (const service of services.values()) await service.listen(network.as('actor'))
  const clients = scenario.clients.map(
    (plan, index) => new VirtualClient(index + 1, plan, { seed, clock, wire, trace, problem }),
  )
  const built = buildProxy(scenario, parts, network)
  return {
    scenario,
    clock,
    network,
    trace,
    clients,
    services: [...services.values()],
    arrivals,
    copies,
    problem,
    ...built,
  }
}

function buildServices(
  scenario: Scenario,
  parts: StageParts,
  counts: { readonly arrivals: Map<string, number>; readonly copies: Map<string, number> },
): Map<string, VirtualService> {
  const { clock, trace, problem } = parts
  const { wire } = scenario
  const arrivedAt = (kind: string, seen: Map<string, number>) => (payload: RequestPayload, type: MessageType) => {
    const key = keyOf(payload)
    seen.set(key, (seen.get(key) ?? 0) + 1)
    trace.event(kind, payload.client, payload.number, `type ${type} behaviour ${payload.behaviour}`)
  }
  const common = { clock, wire, problem }
  // half of those that are tried again have more luck
  const behaviourOf = (payload: RequestPayload) =>
    payload.number % 2 === 1 && counts.arrivals.has(keyOf(payload)) ? Behaviour.Ok : payload.behaviour
  const world = { ...common, behaviourOf, arrived: arrivedAt('arrived', counts.arrivals) }
  const mirrorWorld = (acts: readonly number[]) => {
    let count = 0
    return {
      ...common,
      behaviourOf: () => acts[count++ % acts.length] as number,
      arrived: arrivedAt('mirrored', counts.copies),
    }
  }
  return new Map(
    scenario.services.map((plan) => {
      const { host, port, mirrorActs } = plan
      return [`${host}:${port}`, new VirtualService(plan, mirrorActs === undefined ? world : mirrorWorld(mirrorActs))]
    }),
  )
}

function keyOf({ client, number }: RequestPayload): string {
  return `${client}/${number}`
}

function buildProxy(scenario: Scenario, { clock, sabotage, problem }: StageParts, network: VirtualNetwork) {
  const { seed, wire } = scenario
  const witness =
    scenario.filter === undefined ? undefined : new Witness(scenario.filter, new Draw(seed, 3), clock, wire)
  const metrics = new CountingRegistry()
  const limits = new SharedLimits(1)
  const logged: string[] = []
  const grpc = new VirtualGrpc(clock, new SeededRandom(seed * 16 + 5))
  const ejections = new EjectionWatch(problem)
  const listeners = withFilters(scenario.config.listeners, filtersOf(scenario, witness))
  const observed = new Observed()
  const proxy: Proxy = new Proxy({
    config: { ...scenario.config, listeners: sabotage?.listeners?.(listeners) ?? listeners },
    outlet: observed,
    routes: scenario.routes,
    drainMs: scenario.listenerDrainMs,
    codecs: [sabotage?.codec?.(wire.definition) ?? wire.definition],
    filters: [...proxyFilters, ...(witness === undefined ? [] : [witness.definition])],
    dialGrpc: grpc.dial,
    network: sabotage?.network?.(network.as('proxy')) ?? network.as('proxy'),
    clock: sabotage?.clock?.(clock) ?? clock,
    random: new SeededRandom(seed * 16 + 4),
    metrics,
    share: limits.share(0),
    overloadLevel: () => overloadAt(scenario, clock.now()),
    log: (level, message, fields) => {
      logged.push(`${level} ${message} ${JSON.stringify(fields)}`)
      if (message.startsWith('host is ')) ejections.onLog(message, fields, proxy, metrics)
    },
  })
  return { proxy, witness, metrics, limits, logged, grpc, ejections, observed }
}

function overloadAt({ overload }: Scenario, nowMs: number): number {
  return overload !== undefined && nowMs >= overload.fromMs && nowMs < overload.toMs ? overload.level : 0
}

/** The witness sees what others deny. */
export function filtersOf(
  { deniedRoute, limit, wire }: Scenario,
  witness: Witness | undefined,
): readonly FilterConfig[] {
  const denial = deniedRoute === undefined ? [] : [denying(deniedRoute, wire)]
  const watching = witness === undefined ? denial : [FILTER, ...denial]
  if (limit === undefined) return watching
  return limit.isFirst ? [limit.filter, ...watching] : [...watching, limit.filter]
}

export function withFilters(
  listeners: readonly ListenerConfig[],
  filters: readonly FilterConfig[],
): readonly ListenerConfig[] {
  if (filters.length === 0) return listeners
  return listeners.map((listener) =>
    listener.filter.kind === 'meta-protocol'
      ? { ...listener, filter: { ...listener.filter, filters: [...filters, ...listener.filter.filters] } }
      : listener,
  )
}

function resolveName(scenario: Scenario, host: string, nowMs: number): readonly string[] {
  const name = scenario.names.find((one) => one.host === host)
  return (name?.addresses ?? []).filter((address) => nowMs < address.untilMs).map((address) => address.host)
}
