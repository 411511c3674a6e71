import type { DiscoveryRequestInit, ResourceType } from '@meltemi/api/xds'
import type { HeldType } from './held-resources.ts'
import type { XdsRequest } from './transport.ts'

export type NodeInit = NonNullable<DiscoveryRequestInit['node']>

/**
 * What is asked of a control plane for one type on one stream: it makes the requests. What is held already, and so not
 * asked for again, it is told when it needs it.
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
  /** The answer to the response with this nonce; `fault` says why it was rejected, or undefined. */
  answer(nonce: string, fault: string | undefined): XdsRequest
}

/** What is held at the moment. */
export type Held = () => HeldType

/** As gRPC counts: INVALID_ARGUMENT. */
export const REJECTED = 3
