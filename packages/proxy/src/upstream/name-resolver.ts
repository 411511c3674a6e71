import { isIP } from 'node:net'
import type { ClusterConfig, DnsLookupFamily } from '@meltemi/api/model'
import type { Timer } from '@meltemi/runtime'
import type { AddressFamily, DnsAnswer, DnsAnswers } from '../net/network.ts'
import { Backoff } from '../util/backoff.ts'
import { formatAddress } from '../util/format-address.ts'
import type { ClusterContext } from './context.ts'

export interface NameResolverParts {
  readonly config: ClusterConfig
  readonly context: ClusterContext
  /** Good until there is an answer. */
  readonly known: readonly string[]
  onAnswer(): void
}

/** What is asked for: one family alone, or both, of which one may then be preferred. */
const ASKED: Readonly<Record<DnsLookupFamily, AddressFamily>> = {
  auto: 0,
  'v4-only': 4,
  'v6-only': 6,
  'v4-preferred': 0,
  all: 0,
}

/** The addresses of one name, asked for again and again, never twice at once. */
export class NameResolver {
  #addresses: readonly string[]
  readonly #name: string
  readonly #parts: NameResolverParts
  readonly #backoff: Backoff | null
  #timer: Timer | undefined
  readonly #stopping = new AbortController()

  constructor(name: string, parts: NameResolverParts) {
    this.#name = name
    this.#parts = parts
    this.#addresses = parts.known
    const { dnsFailureRefresh } = parts.config
    this.#backoff =
      dnsFailureRefresh === undefined
        ? null
        : new Backoff(parts.context.random, dnsFailureRefresh.baseMs, dnsFailureRefresh.maxMs)
  }

  get addresses(): readonly string[] {
    return this.#addresses
  }

  /** Resolves after the first answer. */
  async start(): Promise<void> {
    if (isIP(this.#name) === 0) {
      await this.#ask()
      return
    }
    this.#addresses = [this.#name]
    this.#parts.onAnswer()
  }

  stop(): void {
    this.#stopping.abort()
    this.#timer?.cancel()
  }

  async #ask(): Promise<void> {
    const delayMs = await this.#askOnce()
    if (this.#stopping.signal.aborted) return
    this.#parts.onAnswer()
    this.#timer = this.#parts.context.clock.setTimer(delayMs, () => void this.#ask())
  }

  /** How long what is known now is to be used. */
  async #askOnce(): Promise<number> {
    const { config, context } = this.#parts
    try {
      const answers = await this.#answers()
      const { ttlMs } = this.#take(answers)
      context.stats.updateSuccess.add(1)
      this.#backoff?.reset()
      return config.respectDnsTtl && ttlMs > 0 ? ttlMs : config.dnsRefreshMs
    } catch {
      // counted, not thrown: the last known addresses stay, and the next refresh tries again
      context.stats.updateFailure.add(1)
      // a name server that refuses at once must not be asked without a pause
      return this.#backoff === null ? config.dnsRefreshMs : Math.max(1, this.#backoff.next())
    }
  }

  async #answers(): Promise<DnsAnswers> {
    const { config, context } = this.#parts
    const { respectDnsTtl = false, dnsServers = [] } = config
    const family = ASKED[config.dnsLookupFamily]
    if (respectDnsTtl || dnsServers.length > 0) {
      const servers = dnsServers.map(({ host, port }) => (port === 0 ? host : formatAddress(host, port)))
      return context.network.query(this.#name, { family, servers, signal: this.#stopping.signal })
    }
    const addresses = await context.network.resolve(this.#name, family)
    return { found: addresses.map((address) => ({ address, ttlMs: 0 })), unknown: undefined }
  }

  /** A family of which nobody can say anything keeps its last addresses, as a name does. */
  #take({ found, unknown }: DnsAnswers): { readonly ttlMs: number } {
    const { config } = this.#parts
    const kept = unknown === undefined ? [] : this.#addresses.filter((address) => isIP(address) === unknown)
    const all = [...found, ...kept.map((address) => ({ address, ttlMs: 0 }))]
    const used = preferred(all, config.dnsLookupFamily)
    // a logical name keeps its address, whoever says that it has none
    if (used.length > 0 || config.discovery !== 'logical-dns') this.#addresses = used.map(({ address }) => address)
    return { ttlMs: found.length === 0 ? 0 : Math.min(...found.map(({ ttlMs }) => ttlMs)) }
  }
}

/** As Envoy: where a family is preferred, the other's addresses count only when there are none of it. */
function preferred(answers: readonly DnsAnswer[], family: DnsLookupFamily): readonly DnsAnswer[] {
  if (family !== 'auto' && family !== 'v4-preferred') return answers
  const first = answers.filter(({ address }) => isIP(address) === (family === 'auto' ? 6 : 4))
  return first.length > 0 ? first : answers
}
