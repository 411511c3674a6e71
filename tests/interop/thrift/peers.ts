/** Starts the peers: programs that use Apache Thrift's own libraries in three languages. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export type Language = 'npm' | 'python' | 'go'

export interface PeerOptions {
  readonly transport: 'framed' | 'buffered' | 'header'
  readonly protocol: 'binary' | 'compact'
  readonly multiplexed?: boolean
}

/** What came of one call, as the client saw it. */
export interface Outcome {
  readonly call: string
  readonly ms: number
  readonly [fact: string]: unknown
}

export const LANGUAGES: readonly Language[] = ['npm', 'python', 'go']
export const SMALL_CALLS: readonly string[] = ['text', 'number', 'item', 'lists', 'fail', 'note', 'added']

const CLIENT_TIMEOUT_MS = 30_000
const COMMANDS: Readonly<Record<Language, readonly string[]>> = {
  npm: [process.execPath, pathOf('peers/npm-peer.ts')],
  python: ['/usr/bin/python3', pathOf('peers/python_peer.py')],
  go: [pathOf('gen/go-peer')],
}

export class PeerServer implements AsyncDisposable {
  readonly port: number
  readonly #child: ChildProcess

  constructor(port: number, child: ChildProcess) {
    this.port = port
    this.#child = child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end()
    if (this.#child.exitCode === null) await once(this.#child, 'exit')
  }
}

/** npm's header transport loses its place when a frame comes in parts, as large ones do. */
export function callsBetween({ transport }: PeerOptions, client: Language, server: Language): readonly string[] {
  const hasNpmHeader = transport === 'header' && (client === 'npm' || server === 'npm')
  return hasNpmHeader ? SMALL_CALLS : [...SMALL_CALLS, 'big']
}

/** A server on a free port; it ends when disposed of, and when this process does. */
export async function startServer(language: Language, options: PeerOptions): Promise<PeerServer> {
  const child = start(language, ['server', ...flags(options)])
  child.stderr?.resume()
  for await (const line of createInterface({ input: child.stdout! })) return new PeerServer(Number(line), child)
  throw new Error(`the ${language} server ended before it told its port`)
}

/** Runs a client against a port and returns what came of its calls. */
export async function runClient(
  language: Language,
  options: PeerOptions,
  port: number,
  calls: readonly string[],
): Promise<readonly Outcome[]> {
  const child = start(language, ['client', ...flags(options), '--port', String(port), '--calls', calls.join(',')])
  const timer = setTimeout(() => child.kill(), CLIENT_TIMEOUT_MS)
  const [lines, errors] = await Promise.all([text(child.stdout!), text(child.stderr!)])
  clearTimeout(timer)
  const outcomes = lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Outcome)
  if (outcomes.length < calls.length) throw new Error(`the ${language} client stopped after ${lines}: ${errors}`)
  return outcomes
}

function start(language: Language, args: readonly string[]): ChildProcess {
  if (!existsSync(pathOf('gen/go-peer')))
    throw new Error('the Thrift peers are missing: run scripts/setup-interop.sh thrift')
  const [program, ...before] = COMMANDS[language]
  return spawn(program as string, [...before, ...args], { stdio: 'pipe' })
}

function flags(options: PeerOptions): string[] {
  const flags = ['--transport', options.transport, '--protocol', options.protocol]
  return options.multiplexed ? [...flags, '--multiplexed'] : flags
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
