import type { ListenerConfig, MetaProtocolConfig, ProxyConfig, TcpProxyConfig } from '@meltemi/api/model'
import type { MetricRegistry } from '@meltemi/runtime'
import type { CodecDefinition, Filter, FilterDefinition } from '@meltemi/sdk'
import { Listener, type ListenerCode, type ListenerService } from '../downstream/listener.ts'
import { downstreamStats } from '../downstream/stats.ts'
import { tcpStats } from '../downstream/tcp-proxy.ts'
import { FilterChain } from '../filters/chain.ts'
import { mirrorStats } from '../filters/mirror/mirror-stats.ts'
import { Mirroring } from '../filters/mirror/mirroring.ts'
import { PickRequest } from '../filters/router/pick-request.ts'
import { RouteTable } from '../routing/table.ts'
import type { ClusterManager, LimitShare } from '../upstream/cluster-manager.ts'
import type { ThreadContext } from '../upstream/context.ts'
import { Limits } from '../upstream/limits.ts'
import { UpstreamProtocol } from '../upstream/protocol.ts'
import { sameName } from './same-name.ts'

export interface BuildContext {
  readonly thread: ThreadContext
  readonly metrics: MetricRegistry
  readonly clusters: ClusterManager
  readonly codecs: readonly CodecDefinition[]
  readonly filters: readonly FilterDefinition[]
  /** Its cells have a place per cluster, then one per listener. */
  readonly share: LimitShare
  overloadLevel(): number
  logBadBytes(remoteAddress: string, reason: string): void
}

const NO_LIMIT = 0x7fffffff

/** Turns validated configuration into listeners ready to listen. Throws an Error that says which one cannot be built. */
export function buildListeners(config: ProxyConfig, build: BuildContext): Listener[] {
  return config.listeners.map((listener, index) => {
    const maxConnections = listener.maxConnections > 0 ? listener.maxConnections : NO_LIMIT
    const { cells, workers, worker } = build.share
    const maxima = { maxConnections, maxPendingRequests: 0, maxRequests: 0, maxRetries: 0 }
    return new Listener({
      config: listener,
      service: buildService(listener, build),
      thread: build.thread,
      metrics: build.metrics,
      limits: new Limits(cells, config.clusters.length + index, workers, worker, maxima),
      overloadLevel: build.overloadLevel,
    })
  })
}

/**
 * The services of the same listeners with other code: a listener whose codec and filters are what they were keeps the
 * service that it has. Throws as `buildListeners` does.
 */
export function rebuildServices(listeners: readonly Listener[], build: BuildContext): readonly ListenerService[] {
  return listeners.map(({ config, service }) => {
    if (config.filter.kind === 'tcp-proxy' || service.kind === 'tcp-proxy') return service
    const code = findCode(config, config.filter, build)
    const isSame = code.every((definition, index) => definition === service.code[index])
    return isSame ? service : metaService(config, config.filter, build)
  })
}

function buildService(listener: ListenerConfig, build: BuildContext): ListenerService {
  const { filter } = listener
  return filter.kind === 'tcp-proxy' ? tcpService(listener, filter, build) : metaService(listener, filter, build)
}

function tcpService(listener: ListenerConfig, config: TcpProxyConfig, build: BuildContext): ListenerService {
  const { thread, clusters } = build
  const stats = tcpStats(build.metrics, config.statPrefix)
  return { kind: 'tcp-proxy', context: { thread, listener, config, clusters, stats } }
}

function metaService(listener: ListenerConfig, config: MetaProtocolConfig, build: BuildContext): ListenerService {
  const { thread, clusters, metrics } = build
  const stats = downstreamStats(metrics, config.applicationProtocol, config.statPrefix)
  const code = findCode(listener, config, build)
  const [definition, ...filters] = code
  return {
    kind: 'meta-protocol',
    code,
    context: {
      thread,
      listener,
      config,
      protocol: new UpstreamProtocol({ ...config, definition, options: config.codec.options }),
      chain: new FilterChain(buildFilters(listener, config, build, filters)),
      routes: new RouteTable(config.routes),
      clusters,
      stats,
      pickRequest: new PickRequest(thread.random),
      mirroring: buildMirroring(config, build),
      overloadLevel: build.overloadLevel,
      onFilterException: (error) => {
        stats.filterException.add(1)
        thread.onFilterException(error)
      },
      logBadBytes: build.logBadBytes,
    },
  }
}

function buildMirroring({ applicationProtocol, statPrefix }: MetaProtocolConfig, build: BuildContext): Mirroring {
  return new Mirroring(mirrorStats(build.metrics, applicationProtocol, statPrefix), build.overloadLevel)
}

function findCodec(codecs: readonly CodecDefinition[], name: string, listener: string): CodecDefinition {
  const found = codecs.find((codec) => sameName(codec.name, name))
  if (found === undefined) throw new Error(`listener '${listener}': codec '${name}' is not known`)
  return found
}

function findCode(listener: ListenerConfig, config: MetaProtocolConfig, build: BuildContext): ListenerCode {
  const filters = config.filters.map(({ name, typeUrl }) => {
    const definition = build.filters.find((known) => known.typeUrl === typeUrl || known.name === name)
    if (definition === undefined) throw new Error(`listener '${listener.name}': filter '${name}' is not known`)
    return definition
  })
  return [findCodec(build.codecs, config.codec.name, listener.name), ...filters]
}

function buildFilters(
  listener: ListenerConfig,
  config: MetaProtocolConfig,
  build: BuildContext,
  definitions: readonly FilterDefinition[],
): Filter[] {
  return definitions.map((definition, slot) => {
    const filter = config.filters[slot] as (typeof config.filters)[number]
    const faults: string[] = []
    const parsed = definition.parse(filter.config ?? {}, (path, message) => faults.push(`${path}: ${message}`))
    if (faults.length > 0) throw new Error(`listener '${listener.name}': filter '${filter.name}': ${faults.join('; ')}`)
    const { clock, random } = build.thread
    return definition.create(parsed, {
      slot,
      now: () => clock.now(),
      random: () => random.next(),
      counter: (name) =>
        build.metrics.counter(`meta_protocol.${config.applicationProtocol}.${config.statPrefix}.${name}`),
    })
  })
}
