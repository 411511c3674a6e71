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
  readonly discovery: 'static' | 'strict-dns'
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
}
