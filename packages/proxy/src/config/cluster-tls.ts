import type { SocketAddress } from '@meltemi/api/model'
import type { ClientTlsOptions, MetricRegistry } from '@meltemi/runtime'
import { clientTlsOptions } from '../net/tls/client-options.ts'
import { tlsStats } from '../net/tls/tls-stats.ts'
import { compileStringMatch } from '../routing/match.ts'
import type { LiveConfig } from './live-config.ts'
import type { SecretStore } from './secret-store.ts'

interface Kept {
  readonly config: object
  readonly version: number
  readonly options: ClientTlsOptions
}

/** How the main thread itself calls clusters: those of control planes and collectors. */
export class ClusterTls {
  readonly #live: LiveConfig
  readonly #store: SecretStore
  readonly #metrics: MetricRegistry
  readonly #kept = new Map<string, Kept>()

  constructor(live: LiveConfig, store: SecretStore, metrics: MetricRegistry) {
    this.#live = live
    this.#store = store
    this.#metrics = metrics
  }

  /** undefined: plain. Throws where a secret is not here yet. */
  of(cluster: string): ClientTlsOptions | undefined {
    const config = this.#live.clusters.get(cluster)?.config
    if (config?.tls === undefined) {
      this.#kept.delete(cluster)
      return undefined
    }
    const { secrets } = this.#store
    const kept = this.#kept.get(cluster)
    if (kept?.config === config && kept.version === secrets.version) return kept.options
    const stats = tlsStats(this.#metrics, `cluster.${config.statName}.`, 'client')
    const options = clientTlsOptions(config.tls, { secrets, compile: compileStringMatch, stats })
    this.#kept.set(cluster, { config, version: secrets.version, options })
    return options
  }

  /** Of its endpoints that can be used, and how they are called; empty: none, or they cannot be called yet. */
  addressesOf(cluster: string): readonly (SocketAddress & { readonly tls: ClientTlsOptions | undefined })[] {
    try {
      const tls = this.of(cluster)
      return this.#live.addressesOf(cluster).map((address) => ({ ...address, tls }))
    } catch {
      return []
    }
  }
}
