/** Starts the peers: programs that use Apache Dubbo of Java, in two versions, and of Go, and one that uses npm's. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../harness/free-port.ts'

export type Peer = 'java-2.7' | 'java-3' | 'go' | 'npm'

export const JAVA_PEERS = ['java-2.7', 'java-3'] as const
export const OTHER_PEERS = ['go', 'npm'] as const

/** What came of one call, as the client saw it. */
export interface Outcome {
  readonly call: string
  readonly ms: number
  readonly [fact: string]: unknown
}

/** What the programs are told by name. */
export type PeerOptions = Readonly<Record<string, string>>

const CALL_TIMEOUT_MS = 30_000
/** Dubbo's reflection, and a start that does not wait for the second compiler. */
const JAVA_OPTIONS = [
  `-Djdk.net.hosts.file=${pathOf('peers/java/hosts')}`,
  ...['lang', 'lang.reflect', 'io', 'math', 'net', 'text', 'time', 'util', 'util.concurrent'].map(
    (name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`,
  ),
  ...[
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    '-Xmx256m',
    '-Dfile.encoding=UTF-8',
    '-Djava.net.preferIPv4Stack=true',
  ],
]

export class PeerServer implements AsyncDisposable {
  readonly port: number
  readonly #child: ChildProcess

  private constructor(port: number, child: ChildProcess) {
    this.port = port
    this.#child = child
  }

  /** Resolves when it serves: on this port, or on a free one. */
  static async start(peer: Peer, options: PeerOptions = {}, port?: number): Promise<PeerServer> {
    const wanted = port ?? (await freePort())
    const child = run(peer, ['server', `port=${wanted}`, ...flags(options)])
    const errors = keepErrors(child)
    for await (const line of createInterface({ input: child.stdout! })) {
      // libraries may print too
      if (line !== String(wanted)) continue
      child.stdout?.resume()
      return new PeerServer(wanted, child)
    }
    throw new Error(`the ${peer} server ended before it served: ${errors.join('')}`)
  }

  /** At once, whatever is under way. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await ended(this.#child)
  }

  /** As it ends by itself: what is under way may finish. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end()
    await ended(this.#child)
  }
}

/** One program that makes calls, one after the other, to whatever ports. */
export class PeerClient implements AsyncDisposable {
  readonly #peer: Peer
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #errors: readonly string[]

  constructor(peer: Peer, options: PeerOptions = {}) {
    this.#peer = peer
    this.#child = run(peer, ['client', ...flags(options)])
    this.#errors = keepErrors(this.#child)
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  async call(port: number, name: string): Promise<Outcome> {
    this.#child.stdin?.write(`${port} ${name}\n`)
    const late = new AbortController()
    const next = await Promise.race([this.#next(), setTimeout(CALL_TIMEOUT_MS, undefined, { signal: late.signal })])
    late.abort()
    if (next !== undefined) return next
    throw new Error(`the ${this.#peer} client has no outcome of ${name}: ${this.#errors.join('')}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end()
    await ended(this.#child)
  }

  /** Libraries may print too. */
  async #next(): Promise<Outcome | undefined> {
    for (let line = await this.#lines.next(); !line.done; line = await this.#lines.next()) {
      if (line.value.startsWith('{"')) return JSON.parse(line.value) as Outcome
    }
    return undefined
  }
}

function run(peer: Peer, args: readonly string[]): ChildProcess {
  if (!existsSync(pathOf('gen/built'))) {
    throw new Error('the Dubbo peers are missing: run scripts/setup-interop.sh dubbo')
  }
  const [program, ...before] = commandOf(peer)
  const child = spawn(program as string, [...before, ...args], { stdio: 'pipe' })
  // what a program that has ended is told
  child.stdin.on('error', () => {})
  return child
}

function commandOf(peer: Peer): readonly string[] {
  if (peer === 'go') return [pathOf('gen/go-peer')]
  if (peer === 'npm') return [process.execPath, pathOf('peers/npm/peer.ts')]
  const folder = pathOf(`gen/${peer}`)
  return ['java', ...JAVA_OPTIONS, '-cp', `${folder}/classes:${folder}/lib/*`, 'meltemi.peer.Main']
}

/** The last of them, for the message when something goes wrong. */
function keepErrors(child: ChildProcess): readonly string[] {
  const errors: string[] = []
  child.stderr?.on('data', (chunk: Buffer) => {
    errors.push(chunk.toString())
    if (errors.length > 50) errors.shift()
  })
  return errors
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

function flags(options: PeerOptions): string[] {
  return Object.entries(options).map(([name, value]) => `${name}=${value}`)
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
