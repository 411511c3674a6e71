// Many requests through one Meltemi, stopping now and then to look at what is left: RSS, heap after collection, sockets,
// timers, exchanges. Ends with code 1 when memory is not flat (±10 % after warm-up) or something is not back at zero.
// node --conditions=meltemi-source benchmarks/soak.ts [--millions 10] [--concurrency 1] [--protocol awesomerpc]

import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { collectGarbage, probeArgs } from './collect-garbage.ts'
import type { ThreadState } from './heap-probe.ts'
import { readRssBytes } from './load/process-usage.ts'
import type { WireName } from './load/wire.ts'
import { describeMachine, readRevision } from './machine.ts'
import { writeBetweenMarkers } from './report.ts'
import { delay, type Setting, withMeltemi } from './with-meltemi.ts'

const CHECKPOINTS = 10
const WARM_UP_SHARE = 0.3
const WARM_UP_REQUESTS = 2.5e6 // the engine still compiles, and drops what it compiled, up to here
const SETTLE_MS = 2000
const ALLOWED_DEVIATION = 0.1
const CHUNK_MS = 1000
// Gauges that must be zero when no client is connected; upstream connections may stay pooled.
const ZERO_AT_REST = /(request_active|upstream_rq_active|downstream_cx_active)$/

interface Checkpoint {
  readonly requests: number
  readonly rssBytes: number
  readonly heapBytes: number
  readonly bufferBytes: number
  readonly files: number
  readonly resources: string
  readonly notZero: readonly string[]
}

const { values } = parseArgs({
  options: {
    millions: { type: 'string', default: '10' },
    concurrency: { type: 'string', default: '1' },
    protocol: { type: 'string', default: 'awesomerpc' },
    write: { type: 'string' },
  },
})
const wire: WireName = values.protocol === 'thrift' ? 'thrift' : 'awesomerpc'
const concurrency = Number(values.concurrency)
const total = Number(values.millions) * 1e6
const checkpoints = await withMeltemi(createOptions, soak)
const warmUp = Math.max(total * WARM_UP_SHARE, WARM_UP_REQUESTS)
const problems = findProblems(checkpoints.filter((each) => each.requests >= warmUp))
const text = formatSoak(checkpoints, problems)
console.log(text)
if (values.write !== undefined) writeBetweenMarkers(values.write, 'soak', text)
if (problems.length > 0) process.exitCode = 1

function createOptions(folder: string) {
  return { wire, isMultiplexing: true, concurrency, nodeArgs: probeArgs(folder) } as const
}

async function soak(setting: Setting): Promise<Checkpoint[]> {
  const checkpoints: Checkpoint[] = []
  let requests = 0
  while (checkpoints.length < CHECKPOINTS) {
    const goal = (total * (checkpoints.length + 1)) / CHECKPOINTS
    while (requests < goal) requests += await runChunk(setting)
    checkpoints.push(await look(setting, requests))
    console.error(JSON.stringify(checkpoints.at(-1)))
  }
  return checkpoints
}

async function runChunk({ meltemi, generator, backendPid }: Setting): Promise<number> {
  const load = {
    writes: 'joined' as const,
    wire,
    connections: 16,
    depth: 32,
    payloadBytes: 128,
    warmUpMs: 0,
    windowMs: CHUNK_MS,
  }
  const result = await generator.run({ ...load, port: meltemi.port, pids: meltemi.pids(), backendPid })
  return result.requests
}

async function look(setting: Setting, requests: number): Promise<Checkpoint> {
  const { meltemi } = setting
  await delay(SETTLE_MS)
  const notZero = await readNotZero(meltemi.adminPort!)
  const threads = await collectGarbage(meltemi.pids()[0]!, setting.folder, concurrency + 1)
  const pid = meltemi.pids()[0]!
  return {
    requests,
    rssBytes: readRssBytes([pid]),
    heapBytes: threads.reduce((sum, thread) => sum + thread.heapBytes, 0),
    bufferBytes: threads.reduce((sum, thread) => sum + thread.bufferBytes, 0),
    files: readdirSync(`/proc/${pid}/fd`).length,
    resources: describeResources(threads),
    notZero,
  }
}

async function readNotZero(adminPort: number): Promise<string[]> {
  const stats = await (await fetch(`http://127.0.0.1:${adminPort}/stats`)).text()
  const lines = stats.split('\n').map((line) => line.split(': '))
  const gauges = lines.filter(([name]) => ZERO_AT_REST.test(name ?? '') && !name!.startsWith('listener.admin.'))
  if (gauges.length === 0) throw new Error('/stats has none of the gauges that tell what is active')
  return gauges.filter(([, value]) => Number(value) !== 0).map((pair) => pair.join(': '))
}

function describeResources(threads: readonly ThreadState[]): string {
  const counts = new Map<string, number>()
  for (const thread of threads) {
    for (const [kind, count] of Object.entries(thread.resources)) counts.set(kind, (counts.get(kind) ?? 0) + count)
  }
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')
}

function findProblems(after: readonly Checkpoint[]): string[] {
  const [first] = after
  if (first === undefined) return ['the run was too short: nothing is left after the warm-up']
  const problems: string[] = []
  for (const each of after) {
    for (const key of ['rssBytes', 'heapBytes', 'files'] as const) {
      const deviation = Math.abs(each[key] / first[key] - 1)
      if (deviation > ALLOWED_DEVIATION) problems.push(`${key} is ${each[key]} instead of about ${first[key]}`)
    }
    if (each.resources !== first.resources) problems.push(`${each.resources} instead of ${first.resources}`)
    problems.push(...each.notZero)
  }
  return problems
}

function formatSoak(checkpoints: readonly Checkpoint[], problems: readonly string[]): string {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
  const setting = `${wire} 16×32, 128 B, multiplexing, \`--concurrency ${concurrency}\``
  return [
    `${new Date().toISOString().slice(0, 10)}: ${describeMachine()}, ${readRevision()}. ${setting}.`,
    '',
    '| million requests | RSS MiB | heap after collection MiB | buffers MiB | open files | active in the event loops |',
    '| ---: | ---: | ---: | ---: | ---: | --- |',
    ...checkpoints.map((each) =>
      [
        `| ${(each.requests / 1e6).toFixed(1)}`,
        ...[each.rssBytes, each.heapBytes, each.bufferBytes].map(mib),
        `${each.files} | ${each.resources} |`,
      ].join(' | '),
    ),
    '',
    problems.length === 0
      ? 'Flat to ±10 % after the warm-up of the first third, and nothing left.'
      : `Not flat: ${[...new Set(problems)].join('; ')}`,
  ].join('\n')
}
