import { isDeepStrictEqual } from 'node:util'
import {
  type CodecConfig,
  type FilterConfig,
  knowsClients,
  type ListenerConfig,
  type MetaProtocolConfig,
  type NodeConfig,
  rdsKey,
  type TcpProxyConfig,
} from '@meltemi/api/model'
import type { GroupedRegistry, HeldMetrics } from '@meltemi/runtime'
import type { CodecDefinition, FilterDefinition, FilterHost } from '@meltemi/sdk'
import type { BufferShare } from '../downstream/buffer-share.ts'
import type { ListenerCode, ListenerService, MetaProtocolService, TcpService } from '../downstream/listener-service.ts'
import { downstreamStats } from '../downstream/stats.ts'
import { tcpStats } from '../downstream/tcp-proxy.ts'
import { FilterChain } from '../filters/chain.ts'
import { mirrorStats } from '../filters/mirror/mirror-stats.ts'
import { Mirroring } from '../filters/mirror/mirroring.ts'
import { isObserver } from '../filters/observers.ts'
import type { Mesh, ProxyFilter, ProxyFilterHost } from '../filters/proxy-filter.ts'
import { proxyFilters } from '../filters/proxy-filters.ts'
import { type RouteFiltersBuilder, RouteFiltersSlot } from '../filters/route-filters.ts'
import { PickRequest } from '../filters/router/pick-request.ts'
import { RequestMetrics } from '../observe/request-metrics.ts'
import type { SeriesBudget } from '../observe/series-budget.ts'
import { criteriaOf } from '../routing/metadata-criteria.ts'
import { RouteSlot, type RouteSlots } from '../routing/route-slots.ts'
import { RouteTable } from '../routing/table.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { ThreadContext } from '../upstream/context.ts'
import type { GrpcCaller } from '../upstream/grpc/grpc-caller.ts'
import { UpstreamProtocol, type UpstreamProtocolParts } from '../upstream/protocol.ts'
import type { LimitShare } from '../upstream/shared-limits.ts'
import { buildObservation, type ObservationParts } from './build-observation.ts'
import { buildRouteFilters } from './build-route-filters.ts'
import { sameName } from './same-name.ts'

/** What listeners run that is not the proxy's own. */
export interface ProxyCode {
  readonly codecs: readonly CodecDefinition[]
  readonly filters: readonly FilterDefinition[]
  /** Whether the module that brought a codec has this digest; where nobody can tell, no listener may ask for one. */
  isFrom?(codec: CodecDefinition, digest: string): boolean
}

export interface BuildContext extends ProxyCode {
  readonly node: NodeConfig
  readonly thread: ThreadContext
  readonly metrics: GroupedRegistry
  readonly clusters: ClusterManager
  readonly grpc: GrpcCaller
  readonly routes: RouteSlots
  readonly seriesBudget: SeriesBudget
  readonly mesh: Mesh
  readonly buffers: BufferShare
  readonly share: LimitShare
  readonly observation: ObservationParts
  overloadLevel(): number
  logBadBytes(remoteAddress: string, reason: string): void
}

/** The table that a key of routes will have with the change under way; undefined: that which it has. */
export type ComingTable = (key: string) => RouteTable | undefined

/**
 * What handles a listener's connections. `before`, the service that it takes the place of, hands on what both have in
 * common: connections to services, and filters. Throws an Error that names the listener when it cannot be built.
 */
export function buildService(
  listener: ListenerConfig,
  build: BuildContext,
  before?: ListenerService,
  comingTable?: ComingTable,
): ListenerService {
  const { filter } = listener
  if (filter.kind === 'tcp-proxy') return tcpService(listener, filter, build)
  return metaService(listener, filter, build, before?.kind === 'meta-protocol' ? before : undefined, comingTable)
}

/** The service of the same listener with other code; the same one when its codec and filters are what they were. */
export function rebuildService(
  listener: ListenerConfig,
  build: BuildContext,
  before: ListenerService,
  comingTable?: ComingTable,
): ListenerService {
  if (listener.filter.kind === 'tcp-proxy' || before.kind === 'tcp-proxy') return before
  const code = findCode(listener, listener.filter, build)
  const isSame = code.every((definition, index) => definition === before.code[index])
  return isSame ? before : metaService(listener, listener.filter, build, before, comingTable)
}

function tcpService(listener: ListenerConfig, config: TcpProxyConfig, build: BuildContext): TcpService {
  const { thread, clusters } = build
  const metrics = build.metrics.hold(`tcp.${config.statPrefix}`)
  const stats = tcpStats(metrics, config.statPrefix)
  const criteria = config.clusters.map(({ metadataMatch }) => criteriaOf(metadataMatch))
  return { kind: 'tcp-proxy', metrics, context: { thread, listener, config, criteria, clusters, stats } }
}

function metaService(
  listener: ListenerConfig,
  config: MetaProtocolConfig,
  build: BuildContext,
  before: MetaProtocolService | undefined,
  comingTable: ComingTable | undefined,
): MetaProtocolService {
  const code = findCode(listener, config, build)
  const metrics = build.metrics.hold(metricGroup(config))
  try {
    return buildWith({ listener, config, build, before, code, metrics, comingTable })
  } catch (error: unknown) {
    metrics.release()
    throw error
  }
}

interface MetaParts {
  readonly listener: ListenerConfig
  readonly config: MetaProtocolConfig
  readonly build: BuildContext
  readonly before: MetaProtocolService | undefined
  readonly code: ListenerCode
  readonly metrics: HeldMetrics
  readonly comingTable: ComingTable | undefined
}

function buildWith(parts: MetaParts): MetaProtocolService {
  const { listener, config, build, before, code, metrics } = parts
  const { thread, clusters } = build
  const { applicationProtocol, statPrefix } = config
  const stats = downstreamStats(metrics, applicationProtocol, statPrefix)
  const upstream = { ...config, definition: code[0], options: config.codec.options }
  const protocol = sameProtocol(upstream, before) ?? new UpstreamProtocol(upstream)
  const filters = buildFilters(parts)
  const routesKey = config.rds === undefined ? undefined : rdsKey(config.rds)
  const routes = routesKey === undefined ? new RouteSlot(new RouteTable(config.routes)) : build.routes.slot(routesKey)
  const table = parts.comingTable?.(routesKey ?? '') ?? routes.table
  const buildOwn = routeFiltersBuilder(parts, filters)
  const own = buildOwn(table, canKeepAll(parts) ? (before?.context.routeFilters.current ?? null) : null)
  const chain = new FilterChain(filters)
  // from here on there is something to release
  const observation = buildObservation(listener, config, code[0], metrics, build.observation)
  const requestMetrics = new RequestMetrics(build.metrics, statPrefix, build.seriesBudget, stats.requestUntold)
  for (const filter of filters) filter.retain?.()
  const routeFilters = new RouteFiltersSlot(routes, buildOwn, own)
  return {
    kind: 'meta-protocol',
    code,
    filters,
    routesKey,
    metrics: releasedWith(metrics, [routeFilters, requestMetrics, observation, ...filters]),
    context: {
      thread,
      listener,
      config,
      protocol,
      chain,
      routeFilters,
      routes,
      clusters,
      stats,
      requestMetrics,
      pickRequest: new PickRequest(thread.random),
      mirroring: new Mirroring(mirrorStats(metrics, applicationProtocol, statPrefix), build.overloadLevel),
      buffers: build.buffers,
      tracing: observation.tracing,
      accessLogs: observation.accessLogs,
      needsRequestId: observation.needsRequestId,
      requestIds: build.observation.tracing.requestIds,
      canChangeRequests: observation.canChangeRequests,
      isRecorded: observation.accessLogs.length > 0 || chain.hasEnd,
      isObserved: observation.tracing !== null || observation.accessLogs.length > 0 || filters.some(isObserver),
      overloadLevel: build.overloadLevel,
      onFilterException: (error) => {
        stats.filterException.add(1)
        thread.onFilterException(error)
      },
      logBadBytes: build.logBadBytes,
    },
  }
}

function releasedWith(metrics: HeldMetrics, others: readonly Pick<ProxyFilter, 'release'>[]): HeldMetrics {
  const release = () => {
    for (const other of others) other.release?.()
    metrics.release()
  }
  return { ...metrics, release }
}

/** Listeners that share both share their stats. */
function metricGroup({ applicationProtocol, statPrefix }: MetaProtocolConfig): string {
  return `meta_protocol.${applicationProtocol}.${statPrefix}`
}

/** The same object is the same connections to services. */
function sameProtocol(
  parts: UpstreamProtocolParts,
  before: MetaProtocolService | undefined,
): UpstreamProtocol | undefined {
  const protocol = before?.context.protocol
  if (protocol === undefined) return undefined
  const isSame =
    protocol.definition === parts.definition &&
    protocol.multiplexing === parts.multiplexing &&
    protocol.maxMessageBytes === parts.maxMessageBytes &&
    protocol.partialMessageTimeoutMs === parts.partialMessageTimeoutMs &&
    protocol.applicationProtocol === parts.applicationProtocol &&
    isDeepStrictEqual(protocol.options, parts.options)
  return isSame ? protocol : undefined
}

function findCodec({ name, moduleDigest }: CodecConfig, build: BuildContext, listener: string): CodecDefinition {
  const named = build.codecs.filter((codec) => sameName(codec.name, name))
  if (named.length === 0) throw new Error(`listener '${listener}': codec '${name}' is not known`)
  const found = moduleDigest === undefined ? named[0] : named.find((codec) => build.isFrom?.(codec, moduleDigest))
  if (found !== undefined) return found
  throw new Error(`listener '${listener}': codec '${name}' of the module with digest ${moduleDigest} is not here`)
}

function findCode(listener: ListenerConfig, config: MetaProtocolConfig, build: BuildContext): ListenerCode {
  const filters = config.filters.map(({ name, typeUrl }) => {
    const definition = build.filters.find((known) => known.typeUrl === typeUrl || known.name === name)
    if (definition === undefined) throw new Error(`listener '${listener.name}': filter '${name}' is not known`)
    return definition
  })
  return [findCodec(config.codec, build, listener.name), ...filters]
}

function buildFilters(parts: MetaParts): readonly ProxyFilter[] {
  const { config, before, code } = parts
  const [, ...definitions] = code
  const canKeep = canKeepFilters(parts)
  return definitions.map((definition, slot) => {
    const filter = config.filters[slot] as FilterConfig
    const isSame =
      canKeep && before?.code[slot + 1] === definition && isDeepStrictEqual(before.context.config.filters[slot], filter)
    const kept = isSame ? before?.filters[slot] : undefined
    return kept ?? buildFilter(parts, filter, slot)
  })
}

/** They have their stats, and their place in the mesh, in common. */
function canKeepFilters({ listener, config, before }: MetaParts): boolean {
  return (
    before !== undefined &&
    metricGroup(before.context.config) === metricGroup(config) &&
    before.context.listener.direction === listener.direction &&
    knowsClients(before.context.listener) === knowsClients(listener)
  )
}

/** Those of routes too. */
function canKeepAll(parts: MetaParts): boolean {
  const { before, code } = parts
  return canKeepFilters(parts) && code.every((definition, index) => definition === before?.code[index])
}

function routeFiltersBuilder(parts: MetaParts, filters: readonly ProxyFilter[]): RouteFiltersBuilder {
  const { filters: configs } = parts.config
  const create = (filter: FilterConfig, slot: number) => buildFilter(parts, filter, slot)
  return (table, before) => buildRouteFilters({ configs, filters, create }, table, before)
}

function buildFilter(
  { listener, config, build, metrics, code }: MetaParts,
  filter: FilterConfig,
  slot: number,
): ProxyFilter {
  const definition = code[slot + 1] as FilterDefinition
  const parsed = filter.parsed ?? parseFilter(definition, filter, listener)
  const { clock, random } = build.thread
  const host: FilterHost = {
    slot,
    now: () => clock.now(),
    random: () => random.next(),
    counter: (name) => metrics.counter(`${metricGroup(config)}.${name}`),
  }
  if (!proxyFilters.includes(definition)) return definition.create(parsed, host)
  // a module is not to see, nor to change, what is the proxy's
  const { node, metrics: registry, mesh, thread, clusters, grpc, share, overloadLevel } = build
  const gauge = (name: string) => metrics.gauge(`${metricGroup(config)}.${name}`)
  // a filter of a route stands where that of the listener does
  const asMade = { ...config, filters: config.filters.with(slot, filter) }
  const parts = { node, listener, config: asMade, filter, codec: code[0], registry, mesh, thread, clusters, share }
  const own = { ...parts, grpc, gauge, overloadLevel }
  return definition.create(parsed, { ...host, ...own } satisfies ProxyFilterHost)
}

function parseFilter(definition: FilterDefinition, filter: FilterConfig, listener: ListenerConfig): unknown {
  const faults: string[] = []
  const parsed = definition.parse(filter.config ?? {}, (path, message) => faults.push(`${path}: ${message}`))
  if (faults.length > 0) throw new Error(`listener '${listener.name}': filter '${filter.name}': ${faults.join('; ')}`)
  return parsed
}
