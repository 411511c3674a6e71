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

type Subscriptions<S> = ReadonlyMap<ResourceType, S>
/** Somebody's turn; or everybody has to wait; or nobody of these has anything to send. */
type Step<S extends Sendable> = Turn<S> | 'wait' | 'done'

/**
 * Whose turn it is to send on one stream, so that a proxy never refers to what it does not have: make before break.
 * Listeners and routes wait until the client has answered what they refer to. What is gone stays with it until it has
 * accepted listeners and routes that do without, and while `mayBreak` is false. undefined: nobody's turn, until the
 * client answers or something changes.
 */
export function nextTurn<S extends Sendable>(
  subscriptions: Subscriptions<S>,
  { resources }: Snapshot,
  mayBreak: boolean,
): Turn<S> | undefined {
  let step = makeStep(subscriptions, resources)
  if (step === 'done') step = switchStep(subscriptions, resources)
  if (step === 'done' && mayBreak) step = breakStep(subscriptions, resources)
  return typeof step === 'string' ? undefined : step
}

function makeStep<S extends Sendable>(subscriptions: Subscriptions<S>, resources: Snapshot['resources']): Step<S> {
  let isWaiting = false
  for (const type of MAKE) {
    const subscription = subscriptions.get(type)
    if (subscription === undefined) continue
    const { isOutstanding } = subscription.delivery
    const hasMore = subscription.hasAdditions(resources[type])
    // Endpoints do not wait for clusters: Envoy answers these when it has those.
    if (hasMore && !isOutstanding) return { subscription, mayRemove: false }
    isWaiting ||= isOutstanding
  }
  return isWaiting ? 'wait' : 'done'
}

function switchStep<S extends Sendable>(subscriptions: Subscriptions<S>, resources: Snapshot['resources']): Step<S> {
  for (const type of SWITCH) {
    const subscription = subscriptions.get(type)
    if (subscription === undefined) continue
    // Nothing refers to a listener.
    const mayRemove = type === 'listener'
    const hasMore = subscription.hasAdditions(resources[type])
    if (hasMore || (mayRemove && subscription.hasRemovals(resources[type]))) return turnOf(subscription, mayRemove)
  }
  return 'done'
}

function breakStep<S extends Sendable>(subscriptions: Subscriptions<S>, resources: Snapshot['resources']): Step<S> {
  const listener = subscriptions.get('listener')
  const route = subscriptions.get('route')
  if (isUnsettled(listener) || route?.delivery.isOutstanding) return 'wait'
  if (route?.hasRemovals(resources.route)) return turnOf(route, true)
  if (isUnsettled(route)) return 'wait'
  for (const type of BREAK) {
    const subscription = subscriptions.get(type)
    if (subscription?.hasRemovals(resources[type])) return turnOf(subscription, true)
  }
  return 'done'
}

/** Those behind one that has to wait wait with it. */
function turnOf<S extends Sendable>(subscription: S, mayRemove: boolean): Step<S> {
  return subscription.delivery.isOutstanding ? 'wait' : { subscription, mayRemove }
}

function isUnsettled(subscription: Sendable | undefined): boolean {
  return subscription !== undefined && (subscription.delivery.isOutstanding || subscription.isRefused)
}
