/**
 * A program that uses somebody else's library as client and as server:
 *
 *   PROGRAM server --port N                prints its port, serves until its standard input ends
 *   PROGRAM client --port N --calls a,b    makes the calls, prints what came of each as one line of JSON
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'

/** What came of one call, as the client saw it. */
export interface Outcome {
  readonly call: string
  readonly ms: number
  readonly [fact: string]: unknown
}

const CLIENT_TIMEOUT_MS = 30_000

export class PeerProgram {
  readonly #command: readonly string[]
  readonly #setup: string
  readonly #file: string

  /** `setup`: what `scripts/setup-interop.sh` calls it. `file`: what that makes. */
  constructor(command: readonly string[], setup: string, file: string) {
    this.#command = command
    this.#setup = setup
    this.#file = file
  }

  /** A server, on a free port if none is given; it ends when disposed of, and when this process does. */
  async startServer(port = 0): Promise<PeerServer> {
    const child = this.#start(['server', '--port', String(port)])
    child.stderr?.resume()
    for await (const line of createInterface({ input: child.stdout! })) {
      // libraries have things to say of their own
      if (/^\d+$/.test(line)) return new PeerServer(Number(line), child)
    }
    throw new Error(`the ${this.#setup} server ended before it told its port`)
  }

  /** What came of the calls of a client on a port. */
  async runClient(port: number, calls: readonly string[]): Promise<readonly Outcome[]> {
    const child = this.#start(['client', '--port', String(port), '--calls', calls.join(',')])
    const timer = setTimeout(() => child.kill('SIGKILL'), CLIENT_TIMEOUT_MS)
    const [lines, errors] = await Promise.all([text(child.stdout!), text(child.stderr!)])
    clearTimeout(timer)
    const outcomes = lines
      .split('\n')
      .filter((line) => line.startsWith('{"'))
      .map((line) => JSON.parse(line) as Outcome)
    if (outcomes.length < calls.length) throw new Error(`the ${this.#setup} client stopped after ${lines}: ${errors}`)
    return outcomes
  }

  #start(args: readonly string[]): ChildProcess {
    if (!existsSync(this.#file))
      throw new Error(`${this.#file} is missing: run scripts/setup-interop.sh ${this.#setup}`)
    const [program, ...before] = this.#command
    return spawn(program as string, [...before, ...args], { stdio: 'pipe' })
  }
}

export class PeerServer implements AsyncDisposable {
  readonly port: number
  readonly #child: ChildProcess

  constructor(port: number, child: ChildProcess) {
    this.port = port
    this.#child = child
    // one that has crashed, as some calls want it
    child.stdin?.on('error', () => {})
    child.stdout?.resume()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end()
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }
}
