/** A span as a collector shows it, in words that both collectors have in common. */
export interface CollectedSpan {
  /** Of whom it is. */
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly id: string
  /** Empty: it is the first one. */
  readonly parentId: string
  readonly kind: 'SERVER' | 'CLIENT'
  readonly isError: boolean
  readonly tags: Readonly<Record<string, string>>
  /** Microseconds since 1970. */
  readonly startUs: number
  readonly endUs: number
}

/** A program of others that takes spans. */
export interface Collector extends AsyncDisposable {
  /** The `typed_config` of a tracer that reports to cluster `collector`. */
  readonly tracer: object
  /** Of the cluster's one endpoint. */
  readonly port: number
  /** Where clients and services report their own spans. */
  readonly url: string
  readonly kind: 'zipkin' | 'otlp'
  /** Resolves when so many spans of the trace are there; rejects after a while. */
  trace(traceId: string, count: number): Promise<readonly CollectedSpan[]>
}
