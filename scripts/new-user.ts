/** Somebody with a machine that has its own Node and npm, an empty folder, and nothing of this checkout. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT } from './workspace.ts'

const TIMEOUT_MS = 90_000
const POLL_MS = 20

/** Runs commands as that user, until `leave`. */
export class NewUser {
  /** The folder, empty at first. */
  readonly home: string = mkdtempSync(join(tmpdir(), 'meltemi-user-'))
  readonly #env: NodeJS.ProcessEnv = userEnvironment()
  readonly #terminals: Terminal[] = []

  /** Resolves with what was printed; rejects with it when the command fails or takes too long. */
  async run(directory: string, command: string, ...args: readonly string[]): Promise<string> {
    const terminal = this.open(directory, command, ...args)
    const code = await terminal.end()
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${terminal.output}`)
    return terminal.output
  }

  /** Starts what runs until Ctrl-C. */
  open(directory: string, command: string, ...args: readonly string[]): Terminal {
    const terminal = new Terminal(command, args, { cwd: directory, env: this.#env })
    this.#terminals.push(terminal)
    return terminal
  }

  /** Ends what still runs and removes the folder. */
  async leave(): Promise<void> {
    await Promise.all(this.#terminals.map((terminal) => terminal.interrupt()))
    rmSync(this.home, { recursive: true, force: true })
  }
}

/** Where a command runs, with all that it starts. */
export class Terminal {
  readonly #child: ChildProcess
  /** The exit code, when all that holds its streams has ended. */
  readonly #closed: Promise<number>
  #output = ''
  #readTo = 0

  constructor(command: string, args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    // in a process group of its own, as a shell does it
    this.#child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.on('error', ({ message }) => {
      this.#output += message
    })
    this.#closed = new Promise((resolve) => {
      this.#child.on('close', (code) => resolve(code ?? 1)) // no code: ended by a signal
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    }
  }

  /** What was printed so far, on both streams. */
  get output(): string {
    return this.#output
  }

  /** Resolves when what was printed since the last time matches; rejects when the command ends or takes too long. */
  async prints(pattern: RegExp): Promise<void> {
    const deadlineMs = performance.now() + TIMEOUT_MS
    while (!pattern.test(this.#output.slice(this.#readTo))) {
      if (!this.#isRunning() || performance.now() > deadlineMs) {
        throw new Error(`expected ${pattern} in what was printed:\n${this.#output}`)
      }
      await sleep(POLL_MS)
    }
    this.#readTo = this.#output.length
  }

  /** Resolves with the exit code; what takes too long is ended, and is an error. */
  async end(): Promise<number> {
    const code = await Promise.race([this.#closed, sleep(TIMEOUT_MS, undefined, { ref: false })])
    if (code !== undefined) return code
    this.#signal('SIGKILL')
    throw new Error(`not ended after ${TIMEOUT_MS} ms:\n${this.#output}`)
  }

  /** Ctrl-C reaches the command and all that it has started. Resolves with the exit code. */
  interrupt(): Promise<number> {
    this.#signal('SIGINT')
    return this.end()
  }

  #signal(name: NodeJS.Signals): void {
    if (this.#isRunning()) process.kill(-(this.#child.pid as number), name)
  }

  #isRunning(): boolean {
    const { pid, exitCode, signalCode } = this.#child
    return pid !== undefined && exitCode === null && signalCode === null
  }
}

/** Without what npm, the test runner and the options of this process have put in. */
function userEnvironment(): NodeJS.ProcessEnv {
  const ours = /^(?:npm_(?!config_registry).*|NODE_OPTIONS|NODE_TEST_CONTEXT|INIT_CWD)$/i
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name))
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !`${folder}/`.startsWith(ROOT))
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) }
}
