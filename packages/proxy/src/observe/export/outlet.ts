import type { LogSink, TracingProvider } from '@meltemi/api/model'

/** Where what was observed is to go. Plain data; equal keys mean the same. */
export type Destination = LogDestination | SpanDestination

export interface LogDestination {
  readonly kind: 'log'
  readonly key: string
  readonly sink: LogSink
}

export interface SpanDestination {
  readonly kind: 'spans'
  readonly key: string
  readonly provider: TracingProvider
  /** Whose spans they are. */
  readonly serviceName: string
}

/** Lines, or spans in the form that their collector takes. Its memory goes with it. */
export interface Batch {
  readonly destination: Destination
  readonly bytes: Uint8Array<ArrayBuffer>
  /** How many lines or spans. */
  readonly count: number
}

/** The way out of a thread. */
export interface Outlet {
  /** False: too much is on its way already, and this is lost. */
  send(batch: Batch): boolean
}

/** Nothing leaves. */
export const NO_OUTLET: Outlet = { send: () => false }

export function logDestination(sink: LogSink): LogDestination {
  return { kind: 'log', key: sink.kind === 'file' ? `file:${sink.path}` : sink.kind, sink }
}

export function spanDestination(provider: TracingProvider, serviceName: string): SpanDestination {
  return { kind: 'spans', key: JSON.stringify([provider, serviceName]), provider, serviceName }
}
