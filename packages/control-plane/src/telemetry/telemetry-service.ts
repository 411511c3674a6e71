import { MAX_CODECS, MAX_SERIES, type ReportRequest, Telemetry } from '@meltemi/api/xds'
import type { Counter, Gauge, Logger, MetricRegistry } from '@meltemi/runtime'
import { GrpcCode, type GrpcService, type GrpcStatus, grpcService } from '@meltemi/runtime/grpc'
import type { RunningCodecs } from './running-codecs.ts'
import type { TrafficStore } from './traffic-store.ts'

/** More are refused. */
const MAX_STREAMS = 5_000
const MAX_NAME_LENGTH = 255
const DIGEST = /^[0-9a-f]{64}$/

export interface TelemetryOptions {
  readonly store: TrafficStore
  readonly codecs: RunningCodecs
  readonly metrics: MetricRegistry
  readonly logger: Logger
}

/** Takes the reports of proxies. What is no report ends its stream; what one proxy says never harms another. */
export function telemetryService(options: TelemetryOptions): GrpcService {
  const receiver = new TelemetryReceiver(options)
  return grpcService(Telemetry, { report: (stream) => receiver.open(stream) })
}

interface ReportStream {
  end(): void
  fail(status: GrpcStatus): void
}

class TelemetryReceiver {
  readonly #options: TelemetryOptions
  readonly #reports: Counter
  readonly #refused: Counter
  readonly #active: Gauge
  /** Ids, by stream. */
  readonly #nodes = new Map<ReportStream, string>()
  #streams = 0

  constructor(options: TelemetryOptions) {
    this.#options = options
    this.#reports = options.metrics.counter('control_plane.telemetry_reports')
    this.#refused = options.metrics.counter('control_plane.telemetry_reports_refused')
    this.#active = options.metrics.gauge('control_plane.telemetry_streams')
  }

  open(stream: ReportStream) {
    if (this.#streams >= MAX_STREAMS) {
      this.#refuse(stream, { code: GrpcCode.RESOURCE_EXHAUSTED, message: `there are ${MAX_STREAMS} streams already` })
      return { onMessage: () => {}, onClose: () => {} }
    }
    this.#active.set(++this.#streams)
    return {
      onMessage: (report: ReportRequest) => this.#take(report, stream),
      onEnd: () => stream.end(),
      onClose: () => {
        this.#active.set(--this.#streams)
        this.#options.codecs.delete(stream)
        this.#nodes.delete(stream)
      },
    }
  }

  #take(report: ReportRequest, stream: ReportStream): void {
    const fault = faultOf(report)
    if (fault !== undefined) {
      this.#refuse(stream, { code: GrpcCode.INVALID_ARGUMENT, message: fault })
      return
    }
    this.#reports.add(1)
    for (const series of report.series) this.#options.store.add(series)
    if (report.node !== undefined) this.#nodes.set(stream, report.node.id)
    const node = this.#nodes.get(stream)
    if (node === undefined) return
    const codecs = report.codecs.map(({ codec, digest }) => ({ codec, digest }))
    this.#options.codecs.set(stream, node, codecs)
  }

  #refuse(stream: ReportStream, status: GrpcStatus): void {
    this.#refused.add(1)
    this.#options.logger.limited('telemetry', 5)?.warn('refused a report of traffic', { reason: status.message })
    stream.fail(status)
  }
}

/** The rules of the .proto. */
function faultOf({ series, codecs }: ReportRequest): string | undefined {
  if (codecs.length > MAX_CODECS) return `a report has at most ${MAX_CODECS} codecs`
  if (codecs.some(({ codec, digest }) => codec === '' || codec.length > MAX_NAME_LENGTH || !DIGEST.test(digest)))
    return 'a codec needs its name and the SHA-256 of its module'
  if (series.length > MAX_SERIES) return `a report has at most ${MAX_SERIES} series`
  for (const { service, version, method } of series) {
    if (service === '') return 'a series needs the name of its service'
    if ([service, version, method].some((name) => name.length > MAX_NAME_LENGTH || name.includes('\0'))) {
      return `names have at most ${MAX_NAME_LENGTH} characters`
    }
  }
}
