import type { ResourcePath, ResourceProblems } from '@meltemi/api/resource'

/** What the pattern of host names does not say: that the last part is no number, so that nobody takes it for an address. */
export function checkHost(host: string | undefined, path: ResourcePath, problems: ResourceProblems): void {
  const parts = (host ?? '').replace(/\.$/, '').split('.')
  if (parts.length < 2 || !/^\d+$/.test(parts.at(-1) ?? '')) return
  const message = `expected a host name, whose last part is no number, found ${JSON.stringify(host)}`
  problems.error({ code: 'invalid-value', path, message })
}
