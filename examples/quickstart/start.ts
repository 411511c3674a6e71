/**
 * `npm start`: two versions of a sample service in two protocols, described by the resources beside this file, under
 * `meltemi up`. It walks through a release while a client shows live what comes of it:
 *
 *   all to v1 ─► 90 % v1, 10 % v2 ─► all to v1, mirrored to v2 ─► all to v2
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Callback, connectHelloAwesomerpc, startHelloAwesomerpc } from './hello-awesomerpc.ts'
import { connectHelloThrift, startHelloThrift } from './hello-thrift.ts'
import { Mesh } from './mesh.ts'
import { type Placed, placeResources, type SamplePort } from './place-resources.ts'
import { HEADER, Tally } from './tally.ts'

const STEPS = fileURLToPath(new URL('steps', import.meta.url))
const STEP_S = 5
const REQUESTS_PER_SECOND = 100
const TICK_MS = 20
const TABLE_MS = 1000
const READY_TIMEOUT_MS = 20_000

interface HelloConnection {
  sayHello(name: string, callback: Callback): void
  close(): void
}

interface Sample {
  readonly tally: Tally
  readonly versions: Readonly<Record<'v1' | 'v2', SamplePort>>
  readonly listenPort: SamplePort
  start(version: string, port: number, onRequest: () => void): Promise<Server>
  connect(port: number, onError: (error: Error) => void): HelloConnection
}

const SAMPLES: readonly Sample[] = [
  {
    tally: new Tally('thrift'),
    listenPort: 9090,
    versions: { v1: 9101, v2: 9102 },
    start: startHelloThrift,
    connect: connectHelloThrift,
  },
  {
    tally: new Tally('awesomerpc'),
    listenPort: 9091,
    versions: { v1: 9103, v2: 9104 },
    start: startHelloAwesomerpc,
    connect: connectHelloAwesomerpc,
  },
]

const { values } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
  options: { for: { type: 'string' }, help: { type: 'boolean', default: false } },
})
if (values.help) console.log('npm start -- [--for SECONDS]   runs the sample until Ctrl-C, or for so many seconds')
else process.exitCode = await main(values.for === undefined ? Number.POSITIVE_INFINITY : Number(values.for))

async function main(seconds: number): Promise<number> {
  if (!(seconds > 0)) {
    console.error('error: --for wants a number of seconds above 0')
    return 1
  }
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
  const placed = await placeResources()
  const servers: Server[] = []
  let mesh: Mesh | undefined
  try {
    for (const sample of SAMPLES) servers.push(...(await startVersions(sample, placed)))
    mesh = new Mesh(placed)
    for (const sample of SAMPLES) await ready(sample, placed, mesh)
    announce(placed)
    return await drive({ mesh, placed, seconds, signal: stop.signal })
  } finally {
    await mesh?.stop()
    for (const server of servers) server.close()
    rmSync(placed.folder, { recursive: true, force: true })
    // what the sample's connections still hold must not keep the process
    setTimeout(() => process.exit(), 500).unref()
  }
}

function startVersions({ start, versions, tally }: Sample, placed: Placed): Promise<Server[]> {
  const names = ['v1', 'v2'] as const
  return Promise.all(names.map((name) => start(name, placed.port(versions[name]), () => tally.arrived(name))))
}

/** Resolves when a request has been answered through the proxy. */
async function ready(sample: Sample, placed: Placed, mesh: Mesh): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS
  while (!(await answers(sample, placed))) {
    if (mesh.exitCode !== null) throw new Error(`meltemi up ended with exit code ${mesh.exitCode}`)
    if (performance.now() > deadlineMs) throw new Error('the proxy does not answer')
    await sleep(50)
  }
}

function answers({ connect, listenPort }: Sample, placed: Placed): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(placed.port(listenPort), () => resolve(false))
    connection.sayHello('proxy', (error) => {
      connection.close()
      resolve(error === null)
    })
  })
}

function announce(placed: Placed): void {
  console.log(`resources: ${placed.folder}   change a file, and it is in force`)
  console.log(`page: http://127.0.0.1:${placed.port(15_080)}/   stats: http://127.0.0.1:${placed.port(15_000)}/stats`)
  for (const { tally, listenPort, versions } of SAMPLES) {
    const [v1, v2] = [placed.port(versions.v1), placed.port(versions.v2)]
    console.log(`${tally.protocol}: proxy on 127.0.0.1:${placed.port(listenPort)}, v1 on :${v1}, v2 on :${v2}`)
  }
}

interface Drive {
  readonly mesh: Mesh
  readonly placed: Placed
  readonly seconds: number
  readonly signal: AbortSignal
}

/** Sends requests, walks through the steps and prints the table, until the time is over, Ctrl-C, or the mesh ends. */
async function drive({ mesh, placed, seconds, signal }: Drive): Promise<number> {
  const endMs = performance.now() + seconds * 1000
  const runs = SAMPLES.map((sample) => {
    const { tally } = sample
    return { tally, connection: sample.connect(placed.port(sample.listenPort), () => tally.fail()) }
  })
  const ticker = setInterval(() => {
    for (const run of runs) for (let i = 0; i < (REQUESTS_PER_SECOND * TICK_MS) / 1000; i++) request(run)
  }, TICK_MS)
  const steps = readdirSync(STEPS).toSorted()
  const isOver = (): boolean => endMs - performance.now() < 5 || signal.aborted || mesh.exitCode !== null
  for (const [index, step] of steps.entries()) {
    if (isOver()) break
    await mesh.apply(readFileSync(join(STEPS, step), 'utf8'))
    console.log(`\n${index + 1}/${steps.length}  meltemi apply -f examples/quickstart/steps/${step}\n${HEADER}`)
    for (const { tally } of runs) tally.begin()
    const nowMs = performance.now()
    const left = steps.length - index
    await watch(left === 1 ? endMs : nowMs + Math.min(STEP_S * 1000, (endMs - nowMs) / left), isOver, signal)
  }
  clearInterval(ticker)
  await sleep(100)
  for (const { connection } of runs) connection.close()
  const isProven = signal.aborted || runs.every(({ tally }) => tally.total > 0)
  return mesh.exitCode === null && isProven && runs.every(({ tally }) => tally.errors === 0) ? 0 : 1
}

/** Prints a row per protocol each second until then. */
async function watch(untilMs: number, isOver: () => boolean, signal: AbortSignal): Promise<void> {
  while (untilMs - performance.now() > 5 && !isOver()) {
    const leftMs = untilMs - performance.now()
    // the last row covers what is left, so that no row stands for a few milliseconds
    const rowMs = leftMs < 1.5 * TABLE_MS ? Math.max(leftMs, 1) : TABLE_MS
    await sleep(rowMs, undefined, { signal }).catch(() => {})
    for (const { tally } of SAMPLES) console.log(tally.row())
  }
}

function request({ tally, connection }: { tally: Tally; connection: HelloConnection }): void {
  const startedMs = performance.now()
  connection.sayHello('world', (error, text) => tally.add(error, text, performance.now() - startedMs))
}
