import type { ResourceType } from '@meltemi/api/xds'
import type { Subscription } from './subscription.ts'
import type { Snapshot } from './xds-resource.ts'

/** What is referred to … */
const MAKE: readonly ResourceType[] = ['extensionConfig', 'cluster', 'endpoint']
/** … what refers to it … */
const SWITCH: readonly ResourceType[] = ['listener', 'route']
/** … and what nothing refers to any more. */
const BREAK: readonly ResourceType[] = ['cluster', 'endpoint', 'extensionConfig']

type Sendable = Pick<Subscription<never>, 'delivery' | 'isRefused' | 'hasAdditions' | 'hasRemovals'>

export interface Turn<S extends Sendable> {
  readonly subscription: S
  readonly mayRemove: boolean
}

/**
 * Whose turn it is to send on one stream, so that a proxy never has a reference to what it has not: make before break.
 * Listeners and routes wait until the client has answered what they refer to; what is gone stays with it until it has
 * accepted listeners and routes without it, and if `mayBreak` is false. undefined: nobody's turn, until the client answers or something changes.
 */
export function nextTurn<S extends Sendable>(
  subscriptions: ReadonlyMap<ResourceType, S>,
  { resources }: Snapshot,
  mayBreak: boolean,
): Turn<S> | undefined {
  let isMade = true
  for (const type of MAKE) {
    const subscription = subscriptions.get(type)
    const isWaiting = subscription?.delivery.isOutstanding ?? false
    const hasMore = subscription?.hasAdditions(resources[type]) ?? false
    // Endpoints do not wait for clusters: Envoy answers these when it has those.
    if (subscription !== undefined && hasMore && !isWaiting) return { subscription, mayRemove: false }
    isMade &&= !isWaiting && !hasMore
  }
  if (!isMade) return undefined
  for (const type of SWITCH) {
    const subscription = subscriptions.get(type)
    if (subscription === undefined) continue
    // Nothing refers to a listener.
    const mayRemove = type === 'listener'
    if (subscription.hasAdditions(resources[type]) || (mayRemove && subscription.hasRemovals(resources[type]))) {
      return turnOf(subscription, mayRemove)
    }
  }
  const listener = subscriptions.get('listener')
  const route = subscriptions.get('route')
  if (!mayBreak || !isSettled(listener) || route?.delivery.isOutstanding) return undefined
  if (route?.hasRemovals(resources.route)) return turnOf(route, true)
  if (!isSettled(route)) return undefined
  for (const type of BREAK) {
    const subscription = subscriptions.get(type)
    if (subscription?.hasRemovals(resources[type])) return turnOf(subscription, true)
  }
  return undefined
}

/** Those behind one that has to wait wait with it. */
function turnOf<S extends Sendable>(subscription: S, mayRemove: boolean): Turn<S> | undefined {
  return subscription.delivery.isOutstanding ? undefined : { subscription, mayRemove }
}

function isSettled(subscription: Sendable | undefined): boolean {
  return subscription === undefined || !(subscription.delivery.isOutstanding || subscription.isRefused)
}
