import type { GrpcServiceConfig } from './grpc-service.ts'
import type { MatchConfig } from './match.ts'

/** One entry of a descriptor: a key, and where its value comes from. */
export type DescriptorEntryConfig =
  /** A property of the request. Its name is compared as `ignoreCase` says; without it there is no descriptor, or with `isOptional` no entry. */
  | {
      readonly kind: 'property'
      readonly key: string
      readonly property: string
      readonly ignoreCase: boolean
      readonly isOptional: boolean
    }
  /** There for every request. */
  | { readonly kind: 'constant'; readonly key: string; readonly value: string }
  /** The client's IP address. */
  | { readonly kind: 'remote-address'; readonly key: string }
  /** There for requests that match, or with `expects` false for those that do not; else there is no descriptor. */
  | {
      readonly kind: 'match'
      readonly key: string
      readonly value: string
      readonly match: MatchConfig
      readonly expects: boolean
    }

/** By which RLS names a second, a minute, an hour, a day, a month, a year, a week. */
export type RateLimitUnitNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7

/** What one request counts against. */
export interface DescriptorConfig {
  readonly entries: readonly DescriptorEntryConfig[]
  /** Instead of what the service has configured. */
  readonly limit?: { readonly requestsPerUnit: number; readonly unit: RateLimitUnitNumber }
  /** How much one request counts; undefined: as the filter says. */
  readonly hitsAddend?: bigint
}

/** Envoy's rate limit service is asked about each request that matches. */
export interface GlobalRateLimitConfig {
  readonly match: MatchConfig
  readonly domain: string
  readonly grpcService: GrpcServiceConfig
  /** When the service cannot be asked, requests fail. */
  readonly failureModeDeny: boolean
  readonly descriptors: readonly DescriptorConfig[]
  /** 0: not said, which is 1. */
  readonly hitsAddend: number
  /** Part of the names of its statistics; may be empty. */
  readonly statPrefix: string
}
