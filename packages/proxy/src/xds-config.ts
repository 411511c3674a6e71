import type { ListenerConfig, ProxyConfig } from '@meltemi/api/model'
import {
  type ClientTlsOptions,
  type GroupedRegistry,
  type Logger,
  type MetricReader,
  systemClock,
} from '@meltemi/runtime'
import { type SecretStore, wantedSecrets } from './config/secret-store.ts'
import type { DataPlane } from './data-plane.ts'
import type { ModuleStore } from './module-store.ts'
import type { XdsOptions } from './proxy-options.ts'
import type { CodecInUse } from './traffic-reporter.ts'
import { createRandom } from './util/random.ts'
import { VERSION } from './version.ts'

export interface XdsConfigParts {
  /** The bootstrap, with every port chosen. */
  readonly config: ProxyConfig
  readonly options: XdsOptions | undefined
  readonly logger: Logger
  readonly metrics: GroupedRegistry & MetricReader
  readonly modules: ModuleStore
  readonly secrets: SecretStore
  readonly dataPlane: DataPlane
  /** How the clusters of control planes are called. */
  clusterTls(cluster: string): ClientTlsOptions | undefined
}

/** Configuration that comes while the proxy runs, where the bootstrap asks for any. */
export class XdsConfig {
  readonly #parts: XdsConfigParts
  #client: { readonly codecs: readonly CodecInUse[]; close(): Promise<void> } | undefined
  #reporter: { close(): void } | undefined
  #isClosed = false

  constructor(parts: XdsConfigParts) {
    this.#parts = parts
  }

  /**
   * Begins to ask. `onReady`: what the bootstrap asks for is in force, or was waited for long enough; at once where it asks
   * for nothing. Rejects when there is nobody to ask.
   */
  async start(onReady: () => void): Promise<void> {
    const { config, options, logger, metrics, modules, secrets, dataPlane, clusterTls } = this.#parts
    if (!asks(config)) {
      onReady()
      return
    }
    // a proxy that asks for nothing does not carry it
    const [{ XdsClient }, { grpcTransport }, cache, context] = await Promise.all([
      import('./xds/client.ts'),
      import('./xds/grpc-transport.ts'),
      this.#openCache(),
      import('@meltemi/api').then(({ resourceContext }) => resourceContext(config, options?.rules ?? {})),
    ])
    if (this.#isClosed) return
    const client = new XdsClient({
      config: withoutWaiting(config),
      waiting: config.listeners.filter(isWaiting),
      context,
      clock: systemClock,
      random: createRandom(),
      logger: logger.child('xds'),
      metrics,
      transport: grpcTransport(clusterTls),
      configure: dataPlane.configure,
      modules,
      secrets,
      cache,
      userAgentVersion: VERSION,
      onReady,
    })
    this.#client = client
    client.start()
    await this.#startReporter()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#reporter?.close()
    await this.#client?.close()
  }

  /** Whoever hands out everything may want to know what comes of it. */
  async #startReporter(): Promise<void> {
    const { config, logger, metrics, clusterTls } = this.#parts
    if (config.dynamic.ads === undefined) return
    const { cluster } = config.dynamic.ads
    const [{ TrafficReporter }, { addressesOf }] = await Promise.all([
      import('./traffic-reporter.ts'),
      import('./xds/links.ts'),
    ])
    if (this.#isClosed) return
    const reporter = new TrafficReporter({
      addresses: addressesOf(config, config.dynamic.ads.cluster),
      tls: () => clusterTls(cluster),
      node: config.node,
      userAgentVersion: VERSION,
      metrics,
      clock: systemClock,
      random: createRandom(),
      logger: logger.child('xds'),
      codecs: () => this.#codecs(),
    })
    this.#reporter = reporter
    reporter.start()
  }

  /** From the control plane, and from files. */
  #codecs(): readonly CodecInUse[] {
    const files = this.#parts.modules.find().map(({ current }) => current.version)
    const own = files.flatMap(({ codecs, digest }) => codecs.map(({ name }) => ({ codec: name, digest })))
    return [...(this.#client?.codecs ?? []), ...own]
  }

  async #openCache() {
    const { options, logger } = this.#parts
    if (options?.cacheFolder === undefined) return undefined
    const { ResourceCache } = await import('./xds/resource-cache.ts')
    return new ResourceCache({ folder: options.cacheFolder, clock: systemClock, logger: logger.child('xds') })
  }
}

/** Without listeners that wait for their routes. */
export function withoutWaiting(config: ProxyConfig): ProxyConfig {
  return { ...config, listeners: config.listeners.filter((listener) => !isWaiting(listener)) }
}

function isWaiting({ filter }: ListenerConfig): boolean {
  return filter.kind === 'meta-protocol' && filter.rds !== undefined
}

function asks({ dynamic, clusters, listeners }: ProxyConfig): boolean {
  const sources = [dynamic.ads, dynamic.listeners, dynamic.clusters, ...clusters.map(({ eds }) => eds)]
  const asksForSecrets = wantedSecrets({ clusters, listeners }).length > 0
  return asksForSecrets || sources.some((source) => source !== undefined) || listeners.some(isWaiting)
}
