import type { Counter, Gauge, MetricRegistry } from '@meltemi/runtime'
import type { Destination } from './outlet.ts'

/** Of all logs together, by Envoy's names; `write_dropped` is ours. */
export interface LogFileStats {
  readonly buffered: Counter
  readonly completed: Counter
  readonly failed: Counter
  /** Lines. */
  readonly dropped: Counter
  readonly flushedByTimer: Counter
  readonly reopenFailed: Counter
  readonly totalBuffered: Gauge
}

/** Of all collectors of one kind together, by Envoy's names; `spans_dropped` is ours. */
export interface SpanStats {
  readonly sent: Counter
  readonly dropped: Counter
  readonly flushedByTimer: Counter
  readonly reportsSent: Counter
  readonly reportsDropped: Counter
  readonly reportsFailed: Counter
  readonly skippedNoCluster: Counter
}

export function logFileStats(metrics: MetricRegistry): LogFileStats {
  return {
    buffered: metrics.counter('filesystem.write_buffered'),
    completed: metrics.counter('filesystem.write_completed'),
    failed: metrics.counter('filesystem.write_failed'),
    dropped: droppedLines(metrics),
    flushedByTimer: metrics.counter('filesystem.flushed_by_timer'),
    reopenFailed: metrics.counter('filesystem.reopen_failed'),
    totalBuffered: metrics.gauge('filesystem.write_total_buffered'),
  }
}

/** Of all logs, also those of the admin pages. */
export function droppedLines(metrics: MetricRegistry): Counter {
  return metrics.counter('filesystem.write_dropped')
}

export function spanStats(metrics: MetricRegistry, kind: 'zipkin' | 'otlp-grpc' | 'otlp-http'): SpanStats {
  const prefix = kind === 'zipkin' ? 'tracing.zipkin' : 'tracing.opentelemetry'
  return {
    sent: metrics.counter(`${prefix}.spans_sent`),
    dropped: metrics.counter(`${prefix}.spans_dropped`),
    flushedByTimer: metrics.counter(`${prefix}.timer_flushed`),
    reportsSent: metrics.counter(`${prefix}.reports_sent`),
    reportsDropped: metrics.counter(`${prefix}.reports_dropped`),
    reportsFailed: metrics.counter(`${prefix}.reports_failed`),
    skippedNoCluster: metrics.counter(`${prefix}.reports_skipped_no_cluster`),
  }
}

/** Those that a thread counts; the others are there from then on too. */
export function statsOf(destination: Destination, metrics: MetricRegistry): LogFileStats | SpanStats {
  return destination.kind === 'log' ? logFileStats(metrics) : spanStats(metrics, destination.provider.kind)
}
