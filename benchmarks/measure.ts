// Runs a scenario: round after round, every peer in turn, so that whatever disturbs the machine disturbs all of them.
// All peers stay up during a scenario; those that do not have their turn are idle.

import { checkAccessLog } from './check-peers.ts'
import type { Generator } from './load/load-process.ts'
import type { LoadResult } from './load/run-load.ts'
import type { RunningPeer } from './peers/peer.ts'
import type { Plan, Scenario } from './plan.ts'
import { median } from './statistics.ts'

const MAX_OTHERS = 0.15 // of a core

/** One result per round, in order, for each peer. */
export type Rounds = ReadonlyMap<string, readonly LoadResult[]>

export interface Measurement {
  readonly scenario: Scenario
  /** Requests per second of the open loop; undefined for the closed one. */
  readonly rate: number | undefined
  readonly rounds: Rounds
}

export interface Bench {
  readonly plan: Plan
  readonly generator: Generator
  readonly backendPid: number
  readonly peers: readonly RunningPeer[]
  readonly onProgress: (text: string) => void
}

/** The loops that the plan asks for. The open loop needs the closed one, to know the rate. */
export async function measureScenario(bench: Bench, scenario: Scenario): Promise<Measurement[]> {
  const closed = await measureRounds(bench, scenario, undefined)
  if (!bench.plan.loops.includes('open')) return [closed]
  const open = await measureRounds(bench, scenario, halfOfTheSlowest(closed.rounds, bench.peers))
  return bench.plan.loops.includes('closed') ? [closed, open] : [open]
}

async function measureRounds(bench: Bench, scenario: Scenario, rate: number | undefined): Promise<Measurement> {
  const { plan, peers } = bench
  const rounds = new Map<string, LoadResult[]>(peers.map((peer) => [peer.name, []]))
  for (let round = 0; round < plan.rounds; round++) {
    for (let turn = 0; turn < peers.length; turn++) {
      const peer = peers[(round + turn) % peers.length]!
      const result = await runUndisturbed(bench, scenario, peer, rate)
      rounds.get(peer.name)!.push(result)
      bench.onProgress(describeRun(scenario, rate, round, peer.name, result))
    }
  }
  return { scenario, rate, rounds }
}

// Other programs that want the cores change what is measured, for better or worse: such a run is repeated a few times.
async function runUndisturbed(
  bench: Bench,
  scenario: Scenario,
  peer: RunningPeer,
  rate: number | undefined,
): Promise<LoadResult> {
  for (let tries = 1; ; tries++) {
    const result = await runOnce(bench, scenario, peer, rate)
    if (result.othersCpuMs < result.windowMs * MAX_OTHERS || tries >= bench.plan.tries) return result
    bench.onProgress(`${peer.name}: other programs took ${percent(result)} % of a core, once more`)
  }
}

async function runOnce(bench: Bench, scenario: Scenario, peer: RunningPeer, rate?: number): Promise<LoadResult> {
  const { connections, depth } = scenario.load
  const { wire, payloadBytes, writes } = scenario
  const { warmUpMs, roundMs: windowMs } = bench.plan
  const { backendPid } = bench
  const order = {
    wire,
    payloadBytes,
    writes,
    connections,
    depth,
    mayGrow: scenario.setting === 'production',
    warmUpMs,
    windowMs,
    port: peer.port,
    ...(peer.clientTls === undefined ? {} : { tls: peer.clientTls }),
    pids: peer.pids(),
    backendPid,
  }
  try {
    const running = bench.generator.run(rate === undefined ? order : { ...order, rate })
    running.catch(() => {}) // when the proxy crashes, that is the better message
    const result = await Promise.race([peer.crashed, running])
    await checkAccessLog(peer, result.requests)
    return result
  } catch (error) {
    throw new Error(`${peer.name}, ${wire} ${connections}x${depth}: ${String(error)}`, { cause: error })
  }
}

function halfOfTheSlowest(rounds: Rounds, peers: readonly RunningPeer[]): number {
  const proxies = peers.filter((peer) => peer.pids().length > 0)
  const speeds = proxies.map((peer) => median(rounds.get(peer.name)!.map(speedOf)))
  return Math.max(1, Math.floor(Math.min(...speeds) / 2))
}

const percent = (result: LoadResult): number => Math.round((result.othersCpuMs / result.windowMs) * 100)
const speedOf = (result: LoadResult): number => result.requests / (result.windowMs / 1000)

function describeRun(scenario: Scenario, rate: number | undefined, round: number, name: string, r: LoadResult): string {
  const { connections, depth } = scenario.load
  const loop = rate === undefined ? 'closed' : `open at ${rate}/s`
  const what = `${scenario.wire} ${scenario.setting} ${connections}x${depth} ${scenario.payloadBytes} B ${scenario.writes} ${loop}, round ${round + 1}, ${name}`
  const cpu = ((r.cpuMs * 1000) / r.requests).toFixed(1)
  return `${what}: ${Math.round(speedOf(r))}/s, ${cpu} us CPU, p50 ${Math.round(r.p50Us)} p99.9 ${Math.round(r.p999Us)} us, others ${percent(r)} %`
}
