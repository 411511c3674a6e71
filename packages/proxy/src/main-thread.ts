import { systemClock } from '@meltemi/runtime'
import type { DataPlane, DataPlaneOptions } from './data-plane.ts'
import type { ModuleVersion } from './modules/module-version.ts'
import { nodeNetwork } from './net/node-network.ts'
import { SharedOverloadLevel } from './observe/overload-level.ts'
import { type EndpointStatus, Proxy } from './proxy.ts'
import { ThreadCode } from './thread-code.ts'
import { limitCells } from './upstream/limits.ts'
import { createRandom } from './util/random.ts'

/** `--concurrency 0`: traffic in the main thread, for the smallest footprint. A codec that loops stops everything. */
export class MainThread implements DataPlane {
  readonly #options: DataPlaneOptions
  readonly #code = new ThreadCode(new Int32Array(2))
  #proxy: Proxy | null = null
  #isStopped = false

  constructor(options: DataPlaneOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { config, modules, metrics, overload, logger } = this.#options
    const code = await this.#code.load(modules)
    if (this.#isStopped) return
    const level = new SharedOverloadLevel(overload)
    this.#proxy = new Proxy({
      config,
      ...code,
      network: nodeNetwork,
      clock: systemClock,
      random: createRandom(),
      metrics,
      share: { cells: limitCells(config.clusters.length + config.listeners.length, 1), workers: 1, worker: 0 },
      overloadLevel: () => level.current,
      log: (severity, message, fields) => logger.limited(message, 10)?.[severity](message, fields),
      onCodecFault: (codec, error) => {
        const module = this.#code.originOf(codec)?.id ?? 0
        this.#options.onFault({ kind: 'threw', module, text: `${codec.name}: ${String(error)}` })
      },
    })
    await this.#proxy.start(false)
  }

  async load(modules: readonly ModuleVersion[]): Promise<void> {
    const code = await this.#code.load(modules)
    this.#proxy?.prepare(code)()
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
