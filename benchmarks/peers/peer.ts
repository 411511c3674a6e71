// What the benchmark needs of a proxy: to be started between a port and a backend, as one process tree, and stopped.

import { type ChildProcess, spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { ClientTls } from '../load/load-connection.ts'
import { findProcessTree } from '../load/process-usage.ts'

export interface Production {
  /** A Zipkin that is told of one request of a hundred. */
  readonly collectorPort: number
  readonly accessLog: string
}

export interface ListenerTls {
  /** Of the listener, in Envoy's form. */
  readonly transportSocket: object
  /** With what clients get in. */
  readonly client: ClientTls
}

export interface PeerOptions {
  /** Where requests go. */
  readonly backendPort: number
  /** With what a mesh has on; absent: with metrics alone. */
  readonly production?: Production
  /** Absent: the listener talks plain TCP. */
  readonly tls?: ListenerTls
  /** An empty folder for the configuration and the log. */
  readonly folder: string
}

export interface Peer {
  readonly name: string
  /** Undefined when the program is not there. */
  version(): string | undefined
  start(options: PeerOptions): Promise<RunningPeer>
}

export interface RunningPeer {
  readonly name: string
  readonly port: number
  readonly adminPort?: number
  /** How many requests it has understood and seen answered well; absent: it copies bytes. */
  countAnswered?(): Promise<number>
  /** What it writes a line in for each request. */
  readonly accessLog?: string
  /** Absent: its clients talk plain TCP. */
  readonly clientTls?: ClientTls
  /** The process and all its children; none for the direct way. */
  pids(): readonly number[]
  /** Rejects with the log when the process ends before `stop`. */
  readonly crashed: Promise<never>
  stop(): Promise<void>
}

export interface PeerCommand {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly port: number
  readonly adminPort?: number
  /** Finds in the page /stats of the admin port the number of requests that were answered well. */
  readonly answered?: RegExp
  readonly accessLog?: string
  readonly folder: string
}

/** Starts the command and waits until its port takes connections; rejects with its log if it ends before. */
export async function startPeer(options: PeerCommand): Promise<RunningPeer> {
  const logFile = join(options.folder, 'log')
  const log = openSync(logFile, 'a')
  const child = spawn(options.command, options.args, { stdio: ['ignore', log, log] })
  const killWithUs = (): boolean => child.kill('SIGTERM')
  process.once('exit', killWithUs)
  child.once('exit', () => process.removeListener('exit', killWithUs))
  const ended = Promise.withResolvers<never>()
  ended.promise.catch(() => {})
  child.once('error', (error) => ended.reject(error))
  child.once('exit', (code) => {
    ended.reject(new Error(`${options.name} ended with code ${code}:\n${readFileSync(logFile, 'utf8').slice(-2000)}`))
  })
  await Promise.race([ended.promise, waitForPort(options.port)])
  return {
    name: options.name,
    port: options.port,
    ...(options.adminPort === undefined ? {} : { adminPort: options.adminPort }),
    ...(options.accessLog === undefined ? {} : { accessLog: options.accessLog }),
    ...(options.answered === undefined
      ? {}
      : { countAnswered: () => readCount(options.adminPort!, options.answered!) }),
    pids: () => findProcessTree(child.pid!),
    crashed: ended.promise,
    stop: () => stopProcess(child),
  }
}

async function readCount(adminPort: number, pattern: RegExp): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${adminPort}/stats`)).text()
  return Number(pattern.exec(page)?.[1] ?? 0)
}

/** A port that was free a moment ago: for programs that cannot be told to take any. */
export async function findFreePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function waitForPort(port: number): Promise<void> {
  const deadlineMs = performance.now() + 15_000
  while (!(await accepts(port))) {
    if (performance.now() > deadlineMs) throw new Error(`nothing listens on port ${port} after 15 s`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  await exited
  clearTimeout(timer)
}
