/** Somebody with a machine that has its own Node and npm, an empty folder, and nothing of this checkout. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ROOT } from './workspace.ts'

const TIMEOUT_MS = 90_000
const POLL_MS = 20

export class NewUser {
  /** The folder, empty at first. */
  readonly home: string = mkdtempSync(join(tmpdir(), 'meltemi-user-'))
  readonly #env: NodeJS.ProcessEnv = userEnvironment()
  readonly #children: ChildProcess[] = []

  /** Resolves with what was printed; rejects with it when the command fails or takes too long. */
  async run(directory: string, command: string, ...args: readonly string[]): Promise<string> {
    try {
      const options = { cwd: directory, env: this.#env, timeout: TIMEOUT_MS }
      const { stdout, stderr } = await promisify(execFile)(command, args, options)
      return stdout + stderr
    } catch (error: unknown) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string }
      throw new Error(`${command} ${args.join(' ')} failed\n${stdout}${stderr}`, { cause: error })
    }
  }

  /** Starts what runs until Ctrl-C. */
  open(directory: string, command: string, ...args: readonly string[]): Terminal {
    // in a process group of its own, as a shell does it
    const child = spawn(command, args, {
      cwd: directory,
      env: this.#env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#children.push(child)
    return new Terminal(child)
  }

  /** Ends what still runs and removes the folder. */
  leave(): void {
    for (const child of this.#children) {
      if (isRunning(child)) process.kill(-(child.pid as number), 'SIGINT')
    }
    rmSync(this.home, { recursive: true, force: true })
  }
}

/** Where a command runs. */
export class Terminal {
  readonly #child: ChildProcess
  readonly #exit: Promise<number>
  #output = ''
  #readTo = 0

  constructor(child: ChildProcess) {
    this.#child = child
    // without a code: ended by a signal
    this.#exit = once(child, 'exit').then(([code]) => (code as number | null) ?? 1)
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    }
  }

  /** Resolves when what was printed since the last time matches; rejects when the command ends or takes too long. */
  async prints(pattern: RegExp): Promise<void> {
    const deadlineMs = performance.now() + TIMEOUT_MS
    while (!pattern.test(this.#output.slice(this.#readTo))) {
      if (!isRunning(this.#child) || performance.now() > deadlineMs) {
        throw new Error(`expected ${pattern} in what was printed:\n${this.#output}`)
      }
      await sleep(POLL_MS)
    }
    this.#readTo = this.#output.length
  }

  /** Ctrl-C reaches the command and all that it has started. Rejects when the exit code is not 0. */
  async interrupt(): Promise<void> {
    if (isRunning(this.#child)) process.kill(-(this.#child.pid as number), 'SIGINT')
    const code = await this.#exit
    if (code !== 0) throw new Error(`ended with ${code} after Ctrl-C:\n${this.#output}`)
  }
}

function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null
}

/** Without what npm, the test runner and the options of this process have put in. */
function userEnvironment(): NodeJS.ProcessEnv {
  const ours = /^(?:npm_(?!config_registry).*|NODE_OPTIONS|NODE_TEST_CONTEXT|INIT_CWD)$/i
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name))
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !`${folder}/`.startsWith(ROOT))
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) }
}
