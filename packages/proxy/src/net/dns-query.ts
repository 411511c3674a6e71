import type { RecordWithTtl } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import type { DnsAnswer, DnsQuestion } from './network.ts'

/** Of one question to one server; the next one is then asked, and all of them this often. */
const TIMEOUT_MS = 2_000
const TRIES = 2

/** Asks name servers, these or the machine's. Rejects when none has an address of the family; 0: of either. */
export async function queryDns(host: string, { family, servers, signal }: DnsQuestion): Promise<readonly DnsAnswer[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES })
  if (servers.length > 0) resolver.setServers(servers)
  const cancel = () => resolver.cancel()
  signal.addEventListener('abort', cancel)
  const questions = [
    ...(family === 6 ? [] : [resolver.resolve4(host, { ttl: true })]),
    ...(family === 4 ? [] : [resolver.resolve6(host, { ttl: true })]),
  ]
  const outcomes = await Promise.allSettled(questions)
  signal.removeEventListener('abort', cancel)
  const found = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value.map(toAnswer) : []))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (found.length === 0 && failed !== undefined) throw failed.reason
  return found
}

function toAnswer({ address, ttl }: RecordWithTtl): DnsAnswer {
  return { address, ttlMs: ttl * 1000 }
}
