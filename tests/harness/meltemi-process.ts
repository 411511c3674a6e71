/** `meltemi` as users start it: commands that serve, and commands that come to an end. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url))
const LINE_TIMEOUT_MS = 20_000
const COMMAND_TIMEOUT_MS = 30_000

export interface MeltemiOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Standard input; default: nothing. */
  readonly input?: string
  /** For Node itself, such as --cpu-prof. */
  readonly nodeArgs?: readonly string[]
}

/** A command that serves. */
export class MeltemiProcess implements AsyncDisposable {
  readonly child: ChildProcess
  #out = ''
  #errors = ''
  readonly #waiting = new Set<() => void>()

  constructor(args: readonly string[], options: MeltemiOptions = {}) {
    this.child = spawnMeltemi(args, options)
    // one that nobody disposes of must not outlive the program that started it
    const kill = () => void this.child.kill('SIGKILL')
    process.once('exit', kill)
    this.child.once('exit', () => process.removeListener('exit', kill))
    this.child.stdout?.on('data', (chunk) => {
      this.#out += String(chunk)
      for (const look of this.#waiting) look()
    })
    this.child.stderr?.on('data', (chunk) => {
      this.#errors += String(chunk)
      for (const look of this.#waiting) look()
    })
    this.child.once('exit', () => {
      for (const look of this.#waiting) look()
    })
  }

  get out(): string {
    return this.#out
  }

  get errors(): string {
    return this.#errors
  }

  /** Resolves when the output, or what it says of errors, matches; rejects when the process ends before, or in time. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        finish()
      }
      const look = (): void => {
        const found = pattern.exec(this.#out) ?? pattern.exec(this.#errors)
        if (found !== null) settle(() => resolve(found))
        else if (this.#hasEnded) settle(() => reject(this.#unsaid(pattern, 'ended')))
      }
      const timer = setTimeout(() => settle(() => reject(this.#unsaid(pattern, 'goes on'))), LINE_TIMEOUT_MS)
      this.#waiting.add(look)
      look()
    })
  }

  /** Resolves with the exit code; null: it was killed. */
  async exited(): Promise<number | null> {
    if (!this.#hasEnded) await once(this.child, 'exit')
    return this.child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.child.kill('SIGKILL')
    await this.exited()
  }

  get #hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  #unsaid(pattern: RegExp, state: string): Error {
    return new Error(`meltemi ${state} without saying ${pattern}:\n${this.#out}${this.#errors}`)
  }
}

export interface CommandResult {
  readonly code: number | null
  readonly out: string
  readonly errors: string
}

/** A command that comes to an end. */
export async function runCommand(args: readonly string[], options: MeltemiOptions = {}): Promise<CommandResult> {
  const child = spawnMeltemi(args, options)
  const result = { out: '', errors: '' }
  child.stdout?.on('data', (chunk) => {
    result.out += String(chunk)
  })
  child.stderr?.on('data', (chunk) => {
    result.errors += String(chunk)
  })
  // one that could not be started, or has ended, takes no input: its own end says why
  child.stdin?.on('error', () => {})
  child.stdin?.end(options.input ?? '')
  const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { code, ...result }
}

function spawnMeltemi(args: readonly string[], { env = {}, nodeArgs = [] }: MeltemiOptions): ChildProcess {
  // the user's own settings must not decide what a test sees
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:MELTEMI_|NODE_TEST_CONTEXT$)/.test(name))
  return spawn(process.execPath, [...nodeArgs, '--conditions=meltemi-source', CLI, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(inherited), ...env },
  })
}
