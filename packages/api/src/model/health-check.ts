import type { CodecConfig } from './listener.ts'

/** As Envoy's HealthCheck, with its defaults. */
export interface HealthCheckConfig {
  /** After which a check without an answer has failed. */
  readonly timeoutMs: number
  readonly intervalMs: number
  /** Failures in a row after which a healthy host is unhealthy. */
  readonly unhealthyThreshold: number
  /** Successes in a row after which an unhealthy one is healthy; the very first check decides at once. */
  readonly healthyThreshold: number
  /** The first check comes after any time up to this; default 0. */
  readonly initialJitterMs: number
  /** Every interval is longer by any time up to this; default 0. */
  readonly intervalJitterMs: number
  /** And by up to this part of itself; default 0. */
  readonly intervalJitterPercent: number
  /** One connection for all checks of a host; default true. */
  readonly reuseConnection: boolean
  /** While the cluster has never had a connection; default 60,000. */
  readonly noTrafficIntervalMs: number
  /** The same, of healthy hosts; default `noTrafficIntervalMs`. */
  readonly noTrafficHealthyIntervalMs: number
  /** Of unhealthy hosts; default `intervalMs`. */
  readonly unhealthyIntervalMs: number
  /** After failures that do not make a host unhealthy yet; default `unhealthyIntervalMs`. */
  readonly unhealthyEdgeIntervalMs: number
  /** After successes that do not make a host healthy yet; default `intervalMs`. */
  readonly healthyEdgeIntervalMs: number
  /** A line in the log for every failed check, not only for what changes. */
  readonly alwaysLogFailures: boolean
  readonly alwaysLogSuccess: boolean
  readonly check: HealthCheckKind
}

export type HealthCheckKind =
  | {
      readonly kind: 'tcp'
      /** In hex; empty: nothing is sent. */
      readonly send: string
      /** In hex: each must be found in what comes, in this order, whatever stands in between. None: a connection is enough. */
      readonly receive: readonly string[]
    }
  /** Healthy is a host whose answer to the codec's own health check has status Ok. */
  | { readonly kind: 'codec'; readonly codec: CodecConfig }

/** What is different for one endpoint. */
export interface EndpointCheckConfig {
  /** Default: that of the endpoint. */
  readonly port?: number
  /** It counts as healthy. */
  readonly isDisabled?: boolean
}
