import { addAuthorization } from './add-authorization.ts'
import { addGlobalLimit } from './add-global-limit.ts'
import { addLocalLimit } from './add-local-limit.ts'
import { addMirror } from './add-mirror.ts'
import { addRetries } from './add-retries.ts'
import { addTrouble } from './add-trouble.ts'
import { drawScenario, SERVICES_END_MS } from './draw-scenario.ts'
import { checkInvariants } from './invariants.ts'
import { LiveChanges } from './live-changes.ts'
import type { Scenario } from './scenario.ts'
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
  /** Makes another scenario of the one that the seed draws. */
  readonly change?: (scenario: Scenario) => Scenario
}

export interface SimulationResult {
  readonly seed: number
  /** Of all that happened: equal seeds have equal hashes. */
  readonly hash: string
  readonly problems: readonly string[]
  readonly requests: number
  readonly replies: number
  /** What became of each request, and when, client by client. */
  readonly outcomes: readonly string[]
  /** How many copies ended in which way. */
  readonly copies: Readonly<Record<CopyEnd, number>>
  /** Calls of filters to services of their own. */
  readonly asked: number
  /** Of hosts: ejections, their ends, and how many were used again and ejected again. */
  readonly ejections: { readonly ejections: number; readonly returns: number; readonly reused: number }
  /** How many tries were not the first of their request. */
  readonly retries: number
}

const COPY_ENDS = ['completed', 'failed', 'timeout', 'dropped'] as const
type CopyEnd = (typeof COPY_ENDS)[number]

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
    const retried = addRetries(addAuthorization(addMirror(drawScenario(seed))))
    const drawn = addTrouble(addLocalLimit(addGlobalLimit(retried)))
    const scenario = options.change?.(drawn) ?? drawn
    const run = await setStage(scenario, { clock, trace, sabotage: options.sabotage, problem })
    await play(run)
    return {
      seed,
      hash: trace.hash,
      problems,
      ...countOutcomes(run.clients),
      ...copiesOf(run),
      asked: run.grpc.asked,
      ejections: run.ejections,
      retries: run.metrics.sum('upstream_rq_retry'),
    }
  } catch (error: unknown) {
    problem(`thrown: ${error instanceof Error ? error.stack : String(error)}`)
    return {
      seed,
      hash: trace.hash,
      problems,
      ...countOutcomes([]),
      ...NO_COPIES,
      asked: 0,
      ejections: NO_EJECTIONS,
      retries: 0,
    }
  }
}

async function play(run: Run): Promise<void> {
  const { scenario, clock, network, proxy, clients, services } = run
  const started = proxy.start(false)
  // names are resolved in virtual time before the proxy listens
  await clock.runUntil(2 * scenario.weather.maxDelayMs + 1)
  await runUntilSettled(clock, started)
  for (const client of clients) client.start(network.as('actor'))
  if (scenario.drainMs !== undefined) {
    clock.setTimer(scenario.drainMs, () => void proxy.drain().then(() => clock.noteSettled()))
  }
  new LiveChanges(run).schedule()
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

/** Hosts may have to be checked first. */
async function runUntilSettled(clock: VirtualClock, started: Promise<void>): Promise<void> {
  let isStarted = false
  const noted = started.then(() => {
    isStarted = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  while (!isStarted) await clock.runUntil(clock.now() + 1)
  await noted
}

function countOutcomes(clients: readonly VirtualClient[]) {
  const sent = clients.flatMap(({ number, requests }) => requests.map((request) => ({ client: number, ...request })))
  return {
    requests: sent.length,
    replies: sent.filter(({ outcome }) => outcome === 'replied').length,
    outcomes: sent.map(
      ({ client, number, outcome, endedMs, error }) => `${client}/${number} ${outcome} at ${endedMs} ${error}`,
    ),
  }
}

const NO_EJECTIONS = { ejections: 0, returns: 0, reused: 0 }
const NO_COPIES = { copies: { completed: 0, failed: 0, timeout: 0, dropped: 0 } } as const

function copiesOf({ metrics }: Run): Pick<SimulationResult, 'copies'> {
  const copies = { ...NO_COPIES.copies } as Record<CopyEnd, number>
  for (const end of COPY_ENDS) copies[end] = metrics.sum(`sim.mirror_${end}`)
  return { copies }
}
