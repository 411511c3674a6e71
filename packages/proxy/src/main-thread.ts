import { NO_CHANGE } from '@meltemi/api/model'
import { systemClock } from '@meltemi/runtime'
import { BreakerStats } from './config/breaker-stats.ts'
import { bufferLimit, type DataPlane, type DataPlaneOptions } from './data-plane.ts'
import { LiveChanges } from './live-changes.ts'
import type { ModuleVersion } from './modules/module-version.ts'
import type { InheritedSocket } from './net/inheritance.ts'
import { limitGarbage } from './net/large-reads.ts'
import { nodeNetwork } from './net/node-network.ts'
import { TlsSecrets } from './net/tls/tls-secrets.ts'
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
  readonly #breakers: BreakerStats
  readonly #limits = new HandedLimits(1, 0)
  #proxy: Proxy | undefined
  #updates: ThreadUpdates | undefined
  #isStopped = false

  constructor(options: DataPlaneOptions) {
    this.#options = options
    const limits = new SharedLimits(1)
    this.#breakers = new BreakerStats(options.live, limits, options.metrics)
    this.#changes = new LiveChanges({
      live: options.live,
      limits,
      inheritance: options.inheritance,
      secrets: options.secrets,
      logger: options.logger,
      isShared: false,
      update: (update, commit) => this.#update(update, commit),
    })
  }

  get configure(): DataPlane['configure'] {
    return this.#changes.configure
  }

  async start(): Promise<void> {
    const {
      live,
      modules,
      metrics,
      overload,
      logger,
      inheritance,
      memoryLimitBytes,
      drainMs,
      exporters,
      secrets: store,
    } = this.#options
    const code = await this.#code.load(modules)
    if (this.#isStopped) return
    const level = new SharedOverloadLevel(overload)
    this.#limits.take(this.#changes.limits())
    const secrets = new TlsSecrets(store.ticketKeys, store.materials)
    store.onChange = (materials, removed) => {
      secrets.take(materials)
      secrets.remove(removed)
    }
    const bufferLimitBytes = bufferLimit(memoryLimitBytes, 1)
    limitGarbage(bufferLimitBytes)
    const proxy = new Proxy({
      ...live.whole(),
      ...code,
      network: nodeNetwork,
      secrets,
      clock: systemClock,
      random: createRandom(),
      metrics,
      share: this.#limits,
      inheritance,
      bufferLimitBytes,
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
      const limits = this.#changes.limits()
      const faults = await this.#update({ modules, change: NO_CHANGE, limits }, () => {})
      if (faults.length > 0) throw new Error(faults[0])
    })
  }

  async drain(): Promise<void> {
    await this.#proxy?.drain()
  }

  sockets(): Promise<readonly InheritedSocket[]> {
    return Promise.resolve(this.#proxy?.sockets ?? [])
  }

  async handOver(): Promise<void> {
    await this.#proxy?.handOver()
  }

  async finish(): Promise<void> {
    await this.#proxy?.finish()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    void this.#updates?.discard()
    await this.#proxy?.stop()
  }

  endpoints(): Promise<readonly EndpointStatus[]> {
    return Promise.resolve(this.#proxy?.endpoints() ?? [])
  }

  updateStats(): void {
    this.#breakers.update()
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
