import { formatProblem } from '@meltemi/api/model'
import { systemClock } from '@meltemi/runtime'
import type { DataPlane, DataPlaneOptions } from './data-plane.ts'
import { loadModules } from './modules.ts'
import { nodeNetwork } from './net/node-network.ts'
import { SharedOverloadLevel } from './observe/overload-level.ts'
import { type EndpointStatus, Proxy } from './proxy.ts'
import { limitCells } from './upstream/limits.ts'
import { createRandom } from './util/random.ts'

/** `--concurrency 0`: traffic in the main thread, for the smallest footprint. A codec that loops stops everything. */
export class MainThread implements DataPlane {
  readonly #options: DataPlaneOptions
  #proxy: Proxy | null = null
  #isStopped = false

  constructor(options: DataPlaneOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { config, modules, metrics, overload, logger } = this.#options
    const { codecs, filters, problems } = await loadModules(modules)
    if (problems.length > 0) throw new Error(problems.map(formatProblem).join('; '))
    if (this.#isStopped) return
    const level = new SharedOverloadLevel(overload)
    this.#proxy = new Proxy({
      config,
      codecs,
      filters,
      network: nodeNetwork,
      clock: systemClock,
      random: createRandom(),
      metrics,
      share: { cells: limitCells(config.clusters.length + config.listeners.length, 1), workers: 1, worker: 0 },
      overloadLevel: () => level.current,
      log: (severity, message, fields) => logger.limited(message, 10)?.[severity](message, fields),
    })
    await this.#proxy.start(false)
  }

  async drain(): Promise<void> {
    await this.#proxy?.drain()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#proxy?.stop()
  }

  endpoints(): Promise<readonly EndpointStatus[]> {
    return Promise.resolve(this.#proxy?.endpoints() ?? [])
  }
}
