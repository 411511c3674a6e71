// Reloads a codec again and again under load: are requests lost, how long does it take, how much memory is left behind?
// Ends with code 1 when a request failed, a reload was refused, or memory grew by more than is allowed.
// node --conditions=meltemi-source benchmarks/reload.ts [--reloads 100] [--rate 5000] [--concurrency 1] [--write FILE]

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { collectGarbage, probeArgs } from './collect-garbage.ts'
import { readRssBytes } from './load/process-usage.ts'
import { describeMachine, readRevision } from './machine.ts'
import type { MeltemiOptions } from './peers/meltemi.ts'
import { writeBetweenMarkers } from './report.ts'
import { delay, type Setting, withMeltemi } from './with-meltemi.ts'

const TEMPLATE = join(import.meta.dirname, '../packages/create-meltemi-codec/template/length/src/codec.ts')
const CODEC = 'aeraki.meta_protocol.codec.my_protocol'
const ALLOWED_BYTES = 20 * 2 ** 20
/** The engine compiles, and the heap finds its size. */
const WARM_UP_MS = 15_000
const CHECKPOINTS = 5
const RELOADS_A_ROUND = 4
const ROUND_MS = 2000
/** Each round connects anew, so connections end on the version that they began with, as in life. */
const CONNECTIONS = 64

interface Checkpoint {
  readonly reloads: number
  readonly requests: number
  readonly rssBytes: number
  readonly heapBytes: number
}

const { values } = parseArgs({
  options: {
    reloads: { type: 'string', default: '100' },
    rate: { type: 'string', default: '5000' },
    concurrency: { type: 'string', default: '1' },
    write: { type: 'string' },
  },
})
const total = Number(values.reloads)
const rate = Number(values.rate)
const concurrency = Number(values.concurrency)
const times: number[] = []
const checkpoints = await withMeltemi(createOptions, measure)
const problems = findProblems()
const text = format()
console.log(text)
if (values.write !== undefined) writeBetweenMarkers(values.write, 'reload', text)
if (problems.length > 0) process.exitCode = 1

function createOptions(folder: string): MeltemiOptions {
  writeCodec(folder, 0)
  const module = { file: join(folder, 'codec.ts'), codec: CODEC }
  return { wire: 'awesomerpc', isMultiplexing: true, concurrency, nodeArgs: probeArgs(folder), module }
}

function writeCodec(folder: string, number: number): void {
  writeFileSync(join(folder, 'codec.ts'), `${readFileSync(TEMPLATE, 'utf8')}// ${String(number).padStart(6)}\n`)
}

async function measure(setting: Setting): Promise<Checkpoint[]> {
  let requests = await load(setting, WARM_UP_MS)
  const found = [await look(setting, 0, requests)]
  for (let reloads = 0; reloads < total; ) {
    const count = Math.min(RELOADS_A_ROUND, total - reloads)
    const [answered] = await Promise.all([load(setting, ROUND_MS), reloadSome(setting, reloads, count)])
    requests += answered
    reloads += count
    if (reloads >= (total / CHECKPOINTS) * found.length) found.push(await look(setting, reloads, requests))
  }
  return found
}

/** Rejects when a request fails. */
async function load({ meltemi, generator, backendPid }: Setting, windowMs: number): Promise<number> {
  const order = {
    wire: 'awesomerpc',
    writes: 'joined',
    connections: CONNECTIONS,
    depth: 32,
    payloadBytes: 128,
  } as const
  const where = { port: meltemi.port, pids: meltemi.pids(), backendPid }
  return (await generator.run({ ...order, ...where, rate, warmUpMs: 0, windowMs })).requests
}

async function reloadSome({ meltemi, folder }: Setting, done: number, count: number): Promise<void> {
  for (let i = 1; i <= count; i++) {
    writeCodec(folder, done + i)
    const startedMs = performance.now()
    const headers = { 'content-type': 'application/json' }
    const reply = await fetch(`http://127.0.0.1:${meltemi.adminPort}/codecs/reload`, { method: 'POST', headers })
    const answer = await reply.text()
    if (!reply.ok || !answer.includes('"reloaded"')) throw new Error(`reload ${done + i}: ${answer}`)
    times.push(performance.now() - startedMs)
  }
}

async function look({ meltemi, folder }: Setting, reloads: number, requests: number): Promise<Checkpoint> {
  await delay(500)
  const pid = meltemi.pids()[0] as number
  const threads = await collectGarbage(pid, folder, concurrency + 1)
  const heapBytes = threads.reduce((sum, thread) => sum + thread.heapBytes, 0)
  const checkpoint = { reloads, requests, rssBytes: readRssBytes([pid]), heapBytes }
  console.error(JSON.stringify(checkpoint))
  return checkpoint
}

function findProblems(): string[] {
  const grown = (checkpoints.at(-1)?.rssBytes ?? 0) - (checkpoints[0]?.rssBytes ?? 0)
  return grown > ALLOWED_BYTES ? [`RSS has grown by ${(grown / 2 ** 20).toFixed(1)} MiB`] : []
}

function format(): string {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
  const sorted = times.toSorted((a, b) => a - b)
  const [median, worst] = [sorted[Math.floor(sorted.length / 2)] ?? 0, sorted.at(-1) ?? 0]
  return [
    `${new Date().toISOString().slice(0, 10)}: ${describeMachine()}, ${readRevision()}. The template's codec, ${rate} requests/s over ${CONNECTIONS} connections, \`--concurrency ${concurrency}\`.`,
    '',
    '| reloads | requests | failed | RSS MiB | heap after collection MiB |',
    '| ---: | ---: | ---: | ---: | ---: |',
    ...checkpoints.map(
      (each) => `| ${each.reloads} | ${each.requests} | 0 | ${mib(each.rssBytes)} | ${mib(each.heapBytes)} |`,
    ),
    '',
    `From the command to "in force everywhere": median ${median.toFixed(0)} ms, slowest ${worst.toFixed(0)} ms.`,
    problems.length === 0 ? 'No request failed, and memory stayed within its bound.' : problems.join('; '),
  ].join('\n')
}
