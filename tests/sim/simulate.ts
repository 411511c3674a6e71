import { drawScenario, SERVICES_END_MS } from './draw-scenario.ts'
import { checkInvariants } from './invariants.ts'
import { type Run, type Sabotage, setStage } from './stage.ts'
import { Trace } from './trace.ts'
import type { VirtualClient } from './virtual-client.ts'
import { VirtualClock } from './virtual-clock.ts'

/** By then all that was asked has been answered. */
const ANSWERED_MS = SERVICES_END_MS + 10_000
const CLIENTS_GONE_MS = ANSWERED_MS + 10_000

export interface SimulateOptions {
  readonly print?: (line: string) => void
  /** For tests of the simulation itself. */
  readonly sabotage?: Sabotage
}

export interface SimulationResult {
  readonly seed: number
  /** Of all that happened: equal seeds have equal hashes. */
  readonly hash: string
  readonly problems: readonly string[]
  readonly requests: number
  readonly replies: number
}

/** One run of the proxy, its clients and its services in virtual time. The seed decides everything. */
export async function simulate(seed: number, options: SimulateOptions = {}): Promise<SimulationResult> {
  const problems: string[] = []
  const clock = new VirtualClock()
  const trace = new Trace(() => clock.now(), options.print)
  const problem = (text: string) => {
    trace.event('PROBLEM', 0, 0, text)
    problems.push(text)
  }
  try {
    const run = await setStage(drawScenario(seed), { clock, trace, sabotage: options.sabotage, problem })
    await play(run)
    return { seed, hash: trace.hash, problems, ...countOutcomes(run.clients) }
  } catch (error: unknown) {
    problem(`thrown: ${error instanceof Error ? error.stack : String(error)}`)
    return { seed, hash: trace.hash, problems, requests: 0, replies: 0 }
  }
}

async function play(run: Run): Promise<void> {
  const { scenario, clock, network, proxy, clients, services } = run
  const started = proxy.start(false)
  // names are resolved in virtual time before the proxy listens
  await clock.runUntil(2 * scenario.weather.maxDelayMs + 1)
  await started
  for (const client of clients) client.start(network.as('actor'))
  if (scenario.drainMs !== undefined) {
    clock.setTimer(scenario.drainMs, () => void proxy.drain().then(() => clock.noteSettled()))
  }
  clock.setTimer(SERVICES_END_MS - clock.now(), () => {
    for (const service of services) service.end()
  })
  await clock.runUntil(ANSWERED_MS)
  checkInvariants.answered(run)
  for (const client of clients) client.finish()
  await clock.runUntil(CLIENTS_GONE_MS)
  checkInvariants.clientsGone(run)
  await proxy.stop()
  await clock.runUntilIdle()
  checkInvariants.stopped(run)
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
