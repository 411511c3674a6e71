import { APPLICATION_PROTOCOL, SERVER_ADDRESS } from '../observe/property-keys.ts'
import type { ProxyFilter } from './proxy-filter.ts'

/** Added to messages for whoever observes them. */
const OBSERVED: readonly string[] = [APPLICATION_PROTOCOL, SERVER_ADDRESS]

/** Whether a filter may look at what is added to messages for observers. */
export function isObserver(filter: ProxyFilter): boolean {
  return filter.isObserver !== false
}

/** Whether a filter that reads nothing but the properties which its configuration names looks at one that is added. */
export function namesObserved(config: unknown): boolean {
  const text = JSON.stringify(config, (_key, value) => (typeof value === 'bigint' ? '' : value)) ?? ''
  return OBSERVED.some((key) => text.toLowerCase().includes(key))
}
