/**
 * `npm start`: two versions of the sample server, Meltemi with our codec in front of them, and a client that prints
 * what comes back. `npm start -- --for 5` ends after five seconds, otherwise Ctrl-C ends everything.
 *
 *   client ──► Meltemi, as in proxy.yaml ──80 %──► server v1
 *                                        └─20 %──► server v2
 *
 * Each line is a second on a connection of its own, so a change of codec.ts shows in the line that begins after it.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { SampleClient } from './client.ts'
import { createSampleServer } from './server.ts'

const PROJECT = join(import.meta.dirname, '..')
/** As in proxy.yaml. Where one is taken, another is used; all are others beside another sample, which has the first. */
const PORTS = { v1: 9001, v2: 9002, proxy: 9000, admin: 15000 }
const CALLS_PER_LINE = 100
const PAUSE_MS = 9
const READY_TIMEOUT_MS = 15_000
const END_TIMEOUT_MS = 5000
const ENDED = 'Meltemi has ended'

const { values } = parseArgs({ options: { for: { type: 'string', default: 'Infinity' } } })
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(signal))
const exitCode = await main(Number(values.for)).catch((error: Error) => {
  console.error(`error: ${error.message}`)
  return 1
})
process.exit(exitCode) // whoever else may be connected to the servers

/** Starts everything, shows it, ends everything. Resolves with 0 when every call was answered well. */
async function main(seconds: number): Promise<number> {
  if (!(seconds > 0)) throw new Error('--for wants a number of seconds above 0')
  const folder = mkdtempSync(join(tmpdir(), 'my-protocol-'))
  const servers = { v1: createSampleServer('v1'), v2: createSampleServer('v2') }
  let proxy: ChildProcess | undefined
  try {
    const v1 = await listen(servers.v1, PORTS.v1)
    const isAlone = v1 === PORTS.v1
    const ports = {
      v1,
      v2: await listen(servers.v2, PORTS.v2),
      proxy: await findPort(isAlone ? PORTS.proxy : 0),
      admin: await findPort(isAlone ? PORTS.admin : 0),
    }
    // the environment comes before proxy.yaml
    const admin = `http://${process.env['MELTEMI_ADMIN_ADDRESS'] ?? `127.0.0.1:${ports.admin}`}`
    proxy = startProxy(ports, folder)
    await ready(admin)
    console.log(`my-protocol on 127.0.0.1:${ports.proxy}, servers v1 on :${ports.v1} and v2 on :${ports.v2}`)
    console.log(`statistics on ${admin}/stats, Ctrl-C ends everything\n`)
    return await show(ports.proxy, seconds)
  } finally {
    await end(proxy)
    servers.v1.close()
    servers.v2.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Resolves with the port that the server listens on: this one, or any other if it is taken. */
async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    server.listen(0, '127.0.0.1')
    return once(server, 'listening')
  })
  return (server.address() as AddressInfo).port
}

async function findPort(port: number): Promise<number> {
  const probe = createServer()
  const found = await listen(probe, port)
  await new Promise((resolve) => probe.close(resolve))
  return found
}

/** Meltemi on proxy.yaml with these ports. In a process group of its own: Ctrl-C comes to us alone, and we end it. */
function startProxy(ports: typeof PORTS, folder: string): ChildProcess {
  const config = join(folder, 'proxy.yaml')
  const found = new Map(Object.entries(PORTS).map(([name, port]) => [port, ports[name as keyof typeof PORTS]]))
  const yaml = readFileSync(join(PROJECT, 'proxy.yaml'), 'utf8')
  writeFileSync(
    config,
    yaml.replaceAll(/(?<=port_value: )\d+/g, (port) => String(found.get(Number(port)) ?? port)),
  )
  const options = ['--module', join(PROJECT, 'src/codec.ts'), '--watch', '--log-level', 'warn', '--drain-time-s', '1']
  const proxy = spawn('meltemi', ['proxy', '-c', config, ...options], {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    signal: stop.signal, // SIGTERM, with which it ends in order
  })
  proxy.on('error', (error) => {
    if (error.name !== 'AbortError') console.error(`${error.message}: npm start knows where meltemi is`)
  })
  return proxy.on('close', () => stop.abort(ENDED))
}

/** Resolves when Meltemi says that it is ready, or when all is to end. */
async function ready(admin: string): Promise<void> {
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(READY_TIMEOUT_MS)])
  while (!signal.aborted) {
    const isReady = await fetch(`${admin}/ready`, { signal }).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) return
    await sleep(50)
  }
  if (!stop.signal.aborted) throw new Error('Meltemi is not ready')
  assertNotEnded()
}

function assertNotEnded(): void {
  if (stop.signal.reason === ENDED) throw new Error(ENDED)
}

/** Prints one line after the other until the time is over, Ctrl-C, or Meltemi ends. */
async function show(port: number, seconds: number): Promise<number> {
  const endMs = performance.now() + seconds * 1000
  let exitCode = 0
  console.log('      v1      v2  errors  last reply')
  while (performance.now() < endMs && !stop.signal.aborted) {
    const { v1, v2, errors, last } = await callForASecond(port)
    if (stop.signal.aborted) break // not a whole line
    const cells = [`${v1} %`, `${v2} %`, String(errors)]
    console.log(`${cells.map((cell) => cell.padStart(8)).join('')}  ${last}`)
    if (errors > 0) exitCode = 1
  }
  assertNotEnded()
  return exitCode
}

/** A hundred calls, so that counts are percentages. */
async function callForASecond(port: number): Promise<{ v1: number; v2: number; errors: number; last: string }> {
  const seen = { v1: 0, v2: 0, errors: 0, last: '' }
  const client = await SampleClient.connect(port, stop.signal).catch(() => undefined)
  for (let n = 0; n < CALLS_PER_LINE && !stop.signal.aborted; n++) {
    try {
      if (client === undefined) throw new Error('no connection')
      seen.last = await client.hello('world')
      seen[seen.last.endsWith('v1') ? 'v1' : 'v2']++
    } catch (error: unknown) {
      seen.last = String(error)
      seen.errors++
    }
    await sleep(PAUSE_MS)
  }
  client?.close()
  return seen
}

/** Ends Meltemi, which lets go of what it holds first. */
async function end(proxy: ChildProcess | undefined): Promise<void> {
  stop.abort('done')
  if (proxy?.pid === undefined || proxy.exitCode !== null || proxy.signalCode !== null) return
  const force = setTimeout(() => proxy.kill('SIGKILL'), END_TIMEOUT_MS)
  await once(proxy, 'exit')
  clearTimeout(force)
}
