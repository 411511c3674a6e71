import type { ProxyConfig, SocketAddress } from '@meltemi/api/model'
import type { Logger, MergedRegistry } from '@meltemi/runtime'
import type { DataPlane } from './data-plane.ts'
import type { MemoryBudget } from './observe/memory-budget.ts'
import type { ProxyOptions, RunningProxy } from './start-proxy.ts'

/** At most this part of the drain time, and at most 5 s, passes between "not ready" and the end of accepting. */
const ANNOUNCE_SHARE = 0.1
const ANNOUNCE_MAX_MS = 5000
const POLL_MS = 50
const ACTIVE_CONNECTIONS = /^listener\..*\.downstream_cx_active$/

export interface ProcessParts {
  readonly options: ProxyOptions
  readonly config: ProxyConfig
  readonly logger: Logger
  readonly metrics: MergedRegistry
  readonly budget: MemoryBudget
  readonly dataPlane: DataPlane
}

export type ProcessState = 'PRE_INITIALIZING' | 'LIVE' | 'DRAINING'

/**
 * The life of the whole process, on the main thread.
 *
 *   PRE_INITIALIZING ──► LIVE ──► DRAINING: /ready says 503 ─ wait ─► accepts no more ─ finish ─► ended
 */
export class ProxyProcess implements RunningProxy {
  readonly config: ProxyConfig
  readonly adminAddress: SocketAddress
  readonly done: Promise<number>
  readonly #parts: ProcessParts
  readonly #resolveDone: (code: number) => void
  #state: ProcessState = 'PRE_INITIALIZING'
  #isStopping = false

  constructor(parts: ProcessParts) {
    const { promise, resolve } = Promise.withResolvers<number>()
    this.config = parts.config
    this.adminAddress = parts.options.adminAddress
    this.done = promise
    this.#resolveDone = resolve
    this.#parts = parts
  }

  get state(): ProcessState {
    return this.#state
  }

  async start(): Promise<void> {
    const { dataPlane, budget, logger } = this.#parts
    try {
      await dataPlane.start()
    } catch (error: unknown) {
      await this.stop()
      throw error
    }
    budget.start()
    this.#state = 'LIVE'
    for (const { name, address } of this.config.listeners) {
      logger.info('listening', { listener: name, address: `${address.host}:${address.port}` })
    }
  }

  drain(): void {
    if (this.#state === 'DRAINING') return
    this.#state = 'DRAINING'
    this.#drain().catch((error: unknown) => {
      this.#parts.logger.error('drain failed', { error: String(error) })
      void this.stop()
    })
  }

  async stop(): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#state = 'DRAINING'
    const { dataPlane, budget, logger } = this.#parts
    budget.stop()
    await dataPlane.stop()
    logger.info('stopped')
    logger.flush()
    this.#resolveDone(0)
  }

  async #drain(): Promise<void> {
    const { dataPlane, budget, logger, options } = this.#parts
    const drainMs = options.drainTimeS * 1000
    const endMs = performance.now() + drainMs
    logger.info('draining', { drainTimeS: options.drainTimeS })
    budget.stop()
    // load balancers must have time to see that this one is not ready
    await delay(Math.min(drainMs * ANNOUNCE_SHARE, ANNOUNCE_MAX_MS))
    await dataPlane.drain()
    while (this.#activeConnections() > 0 && performance.now() < endMs && !this.#isStopping) await delay(POLL_MS)
    const left = this.#activeConnections()
    if (left > 0) logger.warn('drain time is over', { connections: left })
    await this.stop()
  }

  #activeConnections(): number {
    let sum = 0
    for (const metric of this.#parts.metrics.read((name) => ACTIVE_CONNECTIONS.test(name))) {
      if (metric.kind !== 'histogram') sum += metric.value
    }
    return sum
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
