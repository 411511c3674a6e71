import { NODATA, NOTFOUND, type RecordWithTtl } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import type { DnsAnswer, DnsAnswers, DnsQuestion } from './network.ts'

/** Of one question to one server; the next one is then asked, and all of them this often. */
const TIMEOUT_MS = 2_000
const TRIES = 2

/** With these a name server says that there is no such address; with any other, that it does not know. */
const NONE: ReadonlySet<unknown> = new Set([NODATA, NOTFOUND])

/** Asks name servers, these or the machine's. Rejects when none has an address of the family; 0: of either. */
export async function queryDns(host: string, { family, servers, signal }: DnsQuestion): Promise<DnsAnswers> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES })
  if (servers.length > 0) resolver.setServers(servers)
  const cancel = () => resolver.cancel()
  signal.addEventListener('abort', cancel)
  const families = family === 0 ? ([4, 6] as const) : ([family] as const)
  const outcomes = await Promise.allSettled(families.map((each) => askFor(each, resolver, host)))
  signal.removeEventListener('abort', cancel)
  const found = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value.map(toAnswer) : []))
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  const trouble = failures.find(isTrouble)
  if (found.length === 0 && failures.length > 0) throw trouble ?? failures[0]
  const unknown = families.find((_, at) => outcomes[at]?.status === 'rejected' && isTrouble(outcomes[at].reason))
  return { found, unknown }
}

function askFor(family: 4 | 6, resolver: Resolver, host: string): Promise<readonly RecordWithTtl[]> {
  return family === 4 ? resolver.resolve4(host, { ttl: true }) : resolver.resolve6(host, { ttl: true })
}

function isTrouble(reason: unknown): boolean {
  return !(reason instanceof Error && 'code' in reason && NONE.has(reason.code))
}

function toAnswer({ address, ttl }: RecordWithTtl): DnsAnswer {
  return { address, ttlMs: ttl * 1000 }
}
