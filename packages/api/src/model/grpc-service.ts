import type { FilterConfig } from './listener.ts'

/** A gRPC service that the proxy itself asks, at the endpoints of a cluster. */
export interface GrpcServiceConfig {
  readonly cluster: string
  /** What the service is told that it is called; empty: the address that it is asked at. */
  readonly authority: string
  /** Sent along; names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Of one call; 0: as long as the request that it is made for may take. */
  readonly timeoutMs: number
}

/** Names of the clusters that a filter asks itself: what was read of its configuration says so in `grpcService`. */
export function clustersOfFilter({ parsed }: FilterConfig): readonly string[] {
  const { grpcService } = (parsed ?? {}) as { readonly grpcService?: GrpcServiceConfig }
  return grpcService === undefined ? [] : [grpcService.cluster]
}
