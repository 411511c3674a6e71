import { CommandError } from '../command-error.ts'
import type { ApiClient } from './api-client.ts'

/** What the control plane tells of a connected proxy; as far as it is shown. */
export interface ProxyJson {
  readonly node: { readonly id: string; readonly userAgent: string }
  readonly connectedAt: string
  readonly types: readonly ProxyTypeJson[]
}

export interface ProxyTypeJson {
  readonly type: string
  readonly state: 'synced' | 'stale' | 'rejected' | 'not sent'
  readonly sentVersion: string
  readonly ackedVersion: string
  readonly error: string
}

export async function fetchProxies(client: ApiClient): Promise<readonly ProxyJson[]> {
  return (await client.call<{ readonly proxies: readonly ProxyJson[] }>('/proxies')).proxies
}

/**
 * The proxy with this id, or the only one whose id has this in it; without a name the only one there is. Throws a
 * CommandError when it is none or several.
 */
export function chooseProxy(proxies: readonly ProxyJson[], name: string | undefined): ProxyJson {
  const exact = proxies.find(({ node }) => node.id === name)
  const found = exact === undefined ? proxies.filter(({ node }) => node.id.includes(name ?? '')) : [exact]
  const [proxy] = found
  if (proxy !== undefined && found.length === 1) return proxy
  const ids = proxies.map(({ node }) => node.id)
  if (ids.length === 0) throw new CommandError(['no proxy is connected'])
  const what = found.length === 0 ? `no proxy "${name}" is connected` : 'name one of the proxies that are connected'
  throw new CommandError([`${what}: ${ids.slice(0, 10).join(', ')}${ids.length > 10 ? ' …' : ''}`])
}
