import type { ConfigSource } from './config-source.ts'
import type { EndpointConfig, LbMetadata, SocketAddress } from './endpoint.ts'
import type { HealthCheckConfig } from './health-check.ts'
import type { OutlierDetectionConfig } from './outlier-detection.ts'
import type { RetryBudgetConfig } from './retry.ts'
import type { TransportMatch, UpstreamTlsConfig } from './tls.ts'

/** New endpoints get their share little by little: `weight × max(minWeightPercent / 100, (age / window) ^ (1 / aggression))`. */
export interface SlowStartConfig {
  readonly windowMs: number
  /** Above 0; default 1, which is a straight line. */
  readonly aggression: number
  /** 0-100, default 10. */
  readonly minWeightPercent: number
}

export type LoadBalancerConfig =
  | { readonly kind: 'round-robin'; readonly slowStart?: SlowStartConfig }
  | {
      readonly kind: 'least-request'
      readonly choiceCount: number
      /** With unequal weights: `weight / (active requests + 1) ^ bias`; default 1. */
      readonly activeRequestBias?: number
      readonly slowStart?: SlowStartConfig
    }
  | { readonly kind: 'random' }
  | {
      readonly kind: 'ring-hash'
      readonly minimumRingSize: number
      readonly maximumRingSize: number
      readonly useHostname: boolean
    }
  | { readonly kind: 'maglev'; readonly tableSize: number; readonly useHostname: boolean }
  | {
      readonly kind: 'peak-ewma'
      /** In which what was measured loses two thirds of its weight; default 10,000. */
      readonly decayMs: number
      /** Of an endpoint that has not replied yet; default 10. */
      readonly defaultReplyMs: number
      /** Cost of one that has requests under way and has never replied; default 1,000,000. */
      readonly penalty: number
    }

/** How localities of one priority share its requests; a cluster without it does not tell them apart. */
export type LocalityLbConfig =
  | { readonly kind: 'weighted' }
  | {
      /** As much as possible to the proxy's own zone. */
      readonly kind: 'zone-aware'
      /** 0-100, default 100: of the requests. */
      readonly routingEnabledPercent: number
      /** Healthy endpoints below which zones are not told apart; default 6. */
      readonly minClusterSize: number
      /** In panic requests fail instead of going anywhere. */
      readonly failTrafficOnPanic: boolean
    }

/** Which endpoints a request may go to, by what its route asks of their metadata. */
export interface SubsetConfig {
  /** Where no subset fits: nowhere, to any endpoint, or to those that `defaultSubset` fits. */
  readonly fallback: 'none' | 'any' | 'default'
  readonly defaultSubset: LbMetadata
  readonly selectors: readonly SubsetSelector[]
  /** Locality weights hold inside subsets too. */
  readonly localityWeightAware: boolean
  /** There they shrink with the share of a locality's endpoints that are in the subset. */
  readonly scaleLocalityWeight: boolean
  /** Where also the fallback has no endpoint: any of the cluster. */
  readonly panicModeAny: boolean
  /** A list in an endpoint's metadata is as many values of which each fits. */
  readonly listAsAny: boolean
  /** A route may ask for more than the keys of a selector. */
  readonly allowRedundantKeys: boolean
  /** `list`: what a route asks under `fallback_list` is a list of what to ask one after the other. */
  readonly metadataFallback: 'none' | 'list'
}

export interface SubsetSelector {
  /** In order; one subset for each combination of their values. */
  readonly keys: readonly string[]
  /** `inherit`: as the whole cluster. `keys`: ask again, for `fallbackKeys` alone. */
  readonly fallback: 'inherit' | 'none' | 'any' | 'default' | 'keys'
  readonly fallbackKeys: readonly string[]
  /** A subset is its first endpoint alone, whatever its health. */
  readonly singleHost: boolean
}

/** Which addresses of a name are endpoints. Preferred: the others only where it has none. auto: IPv6 preferred. */
export type DnsLookupFamily = 'auto' | 'v4-only' | 'v6-only' | 'v4-preferred' | 'all'

/** After failures of DNS: any time up to a bound that begins at `baseMs` and doubles up to `maxMs`. */
export interface DnsFailureRefresh {
  readonly baseMs: number
  readonly maxMs: number
}

/** Per cluster, over all workers. Defaults as Envoy: 1024, 1024, 1024, 3. */
export interface CircuitBreakerConfig {
  readonly maxConnections: number
  readonly maxPendingRequests: number
  readonly maxRequests: number
  readonly maxRetries: number
  /** Stats say how much of each is left; default false. */
  readonly tracksRemaining?: boolean
  /** Takes the place of `maxRetries`. */
  readonly retryBudget?: RetryBudgetConfig
}

export interface ClusterConfig {
  readonly name: string
  /** Name in stats; the cluster's own unless `alt_stat_name` says otherwise. */
  readonly statName: string
  /** strict-dns: every address is an endpoint. logical-dns: one, for new connections. eds: endpoints come from elsewhere, see `eds`. */
  readonly discovery: 'static' | 'strict-dns' | 'logical-dns' | 'eds'
  /** For discovery `eds`: which ClusterLoadAssignment, and from where. */
  readonly eds: { readonly serviceName: string; readonly source: ConfigSource } | undefined
  /** How often names are resolved again; default 5,000. */
  readonly dnsRefreshMs: number
  readonly dnsLookupFamily: DnsLookupFamily
  /** Default: as `dnsRefreshMs`. */
  readonly dnsFailureRefresh?: DnsFailureRefresh
  /** Names are resolved again when what was said of them is no longer valid; default false. */
  readonly respectDnsTtl?: boolean
  /** Who is asked instead of the machine's resolver. */
  readonly dnsServers?: readonly SocketAddress[]
  readonly endpoints: readonly EndpointConfig[]
  readonly connectTimeoutMs: number
  readonly loadBalancer: LoadBalancerConfig
  readonly localityLb?: LocalityLbConfig
  readonly subsets?: SubsetConfig
  readonly circuitBreaker: CircuitBreakerConfig
  /** 0-100, default 50: with fewer healthy endpoints than this all are used; 0 = never. */
  readonly panicThresholdPercent: number
  /** Bytes waiting toward one upstream connection above which its requests wait; default 1 MiB. */
  readonly bufferLimitBytes: number
  /** Envoy's outlier detection; undefined: none. */
  readonly outlierDetection: OutlierDetectionConfig | undefined
  readonly healthCheck?: HealthCheckConfig
  /** A host that fails its health checks loses its connections, with what is under way on them; default false. */
  readonly closesConnectionsOfUnhealthy?: boolean
  /** A host that discovery names no more goes at once, not when it fails its health checks; default false. */
  readonly ignoresHealthOnRemoval?: boolean
  /** Hosts that have not been checked yet count for nothing in priorities and panic; default false. */
  readonly ignoresUncheckedHosts?: boolean
  /** Speaks HTTP/2, that is gRPC: a service that the proxy itself talks to. */
  readonly http2: boolean
  /** undefined: plain. */
  readonly tls?: UpstreamTlsConfig
  /** By the metadata of an endpoint; the first that fits counts, `tls` where none does. Default: none. */
  readonly transportMatches?: readonly TransportMatch[]
}
