import type { BatchWriter } from '../export/batch-writer.ts'

/** A span that is over. Times are milliseconds since 1970, with a fraction. */
export interface Span {
  /** 16 or 32 digits. */
  readonly traceId: string
  /** 16 digits. */
  readonly spanId: string
  /** Empty: it is the first of its trace. */
  readonly parentSpanId: string
  readonly name: string
  readonly kind: 'server' | 'client'
  readonly startMs: number
  readonly endMs: number
  /** Key and value in turn. */
  readonly tags: readonly string[]
  /** Name and time in turn. */
  readonly events: readonly (string | number)[]
  /** What went wrong; null: nothing did. */
  readonly error: string | null
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  /** It has the id of the span that asked. */
  readonly isShared: boolean
  readonly isDebug: boolean
  /** W3C's `tracestate`, as it came. */
  readonly traceState: string
}

/** Writes spans in the form that a collector takes. */
export interface SpanEncoder {
  write(span: Span, writer: BatchWriter): void
}
