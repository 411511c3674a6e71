// Starts simulated proxies as a process of their own and talks to them.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { FleetCount, FleetOrder, ProxyPlan } from './fleet-orders.ts'

export class Fleet implements Disposable {
  readonly #child: ChildProcess
  readonly #ended = new AbortController()

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'fleet-main.ts'), [], { execArgv: ['--conditions=meltemi-source'] })
    this.#child.once('exit', (code) => this.#ended.abort(new Error(`the simulated proxies ended with code ${code}`)))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Resolves when every proxy has everything. One order at a time. */
  connect(xdsPort: number, proxies: readonly ProxyPlan[]): Promise<FleetCount> {
    return this.#order({ kind: 'connect', address: `127.0.0.1:${xdsPort}`, proxies })
  }

  /** Resolves when every proxy has been sent each of its route tables, counted from this call. */
  routes(): Promise<FleetCount> {
    return this.#order({ kind: 'routes' })
  }

  count(): Promise<FleetCount> {
    return this.#order({ kind: 'count' })
  }

  /** From now on it reads nothing, as a machine that hangs; its connections stay. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }

  async #order(order: FleetOrder): Promise<FleetCount> {
    const answered = once(this.#child, 'message', { signal: this.#ended.signal })
    this.#child.send(order)
    const [count] = (await answered) as [FleetCount]
    return count
  }
}
