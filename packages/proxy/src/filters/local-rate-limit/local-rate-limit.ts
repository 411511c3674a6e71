import type { LocalRateLimitConfig, TokenBucketConfig } from '@meltemi/api/model'
import type { Counter, GroupedRegistry, HeldMetrics } from '@meltemi/runtime'
import { type FilterContext, FilterStatus } from '@meltemi/sdk'
import { FAILURES, failure, printId } from '../../observe/failure-table.ts'
import { namesObserved } from '../observers.ts'
import type { ProxyFilter, ProxyFilterDefinition, ProxyFilterHost } from '../proxy-filter.ts'
import { RequestMatch } from '../request-match.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import { RateLimitMemory, rateLimitBlock } from './rate-limit-block.ts'

/** Limits what a listener lets in, over all its threads, without asking anybody. docs/rate-limiting.md */
export const localRateLimit: ProxyFilterDefinition<LocalRateLimitConfig | undefined> = {
  name: 'aeraki.meta_protocol.filters.local_ratelimit',
  typeUrl: 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.local_ratelimit.v1alpha.LocalRateLimit',
  // without any configuration it does nothing, unless a route has one
  parse: () => undefined,
  create: (config, host: ProxyFilterHost): ProxyFilter =>
    config === undefined ? {} : new LocalRateLimit(config, host),
  sharedBlocks: (filter, listener) => (filter.parsed === undefined ? [] : [rateLimitBlock(filter, listener)]),
}

interface Condition {
  readonly match: RequestMatch
  readonly limiter: Limiter
}

interface Stats {
  readonly metrics: HeldMetrics
  readonly ok: Counter
  readonly limited: Counter
  readonly enforced: Counter
  readonly evicted: Counter
  readonly overflowed: Counter
}

class LocalRateLimit implements ProxyFilter {
  readonly isObserver: boolean
  readonly #conditions: readonly Condition[]
  /** For what no condition matches; null: that is not limited. */
  readonly #limiter: Limiter | null
  readonly #isShadow: boolean
  readonly #statPrefix: string
  readonly #registry: GroupedRegistry
  #stats: Stats | null = null
  #users = 0

  constructor(config: LocalRateLimitConfig, host: ProxyFilterHost) {
    this.isObserver = namesObserved(config)
    this.#isShadow = config.isShadow
    this.#statPrefix = config.statPrefix
    this.#registry = host.registry
    const limiterOf = this.#limiters(host)
    this.#conditions = config.conditions.map(({ match, bucket }) => ({
      match: new RequestMatch(match),
      limiter: limiterOf(bucket),
    }))
    this.#limiter = config.bucket === undefined ? null : limiterOf(config.bucket)
  }

  retain(): void {
    if (this.#users++ === 0) this.#stats = rateLimitStats(this.#registry, this.#statPrefix)
  }

  release(): void {
    if (--this.#users === 0) this.#stats?.metrics.release()
  }

  onRequest(context: FilterContext): FilterStatus {
    const limiter = this.#choose(context)
    if (limiter === null || limiter.take(context)) {
      this.#stats?.ok.add(1)
      return FilterStatus.Continue
    }
    this.#stats?.limited.add(1)
    if (this.#isShadow) return FilterStatus.Continue
    this.#stats?.enforced.add(1)
    return context.fail(failure(FAILURES.localRateLimited, printId(context.request.requestId)))
  }

  /** The first condition that matches decides alone, whatever the others have left. */
  #choose({ request }: FilterContext): Limiter | null {
    const conditions = this.#conditions
    for (let at = 0; at < conditions.length; at++) {
      const { match, limiter } = conditions[at] as Condition
      if (match.matches(request)) return limiter
    }
    return this.#limiter
  }

  #limiters({
    slot,
    listener,
    config,
    share,
    thread,
    random,
  }: ProxyFilterHost): (bucket: TokenBucketConfig) => Limiter {
    const block = rateLimitBlock(config.filters[slot] as (typeof config.filters)[number], listener)
    const { clock, turn } = thread
    const offsetMs = clock.sharedOffsetMs ?? 0
    const memory = new RateLimitMemory(share.block(block), clock.now() + offsetMs, random())
    const counts = {
      evicted: () => this.#stats?.evicted.add(1),
      overflowed: () => this.#stats?.overflowed.add(1),
    }
    const { originMs, seed } = memory
    const { worker } = share
    const common = { originMs, seed, worker, turn, offsetMs, counts, random: random() }
    return (bucket) => createLimiter(bucket, { ...common, words: memory.take(bucket) })
  }
}

function rateLimitStats(registry: GroupedRegistry, statPrefix: string): Stats {
  const prefix = `meta_protocol.${statPrefix}.local_rate_limit`
  const metrics = registry.hold(prefix)
  return {
    metrics,
    ok: metrics.counter(`${prefix}.ok`),
    limited: metrics.counter(`${prefix}.rate_limited`),
    enforced: metrics.counter(`${prefix}.enforced`),
    evicted: metrics.counter(`${prefix}.bucket_evicted`),
    overflowed: metrics.counter(`${prefix}.bucket_overflow`),
  }
}
