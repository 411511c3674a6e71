// Sends requests at a steady rate and tells which version answered each of them, and which were not answered well.

import { VersionConnection } from './version-connection.ts'

export interface VersionClientOptions {
  readonly port: number
  readonly requestsPerSecond: number
  readonly connections?: number
  /** How often a connection is replaced by a new one; default: never. */
  readonly renewMs?: number
  /** A request was answered by this version. */
  readonly onAnswer: (version: number) => void
}

const TICK_MS = 1
const DRAIN_MS = 5_000

export class VersionClient {
  /** All that were sent. */
  requests = 0
  /** Why requests failed: errors of the proxy, and connections that were lost or could not be had. */
  readonly failures: string[] = []
  readonly #options: VersionClientOptions
  readonly #connections: VersionConnection[] = []
  /** Of requests that are not answered yet: number → when they were sent. */
  readonly #open = new Map<number, number>()
  #startedMs = 0
  #renewed = 0
  #isStopped = false
  #timers: readonly NodeJS.Timeout[] = []

  constructor(options: VersionClientOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { connections = 8, renewMs } = this.#options
    for (let index = 0; index < connections; index++) this.#connections.push(await this.#connect())
    this.#startedMs = performance.now()
    const sending = setInterval(() => this.#send(), TICK_MS)
    this.#timers = renewMs === undefined ? [sending] : [sending, setInterval(() => void this.#renew(), renewMs)]
  }

  /** Waits for the answers that are still to come; those that do not come are failures. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const timer of this.#timers) clearInterval(timer)
    const endMs = performance.now() + DRAIN_MS
    while (this.#open.size > 0 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5))
    if (this.#open.size > 0) this.failures.push(this.#describeOpen(endMs))
    for (const connection of this.#connections) connection.close()
    this.#open.clear()
  }

  #describeOpen(nowMs: number): string {
    const agesMs = [...this.#open.values()].map((sentMs) => Math.round(nowMs - sentMs))
    const ages = `${Math.min(...agesMs)} to ${Math.max(...agesMs)} ms old`
    return `${agesMs.length} of ${this.requests} requests were not answered, ${ages}`
  }

  async #connect(): Promise<VersionConnection> {
    const connection = new VersionConnection({
      onAnswer: (number, version) => {
        this.#close(number)
        this.#options.onAnswer(version)
      },
      onError: (number, code) => {
        this.#close(number)
        this.failures.push(`an answer with code ${code}`)
      },
      onClose: () => void this.failures.push('a connection was closed'),
    })
    await connection.open(this.#options.port)
    return connection
  }

  async #renew(): Promise<void> {
    try {
      const next = await this.#connect()
      if (this.#isStopped) return next.close()
      const [old] = this.#connections.splice(this.#renewed++ % this.#connections.length, 1, next)
      old?.retire()
    } catch (error: unknown) {
      if (!this.#isStopped) this.failures.push(`no new connection: ${String(error)}`)
    }
  }

  /** All that is due. */
  #send(): void {
    const due = Math.floor(((performance.now() - this.#startedMs) / 1000) * this.#options.requestsPerSecond)
    while (this.requests < due) {
      const number = this.requests++
      this.#open.set(number, performance.now())
      this.#connections[number % this.#connections.length]?.send(number)
    }
  }

  #close(number: number): void {
    if (!this.#open.delete(number)) this.failures.push('an answer to nothing')
  }
}
