/** How the context of a trace is written into requests: `traceparent` and `tracestate`, `b3`, or `x-b3-*`. */
export type Propagation = 'w3c' | 'b3' | 'b3multi'

export interface TracingConfig {
  /** Of 100: how many of the requests whose client asks for it are traced. */
  readonly clientSampling: number
  /** Of 10,000: how many of all others. */
  readonly randomSampling: number
  /** Of 10,000: how many of those that would be traced are. */
  readonly overallSampling: number
  /** Spans tell when bytes came and went. */
  readonly verbose: boolean
  /** Longer values of tags are cut. */
  readonly maxTagLength: number
  /** Besides those that a request came with; never empty. */
  readonly propagation: readonly Propagation[]
  /** undefined: decisions are made and passed on, but no spans. */
  readonly provider: TracingProvider | undefined
  /** As configured, in proto JSON, for those who show it. */
  readonly asConfigured: Readonly<Record<string, unknown>>
}

interface Collector {
  /** Name of the cluster that takes the spans. */
  readonly cluster: string
  readonly timeoutMs: number
}

export interface ZipkinProvider extends Collector {
  readonly kind: 'zipkin'
  readonly path: string
  /** The `Host` of requests. */
  readonly host: string
  readonly traceId128bit: boolean
  /** A span that answers has the id of the one that asks. */
  readonly sharedSpanContext: boolean
}

export interface OtlpProvider extends Collector {
  readonly kind: 'otlp-grpc' | 'otlp-http'
  /** Of HTTP: path and `Host`. */
  readonly path: string
  readonly host: string
  /** Sent along with each report. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Empty: the cluster of the proxy's node. */
  readonly serviceName: string
}

/** Where spans go, and in which form. */
export type TracingProvider = ZipkinProvider | OtlpProvider
