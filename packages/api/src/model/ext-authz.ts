import type { GrpcServiceConfig } from './grpc-service.ts'
import type { MatchConfig } from './match.ts'

/** Envoy's external authorization: a service decides about each request that matches. */
export interface ExtAuthzConfig {
  readonly statPrefix: string
  readonly grpcService: GrpcServiceConfig
  /** When the service cannot be asked, requests pass. */
  readonly failureModeAllow: boolean
  /** The service is told the server name that the client asked for. */
  readonly includeTlsSession: boolean
  readonly match: MatchConfig
  /** Sent along with each request. */
  readonly contextExtensions: Readonly<Record<string, string>>
}
