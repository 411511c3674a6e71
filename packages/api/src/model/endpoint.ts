import type { EndpointCheckConfig } from './health-check.ts'

export interface SocketAddress {
  /** An IP address, or a host name where the cluster resolves names; of endpoints also `unix:` and the path of a socket, with port 0. */
  readonly host: string
  readonly port: number
}

/** Where a workload runs; a part that is not known is empty. */
export interface Locality {
  readonly region: string
  readonly zone: string
  readonly subZone: string
}

/** A value of `envoy.lb` metadata: JSON. */
export type LbValue = string | number | boolean | null | readonly LbValue[] | { readonly [key: string]: LbValue }

/** What subsets are made by, and what routes ask of endpoints. */
export type LbMetadata = Readonly<Record<string, LbValue>>

export interface EndpointConfig {
  readonly address: SocketAddress
  /** Name used for hashing instead of `ip:port` when a cluster asks for it; empty: none. */
  readonly hostname: string
  /** At least 1. */
  readonly weight: number
  /** From configuration (`health_status`): unhealthy ones are used in panic only. */
  readonly healthy: boolean
  /** Healthy, but for use only where too few are that are better; false when not said. */
  readonly degraded?: boolean
  /** 0-128, default 0: the endpoints of a higher number take what those of lower ones cannot. */
  readonly priority?: number
  /** Default: not known. */
  readonly locality?: Locality
  /** Of all endpoints of its locality and priority together; default: none, which is 0 where localities are balanced by weight. */
  readonly localityWeight?: number
  /** Default: none. */
  readonly metadata?: LbMetadata
  readonly healthCheck?: EndpointCheckConfig
  /** What `transport_socket_matches` of its cluster go by; default: nothing. */
  readonly transportMetadata?: Readonly<Record<string, unknown>>
}
