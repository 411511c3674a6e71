import type { Counter, MetricRegistry } from '@meltemi/runtime'

/** What the request's values name, and so a client could fill memory with. */
const MAX_KEYS = 10_000
/** Rules may come and go; what is forgotten is found again by its name. */
const MAX_KNOWN = 10 * MAX_KEYS
const SCOPE = 'ratelimit.service.rate_limit.'
const IPV4 = /\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}/g

/** The counters of one limit, under the reference's names. */
export interface LimitCounters {
  readonly totalHits: Counter
  readonly overLimit: Counter
  readonly nearLimit: Counter
  readonly withinLimit: Counter
  readonly overLimitWithLocalCache: Counter
  readonly shadowMode: Counter
}

/** Finds the counters of limits by key: `domain.key_value.key`. */
export class LimitStats {
  readonly #metrics: MetricRegistry
  readonly #counters = new Map<string, LimitCounters>()
  readonly #unknownDomains = new Map<string, Counter>()
  readonly #overflow: Counter

  constructor(metrics: MetricRegistry) {
    this.#metrics = metrics
    this.#overflow = metrics.counter('ratelimit.service.stats_overflow')
  }

  /** When there are too many keys already, that of the rule, which is one of few. */
  of(key: string, ruleKey: string): LimitCounters {
    const known = this.#counters.get(key)
    if (known !== undefined) return known
    if (key !== ruleKey && this.#counters.size >= MAX_KEYS) {
      this.#overflow.add(1)
      return this.of(ruleKey, ruleKey)
    }
    if (this.#counters.size >= MAX_KNOWN) this.#counters.clear()
    const counters = this.#create(`${SCOPE}${sanitize(key)}`)
    this.#counters.set(key, counters)
    return counters
  }

  domainNotFound(domain: string): void {
    this.#counterOfUnknown(domain).add(1)
  }

  #counterOfUnknown(domain: string): Counter {
    const known = this.#unknownDomains.get(domain)
    if (known !== undefined) return known
    if (this.#unknownDomains.size >= MAX_KEYS) return this.#overflow
    const counter = this.#metrics.counter(`${SCOPE}${sanitize(domain)}.domain_not_found`)
    this.#unknownDomains.set(domain, counter)
    return counter
  }

  #create(prefix: string): LimitCounters {
    const counter = (name: string) => this.#metrics.counter(`${prefix}.${name}`)
    return {
      totalHits: counter('total_hits'),
      overLimit: counter('over_limit'),
      nearLimit: counter('near_limit'),
      withinLimit: counter('within_limit'),
      overLimitWithLocalCache: counter('over_limit_with_local_cache'),
      shadowMode: counter('shadow_mode'),
    }
  }
}

/** As the reference has it: dots part a name, so those of IPv4 addresses go. */
function sanitize(key: string): string {
  return key.replaceAll(/[:|]/g, '_').replaceAll(IPV4, (address) => address.replaceAll('.', '_'))
}
