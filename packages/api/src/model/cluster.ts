import type { ConfigSource } from './config-source.ts'
import type { EndpointConfig } from './endpoint.ts'

export type LoadBalancerConfig =
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'least-request'; readonly choiceCount: number }
  | { readonly kind: 'random' }
  | {
      readonly kind: 'ring-hash'
      readonly minimumRingSize: number
      readonly maximumRingSize: number
      readonly useHostname: boolean
    }
  | { readonly kind: 'maglev'; readonly tableSize: number; readonly useHostname: boolean }

/** STRICT_DNS: which addresses of a name are endpoints. Preferred: the others only where it has none. auto: IPv6 preferred. */
export type DnsLookupFamily = 'auto' | 'v4-only' | 'v6-only' | 'v4-preferred' | 'all'

/** Per cluster, over all workers. Defaults as Envoy: 1024, 1024, 1024, 3. */
export interface CircuitBreakerConfig {
  readonly maxConnections: number
  readonly maxPendingRequests: number
  readonly maxRequests: number
  readonly maxRetries: number
}

export interface ClusterConfig {
  readonly name: string
  /** Name in stats; the cluster's own unless `alt_stat_name` says otherwise. */
  readonly statName: string
  /** eds: endpoints come from elsewhere, see `eds`. */
  readonly discovery: 'static' | 'strict-dns' | 'eds'
  /** For discovery `eds`: which ClusterLoadAssignment, and from where. */
  readonly eds: { readonly serviceName: string; readonly source: ConfigSource } | undefined
  /** STRICT_DNS: how often names are resolved again; default 5,000. */
  readonly dnsRefreshMs: number
  readonly dnsLookupFamily: DnsLookupFamily
  readonly endpoints: readonly EndpointConfig[]
  readonly connectTimeoutMs: number
  readonly loadBalancer: LoadBalancerConfig
  readonly circuitBreaker: CircuitBreakerConfig
  /** 0-100, default 50: with fewer healthy endpoints than this all are used; 0 = never. */
  readonly panicThresholdPercent: number
  /** Bytes waiting toward one upstream connection above which its requests wait; default 1 MiB. */
  readonly bufferLimitBytes: number
  /** Envoy's outlier detection; undefined: none. */
  readonly outlierDetection: OutlierDetectionConfig | undefined
  /** Speaks HTTP/2, that is gRPC: a service that the proxy itself talks to. */
  readonly http2: boolean
}

/** As Envoy's OutlierDetection, with its defaults. */
export interface OutlierDetectionConfig {
  /** In a row before a host is ejected; 0: never. */
  readonly consecutive5xx: number
  /** The same for failures of connections only. */
  readonly consecutiveGatewayFailure: number
  readonly intervalMs: number
  readonly baseEjectionTimeMs: number
  /** 0-100. */
  readonly maxEjectionPercent: number
}
