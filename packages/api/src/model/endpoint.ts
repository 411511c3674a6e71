export interface SocketAddress {
  /** An IP address, or a host name where the cluster resolves names. */
  readonly host: string
  readonly port: number
}

export interface EndpointConfig {
  readonly address: SocketAddress
  /** Name used for hashing instead of `ip:port` when a cluster asks for it; empty: none. */
  readonly hostname: string
  /** At least 1. */
  readonly weight: number
  /** From configuration (`health_status`): unhealthy ones are used in panic only. */
  readonly healthy: boolean
}
