import { CommandError } from '../command-error.ts'
import type { ApiClient } from './api-client.ts'

/** What the control plane tells of a connected proxy; as far as it is shown. */
export interface ProxyJson {
  readonly node: { readonly id: string; readonly userAgent: string }
  readonly connectedAt: string
  readonly types: readonly ProxyTypeJson[]
  /** That it runs and that did not come with it; absent: it has not reported any. */
  readonly codecs?: readonly { readonly codec: string; readonly digest: string }[]
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

/** As people read it; `sha256sum` begins with it. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12)
}

/** Which version of a codec each proxy runs; hyphens and underscores of its name are the same. */
export function runningVersions(
  proxies: readonly ProxyJson[],
  codec: string,
): readonly { readonly proxy: string; readonly module: string }[] {
  return proxies.flatMap(({ node, codecs = [] }) =>
    codecs
      .filter((running) => running.codec.replaceAll('_', '-') === codec.replaceAll('_', '-'))
      .map(({ digest }) => ({ proxy: node.id, module: digest })),
  )
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
