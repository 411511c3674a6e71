// Proxies that differ in one thing, measured side by side: each has its turn in each round.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { checkPeer, readCounts } from '../check-peers.ts'
import { type Generator, startBackend, startGenerator } from '../load/load-process.ts'
import type { LoadResult } from '../load/run-load.ts'
import type { WireName } from '../load/wire.ts'
import { measureScenario, type Rounds } from '../measure.ts'
import type { ListenerTls, Peer, RunningPeer } from '../peers/peer.ts'
import type { Load, Plan } from '../plan.ts'
import { type Ratio, ratioOf } from '../ratio.ts'
import { median } from '../statistics.ts'

/** V8 may compile the same code better or worse: what one process is lucky with must not decide. */
export const ROUNDS_A_PROCESS = 5
/** Of each process, before anything is measured. */
const WARM_UP_MS = 1500

export interface Variant {
  readonly name: string
  readonly peer: Peer
  readonly tls?: ListenerTls
}

/** How many times as much one variant costs as another. */
export interface Question {
  readonly what: string
  readonly variant: string
  readonly beside: string
  /** What the ratio may be at most; absent: it is reported. */
  readonly goal?: number
}

export interface Comparison {
  readonly wire: WireName
  readonly loads: readonly Load[]
  readonly variants: readonly Variant[]
  readonly questions: readonly Question[]
}

export interface Answer extends Question {
  readonly load: Load
  readonly wire: WireName
  /** CPU microseconds for each request, medians. */
  readonly us: number
  readonly besideUs: number
  readonly ratio: Ratio
  /** Of a core, what other programs took. */
  readonly othersShare: number
}

interface Stage {
  readonly plan: Plan
  readonly folder: string
  readonly generator: Generator
  readonly backend: { readonly port: number; readonly pid: number }
}

/** One answer for each load and question. */
export async function compare(comparison: Comparison, plan: Plan, folder: string): Promise<Answer[]> {
  const { wire, loads, questions } = comparison
  const backend = await startBackend(wire, 'joined')
  const generator = startGenerator()
  try {
    const answers: Answer[] = []
    for (const load of loads) {
      const rounds = new Map<string, LoadResult[]>(comparison.variants.map(({ name }) => [name, []]))
      for (let left = plan.rounds; left > 0; left -= ROUNDS_A_PROCESS) {
        const part = { ...plan, rounds: Math.min(left, ROUNDS_A_PROCESS) }
        const results = await measureAnew(comparison, load, { plan: part, folder, generator, backend })
        for (const [name, more] of results) rounds.get(name)?.push(...more)
      }
      answers.push(...questions.map((question) => answer(question, rounds, { wire, load })))
    }
    return answers
  } finally {
    generator.stop()
    backend.stop()
  }
}

/** A part of the rounds, by processes of their own. */
async function measureAnew({ wire, variants }: Comparison, load: Load, stage: Stage): Promise<Rounds> {
  const { plan, generator, backend, folder } = stage
  const peers: RunningPeer[] = []
  try {
    for (const variant of variants) peers.push(await start(variant, backend.port, folder))
    const onProgress = (text: string) => console.error(text)
    const bench = { plan, generator, backendPid: backend.pid, peers, onProgress }
    const scenario = { wire, load, payloadBytes: 128, writes: 'joined', setting: 'plain' } as const
    await measureScenario({ ...bench, plan: { ...plan, rounds: 1, roundMs: WARM_UP_MS, tries: 1 } }, scenario)
    const checked = peers.map((peer) => ({ peer, collector: undefined }))
    const before = await Promise.all(checked.map(readCounts))
    const measurements = await measureScenario(bench, scenario)
    await Promise.all(checked.map((each, index) => checkPeer(each, before[index]!, measurements)))
    return measurements[0]?.rounds ?? new Map()
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()))
  }
}

async function start({ name, peer, tls }: Variant, backendPort: number, folder: string): Promise<RunningPeer> {
  const own = mkdtempSync(join(folder, 'peer-'))
  const running = await peer.start({ backendPort, folder: own, ...(tls === undefined ? {} : { tls }) })
  return { ...running, name, ...(tls === undefined ? {} : { clientTls: tls.client }) }
}

function answer(question: Question, rounds: Rounds, about: { readonly wire: WireName; readonly load: Load }): Answer {
  const results = rounds.get(question.variant) ?? []
  const bases = rounds.get(question.beside) ?? []
  const costs = results.map(cpuUs)
  const besideCosts = bases.map(cpuUs)
  return {
    ...question,
    ...about,
    us: median(costs),
    besideUs: median(besideCosts),
    ratio: ratioOf(costs, besideCosts),
    othersShare: median([...results, ...bases].map(({ othersCpuMs, windowMs }) => othersCpuMs / windowMs)),
  }
}

function cpuUs({ cpuMs, requests }: LoadResult): number {
  return (cpuMs * 1000) / requests
}
