/**
 * `npm start`: two versions of a sample service in two protocols, one Meltemi proxy that splits the traffic between
 * them 80 to 20, and a client that shows live what comes of it.
 *
 *   client ──thrift──────► :port ┐          ┌─80 %─► v1
 *   client ──awesomerpc──► :port ┴─ proxy ──┴─20 %─► v2
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bootstrap, type Sample } from './bootstrap.ts'
import { type Callback, connectHelloAwesomerpc, startHelloAwesomerpc } from './hello-awesomerpc.ts'
import { connectHelloThrift, startHelloThrift } from './hello-thrift.ts'
import { HEADER, Tally } from './tally.ts'

const CLI = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url))
const REQUESTS_PER_SECOND = 100
const TICK_MS = 20
const TABLE_MS = 1000
const READY_TIMEOUT_MS = 15_000

interface HelloConnection {
  sayHello(name: string, callback: Callback): void
  close(): void
}

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
  const servers: Server[] = []
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-quickstart-'))
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
  let proxy: ChildProcess | undefined
  try {
    const samples = [
      await startSample('thrift', startHelloThrift, servers),
      await startSample('awesomerpc', startHelloAwesomerpc, servers),
    ]
    const adminPort = await freePort()
    const file = join(folder, 'proxy.json')
    writeFileSync(file, bootstrap(samples, adminPort))
    proxy = spawn(
      process.execPath,
      ['--conditions=meltemi-source', CLI, 'proxy', '-c', file, '--log-level', 'warn', '--drain-time-s', '1'],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
        detached: true,
      },
    )
    await ready(samples, proxy)
    announce(samples, adminPort)
    return await drive(samples, seconds, stop.signal, proxy)
  } finally {
    await end(proxy)
    for (const server of servers) server.close()
    rmSync(folder, { recursive: true, force: true })
    // what the sample's connections still hold must not keep the process
    setTimeout(() => process.exit(), 500).unref()
  }
}

async function startSample(
  protocol: Sample['protocol'],
  start: (version: string) => Promise<{ server: Server; port: number }>,
  servers: Server[],
): Promise<Sample> {
  const v1 = await start('v1')
  const v2 = await start('v2')
  servers.push(v1.server, v2.server)
  return { protocol, listenPort: await freePort(), versions: { v1: v1.port, v2: v2.port } }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Resolves when a request of each protocol has been answered through the proxy. */
async function ready(samples: readonly Sample[], proxy: ChildProcess): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS
  for (const sample of samples) {
    while (!(await answers(sample))) {
      if (proxy.exitCode !== null) throw new Error(`the proxy ended with exit code ${proxy.exitCode}`)
      if (performance.now() > deadlineMs) throw new Error('the proxy does not answer')
      await sleep(50)
    }
  }
}

function answers(sample: Sample): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = open(sample, () => resolve(false))
    connection.sayHello('proxy', (error) => {
      connection.close()
      resolve(error === null)
    })
  })
}

function open({ protocol, listenPort }: Sample, onError: (error: Error) => void): HelloConnection {
  return protocol === 'thrift' ? connectHelloThrift(listenPort, onError) : connectHelloAwesomerpc(listenPort, onError)
}

function announce(samples: readonly Sample[], adminPort: number): void {
  for (const { protocol, listenPort, versions } of samples) {
    console.log(`${protocol}: proxy on 127.0.0.1:${listenPort} → v1 :${versions.v1} (80 %), v2 :${versions.v2} (20 %)`)
  }
  console.log(`stats: http://127.0.0.1:${adminPort}/stats   Ctrl-C ends everything\n`)
  console.log(HEADER)
}

/** Sends requests and prints the table until the time is over, Ctrl-C, or the proxy ends. */
async function drive(
  samples: readonly Sample[],
  seconds: number,
  signal: AbortSignal,
  proxy: ChildProcess,
): Promise<number> {
  const runs = samples.map((sample) => {
    const tally = new Tally(sample.protocol)
    const connection = open(sample, () => tally.add(new Error('connection'), '', 0))
    return { tally, connection }
  })
  const endMs = performance.now() + seconds * 1000
  const ticker = setInterval(() => {
    for (const run of runs) for (let i = 0; i < (REQUESTS_PER_SECOND * TICK_MS) / 1000; i++) request(run)
  }, TICK_MS)
  while (endMs - performance.now() > 5 && !signal.aborted && proxy.exitCode === null) {
    const leftMs = endMs - performance.now()
    // the last row covers what is left, so that no row stands for a few milliseconds
    const rowMs = leftMs < 1.5 * TABLE_MS ? Math.max(leftMs, 1) : TABLE_MS
    await sleep(rowMs, undefined, { signal }).catch(() => {})
    for (const { tally } of runs) console.log(tally.row())
  }
  clearInterval(ticker)
  await sleep(100)
  for (const { connection } of runs) connection.close()
  const isProven = signal.aborted || runs.every(({ tally }) => tally.total > 0)
  return proxy.exitCode === null && isProven && runs.every(({ tally }) => tally.errors === 0) ? 0 : 1
}

function request({ tally, connection }: { tally: Tally; connection: HelloConnection }): void {
  const startedMs = performance.now()
  connection.sayHello('world', (error, text) => tally.add(error, text, performance.now() - startedMs))
}

/** The proxy has a process group of its own, so Ctrl-C reaches only this process, which then ends it in order. */
async function end(proxy: ChildProcess | undefined): Promise<void> {
  if (proxy === undefined || proxy.exitCode !== null) return
  const isGone = once(proxy, 'exit')
  proxy.kill('SIGTERM')
  const force = setTimeout(() => proxy.kill('SIGKILL'), 5000)
  await isGone
  clearTimeout(force)
}
