import type { ResourceType } from '@meltemi/api/xds'
import type { Answer, Delivery } from './delivery.ts'
import type { ResponseEncoder } from './response-encoder.ts'
import type { TypeStatus, XdsResource } from './xds-resource.ts'

export type Resources = ReadonlyMap<string, XdsResource>

/** What one stream wants of one type and what it has, in one of the two variants of the protocol. */
export interface Subscription<Request> {
  readonly type: ResourceType
  readonly delivery: Delivery
  /** Throws a GrpcError when it asks for too much. */
  receive(request: Request): Answer
  /** The client rejected something that it still wants, so what it runs on is older than what it was sent. */
  readonly isRefused: boolean
  /** Something to be sent that takes nothing away. */
  hasAdditions(resources: Resources): boolean
  /** The client has what is no more. */
  hasRemovals(resources: Resources): boolean
  /** Makes the next response; only when there is something to send and nothing is outstanding. */
  respond(response: ResponsePlan): SentResponse
  /** The client was sent it, and not that it is gone. */
  has(name: string): boolean
  /** What the client has under these names must be sent again. */
  forget(names: readonly string[]): void
}

export interface ResponsePlan {
  readonly resources: Resources
  readonly version: string
  readonly nonce: string
  /** Since when it is due. */
  readonly sinceMs: number
  /** False: what is gone stays with the client for now. */
  readonly mayRemove: boolean
  readonly encoder: Pick<ResponseEncoder, 'sotw' | 'delta'>
}

export interface SentResponse {
  readonly bytes: Uint8Array
  /** Names of those that the client does not have yet, in this version. */
  readonly changed: readonly string[]
}

export function statusOf(subscription: Subscription<never>, resources: Resources | undefined): TypeStatus {
  const { type, isRefused, delivery } = subscription
  const { sentVersion, ackedVersion, error } = delivery
  const state = stateOf(subscription, resources)
  return { type, state, sentVersion, ackedVersion, error: isRefused ? error : '' }
}

function stateOf(subscription: Subscription<never>, resources: Resources | undefined): TypeStatus['state'] {
  const { isRefused, delivery } = subscription
  if (isRefused) return 'rejected'
  if (delivery.sentVersion === '') return 'not sent'
  if (delivery.isOutstanding || resources === undefined) return 'stale'
  return subscription.hasAdditions(resources) || subscription.hasRemovals(resources) ? 'stale' : 'synced'
}
