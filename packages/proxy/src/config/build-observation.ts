import { type AccessLogConfig, type ListenerConfig, logKeys, type MetaProtocolConfig } from '@meltemi/api/model'
import type { MetricRegistry } from '@meltemi/runtime'
import type { CodecDefinition } from '@meltemi/sdk'
import { AccessLog } from '../observe/access-log/access-log.ts'
import { readsRequestId } from '../observe/access-log/log-filter.ts'
import type { BatchWriters, HeldWriter } from '../observe/export/batch-writers.ts'
import { checkLogFile } from '../observe/export/check-log-file.ts'
import { logDestination, spanDestination } from '../observe/export/outlet.ts'
import { REQUEST_ID } from '../observe/property-keys.ts'
import { OtlpEncoder } from '../observe/tracing/otlp-encoder.ts'
import { type ThreadTracing, Tracing } from '../observe/tracing/tracing.ts'
import { tracingStats } from '../observe/tracing/tracing-stats.ts'
import { ZipkinEncoder } from '../observe/tracing/zipkin-encoder.ts'
import { CompiledMatcher } from '../routing/match.ts'

/** What logs and traces of one thread have in common. */
export interface ObservationParts {
  readonly writers: BatchWriters
  readonly tracing: ThreadTracing
  readonly node: { readonly id: string; readonly cluster: string; readonly zone: string }
  readonly hostname: string
  readonly referenceByteCounters: boolean
}

/** What looks at the exchanges of one listener. */
export interface Observation {
  readonly tracing: Tracing | null
  readonly accessLogs: readonly AccessLog[]
  readonly needsRequestId: boolean
  readonly canChangeRequests: boolean
  release(): void
}

const DEFAULT_SERVICE = 'meltemi'

/** Throws an Error that names the listener for a log that cannot be written. */
export function buildObservation(
  listener: ListenerConfig,
  config: MetaProtocolConfig,
  codec: CodecDefinition,
  metrics: MetricRegistry,
  parts: ObservationParts,
): Observation {
  const { accessLogs = [] } = config
  for (const { sink } of accessLogs) if (sink.kind === 'file') checkLogFile(sink.path, listener.name)
  const held: HeldWriter[] = []
  const release = () => {
    for (const each of held) each.release()
  }
  const needsRequestId = config.generateRequestId || accessLogs.some(asksForId)
  const canChangeRequests = codec.mutation === 'request' || codec.mutation === 'both'
  try {
    return {
      tracing: buildTracing(listener, config, { metrics, needsRequestId, canChangeRequests, held, parts }),
      accessLogs: accessLogs.map((log) => buildLog(log, config, held, parts)),
      needsRequestId,
      canChangeRequests,
      release,
    }
  } catch (error: unknown) {
    release()
    throw error
  }
}

function asksForId({ format, filter }: AccessLogConfig): boolean {
  if (filter !== undefined && readsRequestId(filter)) return true
  return logKeys(format.kind === 'json' ? format.root : format).includes(REQUEST_ID)
}

function buildLog(
  log: AccessLogConfig,
  { applicationProtocol }: MetaProtocolConfig,
  held: HeldWriter[],
  { writers, tracing, hostname, referenceByteCounters }: ObservationParts,
): AccessLog {
  const { random, wallClock } = tracing
  const context = {
    applicationProtocol,
    hostname,
    referenceByteCounters,
    wallTime: (nowMs: number) => wallClock.at(nowMs),
    random,
    compileMatcher: (matcher: ConstructorParameters<typeof CompiledMatcher>[0]) => new CompiledMatcher(matcher),
  }
  const writer = writers.hold(logDestination(log.sink))
  held.push(writer)
  return new AccessLog(log, context, writer.writer)
}

interface TracingNeeds {
  readonly metrics: MetricRegistry
  readonly needsRequestId: boolean
  readonly canChangeRequests: boolean
  readonly held: HeldWriter[]
  readonly parts: ObservationParts
}

function buildTracing(listener: ListenerConfig, config: MetaProtocolConfig, needs: TracingNeeds): Tracing | null {
  const { tracing, applicationProtocol, statPrefix } = config
  const { metrics, parts } = needs
  if (tracing === undefined) return null
  return new Tracing({
    config: tracing,
    direction: listener.direction,
    thread: parts.tracing,
    nodeId: parts.node.id,
    zone: parts.node.zone,
    canSend: needs.canChangeRequests,
    needsId: needs.needsRequestId,
    stats: tracingStats(metrics, applicationProtocol, statPrefix),
    exporter: buildExporter(tracing.provider, needs),
  })
}

function buildExporter(
  provider: NonNullable<MetaProtocolConfig['tracing']>['provider'],
  { held, parts }: TracingNeeds,
): { readonly encoder: ZipkinEncoder | OtlpEncoder; readonly writer: HeldWriter['writer'] } | null {
  if (provider === undefined) return null
  const own = provider.kind === 'zipkin' ? '' : provider.serviceName
  const serviceName = own || parts.node.cluster || parts.node.id || DEFAULT_SERVICE
  const writer = parts.writers.hold(spanDestination(provider, serviceName))
  held.push(writer)
  const encoder = provider.kind === 'zipkin' ? new ZipkinEncoder(serviceName) : new OtlpEncoder()
  return { encoder, writer: writer.writer }
}
