import { NO_CHANGE } from '@meltemi/api/model'
import { systemClock } from '@meltemi/runtime'
import type { DataPlane, DataPlaneOptions } from './data-plane.ts'
import { LiveChanges } from './live-changes.ts'
import type { ModuleVersion } from './modules/module-version.ts'
import { nodeNetwork } from './net/node-network.ts'
import { SharedOverloadLevel } from './observe/overload-level.ts'
import { type EndpointStatus, Proxy } from './proxy.ts'
import { ThreadCode } from './thread-code.ts'
import { type ThreadUpdate, ThreadUpdates } from './thread-updates.ts'
import { HandedLimits, SharedLimits } from './upstream/shared-limits.ts'
import { createRandom } from './util/random.ts'

/** `--concurrency 0`: traffic in the main thread, for the smallest footprint. A codec that loops stops everything. */
export class MainThread implements DataPlane {
  readonly #options: DataPlaneOptions
  readonly #code = new ThreadCode(new Int32Array(2))
  readonly #changes: LiveChanges
  readonly #limits = new HandedLimits(1, 0)
  #proxy: Proxy | undefined
  #updates: ThreadUpdates | undefined
  #isStopped = false

  constructor(options: DataPlaneOptions) {
    this.#options = options
    this.#changes = new LiveChanges({
      live: options.live,
      limits: new SharedLimits(1),
      logger: options.logger,
      isShared: false,
      update: (update, commit) => this.#update(update, commit),
    })
  }

  get configure(): DataPlane['configure'] {
    return this.#changes.configure
  }

  async start(): Promise<void> {
    const { live, modules, metrics, overload, logger, drainMs, exporters } = this.#options
    const code = await this.#code.load(modules)
    if (this.#isStopped) return
    const level = new SharedOverloadLevel(overload)
    this.#limits.take(this.#changes.limits())
    const proxy = new Proxy({
      ...live.whole(),
      ...code,
      network: nodeNetwork,
      clock: systemClock,
      random: createRandom(),
      metrics,
      share: this.#limits,
      drainMs,
      outlet: {
        // it limits itself what it takes
        send: (batch) => {
          exporters.take(batch, () => {})
          return true
        },
      },
      overloadLevel: () => level.current,
      log: (severity, message, fields) => logger.limited(message, 10)?.[severity](message, fields),
      onCodecFault: (codec, error) => {
        const module = this.#code.originOf(codec)?.id ?? 0
        this.#options.onFault({ kind: 'threw', module, text: `${codec.name}: ${String(error)}` })
      },
    })
    this.#proxy = proxy
    this.#updates = new ThreadUpdates({ proxy, code: this.#code, limits: this.#limits })
    await proxy.start(false)
  }

  load(modules: readonly ModuleVersion[]): Promise<void> {
    return this.#changes.inTurn(async () => {
      const faults = await this.#update({ modules, change: NO_CHANGE, limits: [] }, () => {})
      if (faults.length > 0) throw new Error(faults[0])
    })
  }

  async drain(): Promise<void> {
    await this.#proxy?.drain()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    void this.#updates?.discard()
    await this.#proxy?.stop()
  }

  endpoints(): Promise<readonly EndpointStatus[]> {
    return Promise.resolve(this.#proxy?.endpoints() ?? [])
  }

  /** There is no thread but the main one. */
  profile(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async #update(update: ThreadUpdate, commit: () => void): Promise<readonly string[]> {
    const updates = this.#updates
    if (updates === undefined || this.#isStopped) return ['the proxy does not run']
    const faults = await updates.prepare(update)
    if (faults.length > 0) return faults
    if (this.#isStopped) {
      await updates.discard()
      return ['the proxy has stopped']
    }
    commit()
    await updates.use()
    return []
  }
}
