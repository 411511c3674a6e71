import type { DiscoveryRequestInit, ResourceType } from '@meltemi/api/xds'
import type { XdsRequest } from './transport.ts'

export type NodeInit = NonNullable<DiscoveryRequestInit['node']>

/**
 * What is asked of a control plane for one type on one stream, and what was heard: it makes the requests. It begins anew
 * with each stream, but for what was accepted.
 */
export interface Subscription {
  readonly type: ResourceType
  /** Sorted; empty for types of which everything is wanted. */
  readonly names: readonly string[]
  /** The first request on a new stream; with the node only the first of all. */
  open(node: NodeInit | undefined): XdsRequest
  /** Other names than before; undefined: they are the same. */
  rename(names: readonly string[]): XdsRequest | undefined
  /** A response has come; only the newest counts from now on. */
  heard(nonce: string): void
  /** What was accepted of it, by name; `version` is the response's. */
  accepted(version: string, versions: ReadonlyMap<string, string>): void
  /** The answer to the response with this nonce; `fault` says why it was rejected, or undefined. */
  answer(nonce: string, fault: string | undefined): XdsRequest
}

/** As gRPC counts: INVALID_ARGUMENT. */
export const REJECTED = 3
