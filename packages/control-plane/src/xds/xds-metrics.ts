import type { Counter, Gauge, Histogram, MetricRegistry } from '@meltemi/runtime'

const PREFIX = 'control_plane.xds.'

/** What the server counts of its clients. */
export class XdsMetrics {
  /** Open ones. */
  readonly streams: Gauge
  readonly streamsTotal: Counter
  /** Not opened, as there were too many. */
  readonly streamsRefused: Counter
  /** Ended by the server because of what the client sent. */
  readonly streamsFailed: Counter
  /** Responses. */
  readonly pushes: Counter
  readonly pushedBytes: Counter
  readonly acks: Counter
  readonly nacks: Counter
  /** Requests with a nonce that is not the last one. */
  readonly stale: Counter
  /** Requests for types that are not served. */
  readonly unknownTypes: Counter
  /** Nodes whose snapshot could not be made: they keep what they have. */
  readonly snapshotErrors: Counter
  /** From a change, or the question, to the answer of the proxy. */
  readonly pushTimeMs: Histogram

  constructor(metrics: MetricRegistry) {
    const counter = (name: string) => metrics.counter(`${PREFIX}${name}`)
    this.streams = metrics.gauge(`${PREFIX}streams`)
    this.streamsTotal = counter('streams_total')
    this.streamsRefused = counter('streams_refused')
    this.streamsFailed = counter('streams_failed')
    this.pushes = counter('pushes')
    this.pushedBytes = counter('pushed_bytes')
    this.acks = counter('acks')
    this.nacks = counter('nacks')
    this.stale = counter('stale_requests')
    this.unknownTypes = counter('unknown_type_requests')
    this.snapshotErrors = counter('snapshot_errors')
    this.pushTimeMs = metrics.histogram(`${PREFIX}push_time_ms`)
  }
}
