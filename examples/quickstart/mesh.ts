/** `meltemi up`, the control plane and a proxy, as a process of its own, and `meltemi apply`, which changes what it does. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Placed } from './place-resources.ts'

const CLI = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url))
const NODE = ['--conditions=meltemi-source', CLI]
const KILL_AFTER_MS = 5000

export class Mesh {
  readonly #process: ChildProcess
  readonly #apiAddress: string

  constructor(placed: Placed) {
    this.#apiAddress = `127.0.0.1:${placed.port(15_080)}`
    const options = [
      ...['--api-address', this.#apiAddress],
      ...['--xds-address', `127.0.0.1:${placed.port(15_010)}`],
      ...['--admin-address', `127.0.0.1:${placed.port(15_000)}`],
      ...['--log-level', 'warn', '--drain-time-s', '1'],
    ]
    // a process group of its own: Ctrl-C reaches only the sample, which then ends it in order
    this.#process = spawn(process.execPath, [...NODE, 'up', placed.folder, ...options], {
      stdio: ['ignore', 'ignore', 'inherit'],
      detached: true,
    })
  }

  get exitCode(): number | null {
    return this.#process.exitCode
  }

  /** Rejects with what the command says when it is refused. */
  async apply(text: string): Promise<void> {
    const options = ['apply', '-f', '-', '--control-plane', this.#apiAddress]
    const child = spawn(process.execPath, [...NODE, ...options], { stdio: ['pipe', 'ignore', 'pipe'] })
    let faults = ''
    child.stderr.on('data', (chunk) => {
      faults += String(chunk)
    })
    child.stdin.end(text)
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`meltemi apply: ${faults}`)
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const isGone = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    const force = setTimeout(() => this.#process.kill('SIGKILL'), KILL_AFTER_MS)
    await isGone
    clearTimeout(force)
  }
}
