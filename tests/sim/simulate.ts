import { limitCells, type Network, Proxy, SeededRandom } from '@meltemi/proxy'
import type { Clock } from '@meltemi/runtime'
import type { CodecDefinition, MessageType } from '@meltemi/sdk'
import { CountingRegistry } from './counting-registry.ts'
import { Draw } from './draw.ts'
import { checkInvariants } from './invariants.ts'
import type { RequestPayload } from './payload.ts'
import { drawScenario, type Scenario, TRAFFIC_END_MS } from './scenario.ts'
import { Trace } from './trace.ts'
import { VirtualClient } from './virtual-client.ts'
import { VirtualClock } from './virtual-clock.ts'
import { VirtualNetwork } from './virtual-network.ts'
import { VirtualService } from './virtual-service.ts'
import { FILTER, Witness } from './witness.ts'

/** Services end for good, so that nothing can wait any longer than the connections to them. */
const SERVICES_END_MS = TRAFFIC_END_MS + 5000
/** By then all that was asked has been answered. */
const ANSWERED_MS = SERVICES_END_MS + 10_000
const CLIENTS_GONE_MS = ANSWERED_MS + 10_000

export interface SimulateOptions {
  readonly print?: (line: string) => void
  /** For tests of the simulation itself. */
  readonly sabotage?: Sabotage
}

/** Puts a defect into what the proxy is built from. */
export interface Sabotage {
  readonly codec?: (codec: CodecDefinition) => CodecDefinition
  readonly network?: (network: Network) => Network
  readonly clock?: (clock: Clock) => Clock
}

export interface SimulationResult {
  readonly seed: number
  /** Of all that happened: equal seeds have equal hashes. */
  readonly hash: string
  readonly problems: readonly string[]
  readonly requests: number
  readonly replies: number
}

/** All that takes part in one run, for the checks at its end. */
export interface Run {
  readonly scenario: Scenario
  readonly clock: VirtualClock
  readonly network: VirtualNetwork
  readonly metrics: CountingRegistry
  readonly cells: SharedArrayBuffer
  readonly proxy: Proxy
  readonly clients: readonly VirtualClient[]
  readonly witness: Witness | undefined
  /** How often each request has reached a service. */
  readonly arrivals: ReadonlyMap<string, number>
  readonly logged: readonly string[]
  problem(text: string): void
}

/** One run of the proxy, its clients and its services in virtual time. The seed decides everything. */
export async function simulate(seed: number, options: SimulateOptions = {}): Promise<SimulationResult> {
  const problems: string[] = []
  const clock = new VirtualClock()
  const trace = new Trace(() => clock.now(), options.print)
  try {
    const run = await play(drawScenario(seed), { clock, trace, problems, options })
    return { seed, hash: trace.hash, problems, ...countOutcomes(run.clients) }
  } catch (error: unknown) {
    problems.push(`thrown: ${error instanceof Error ? error.stack : String(error)}`)
    return { seed, hash: trace.hash, problems, requests: 0, replies: 0 }
  }
}

interface Stage {
  readonly clock: VirtualClock
  readonly trace: Trace
  readonly problems: string[]
  readonly options: SimulateOptions
}

async function play(scenario: Scenario, stage: Stage): Promise<Run> {
  const { clock, trace } = stage
  const { seed, wire, overload } = scenario
  const problem = (text: string) => {
    trace.event('PROBLEM', 0, 0, text)
    stage.problems.push(text)
  }
  const arrivals = new Map<string, number>()
  const arrived = (payload: RequestPayload, type: MessageType) => {
    const key = `${payload.client}/${payload.number}`
    arrivals.set(key, (arrivals.get(key) ?? 0) + 1)
    trace.event('arrived', payload.client, payload.number, `type ${type} behaviour ${payload.behaviour}`)
  }
  const services = new Map(
    scenario.services.map((plan) => [
      `${plan.host}:${plan.port}`,
      new VirtualService(plan, { clock, wire, arrived, problem }),
    ]),
  )
  const network = new VirtualNetwork(
    { clock, random: new SeededRandom(seed * 16 + 2), weather: scenario.weather, trace },
    (address) => services.get(address)?.fate ?? 'accepted',
    (host) => resolveName(scenario, host, clock.now()),
  )
  for (const service of services.values()) await service.listen(network.as('actor'))
  const witness = scenario.filter === undefined ? undefined : new Witness(scenario.filter, new Draw(seed, 3), clock)
  const metrics = new CountingRegistry()
  const cells = limitCells(scenario.config.clusters.length + 1, 1)
  const logged: string[] = []
  const { sabotage } = stage.options
  const proxy = new Proxy({
    config: withFilter(scenario, witness),
    codecs: [sabotage?.codec?.(wire.definition) ?? wire.definition],
    filters: witness === undefined ? [] : [witness.definition],
    network: sabotage?.network?.(network.as('proxy')) ?? network.as('proxy'),
    clock: sabotage?.clock?.(clock) ?? clock,
    random: new SeededRandom(seed * 16 + 4),
    metrics,
    share: { cells, workers: 1, worker: 0 },
    overloadLevel: () =>
      overload !== undefined && clock.now() >= overload.fromMs && clock.now() < overload.toMs ? overload.level : 0,
    log: (level, message, fields) => logged.push(`${level} ${message} ${JSON.stringify(fields)}`),
  })
  const started = proxy.start(false)
  await clock.runUntil(0)
  // names are resolved in virtual time before the proxy listens
  await clock.runUntil(2 * scenario.weather.maxDelayMs + 1)
  await started
  const clients = scenario.clients.map(
    (plan, index) => new VirtualClient(index + 1, plan, { seed, clock, wire, trace, problem }),
  )
  for (const client of clients) client.start(network.as('actor'))
  const run = { scenario, clock, network, metrics, cells, proxy, clients, witness, arrivals, logged, problem }
  if (scenario.drainMs !== undefined)
    clock.setTimer(scenario.drainMs, () => void proxy.drain().then(() => clock.noteSettled()))
  clock.setTimer(SERVICES_END_MS, () => {
    for (const service of services.values()) service.end()
  })
  await clock.runUntil(ANSWERED_MS)
  checkInvariants.answered(run)
  for (const client of clients) client.finish()
  await clock.runUntil(CLIENTS_GONE_MS)
  checkInvariants.clientsGone(run)
  await proxy.stop()
  await clock.runUntilIdle()
  checkInvariants.stopped(run)
  return run
}

function withFilter(scenario: Scenario, witness: Witness | undefined): Scenario['config'] {
  if (witness === undefined) return scenario.config
  const listeners = scenario.config.listeners.map((listener) =>
    listener.filter.kind === 'meta-protocol'
      ? { ...listener, filter: { ...listener.filter, filters: [FILTER] } }
      : listener,
  )
  return { ...scenario.config, listeners }
}

function resolveName(scenario: Scenario, host: string, nowMs: number): readonly string[] {
  const name = scenario.names.find((one) => one.host === host)
  return (name?.addresses ?? []).filter((address) => nowMs < address.untilMs).map((address) => address.host)
}

function countOutcomes(clients: readonly VirtualClient[]): { requests: number; replies: number } {
  let requests = 0
  let replies = 0
  for (const client of clients) {
    requests += client.requests.length
    for (const request of client.requests) if (request.outcome === 'replied') replies++
  }
  return { requests, replies }
}
