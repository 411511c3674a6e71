import type { ClusterConfig } from '@meltemi/api/model'
import type { MetricRegistry } from '@meltemi/runtime'
import { Cluster } from './cluster.ts'
import type { ThreadContext } from './context.ts'
import { Limits } from './limits.ts'
import { Places } from './places.ts'
import type { UpstreamProtocol } from './protocol.ts'
import { clusterStats } from './stats.ts'

/** Where this thread stands among all that share the limits. */
export interface LimitShare {
  readonly cells: SharedArrayBuffer
  readonly workers: number
  readonly worker: number
}

/** All clusters of one thread, by name. */
export class ClusterManager {
  readonly #clusters = new Map<string, Cluster>()

  constructor(configs: readonly ClusterConfig[], thread: ThreadContext, metrics: MetricRegistry, share: LimitShare) {
    configs.forEach((config, index) => {
      const limits = new Limits(share.cells, index, share.workers, share.worker, config.circuitBreaker)
      const context = {
        ...thread,
        stats: clusterStats(metrics, config.statName),
        limits,
        places: new Places(limits, thread.turn, thread.clock),
        connectTimeoutMs: config.connectTimeoutMs,
        bufferLimitBytes: config.bufferLimitBytes,
      }
      this.#clusters.set(config.name, new Cluster(config, context))
    })
  }

  get(name: string): Cluster | undefined {
    return this.#clusters.get(name)
  }

  values(): IterableIterator<Cluster> {
    return this.#clusters.values()
  }

  /** Resolves when every cluster has had its first look for endpoints. */
  async start(): Promise<void> {
    await Promise.all([...this.#clusters.values()].map((cluster) => cluster.start()))
  }

  /** See `Endpoint.release`. */
  release(protocol: UpstreamProtocol): void {
    for (const cluster of this.#clusters.values()) {
      for (const endpoint of cluster.endpoints) endpoint.release(protocol)
    }
  }

  drain(): void {
    for (const cluster of this.#clusters.values()) cluster.drain()
  }

  stop(): void {
    for (const cluster of this.#clusters.values()) cluster.stop()
  }
}
