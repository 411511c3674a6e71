import type { GlobalRateLimitConfig } from '@meltemi/api/model'
import { RATE_LIMIT_METHOD } from '@meltemi/api/rate-limit'
import { type FilterContext, FilterStatus } from '@meltemi/sdk'
import type { GrpcCaller } from '../../upstream/grpc/grpc-caller.ts'
import type { ProxyFilter, ProxyFilterDefinition, ProxyFilterHost } from '../proxy-filter.ts'
import { RequestMatch } from '../request-match.ts'
import { Descriptors } from './descriptors.ts'
import { RateLimitCheck } from './rate-limit-check.ts'
import { type RateLimitStats, rateLimitStats } from './rate-limit-stats.ts'

/** Asks a rate limit service about each request that matches, which waits for the answer. */
export const globalRateLimit: ProxyFilterDefinition<GlobalRateLimitConfig | undefined> = {
  name: 'aeraki.meta_protocol.filters.ratelimit',
  typeUrl: 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.ratelimit.v1alpha.RateLimit',
  // without any configuration it does nothing, unless a route has one
  parse: () => undefined,
  create: (config, host: ProxyFilterHost): ProxyFilter =>
    config === undefined ? {} : new GlobalRateLimit(config, host),
}

class GlobalRateLimit implements ProxyFilter {
  readonly #config: GlobalRateLimitConfig
  readonly #match: RequestMatch
  readonly #descriptors: Descriptors
  readonly #caller: GrpcCaller
  readonly #stats: RateLimitStats
  readonly #slot: number

  constructor(config: GlobalRateLimitConfig, host: ProxyFilterHost) {
    this.#config = config
    this.#match = new RequestMatch(config.match)
    this.#descriptors = new Descriptors(config.descriptors)
    this.#caller = host.grpc
    this.#stats = rateLimitStats(host, config.statPrefix)
    this.#slot = host.slot
  }

  /** The first requests should not have to wait for a connection. */
  retain(): void {
    this.#caller.connectSoon(this.#config.grpcService.cluster)
  }

  onRequest(context: FilterContext): FilterStatus {
    if (!this.#match.matches(context.request)) return FilterStatus.Continue
    const descriptors = this.#descriptors.of(context)
    if (descriptors.length === 0) return FilterStatus.Continue
    const { domain, hitsAddend, grpcService, failureModeDeny } = this.#config
    const check = new RateLimitCheck(context, this.#stats, failureModeDeny)
    context.slots[this.#slot] = check
    const request = { domain, descriptors, hitsAddend }
    check.call = this.#caller.call(grpcService, RATE_LIMIT_METHOD, request, check)
    // one that was refused at once has resumed or failed the request already
    return FilterStatus.Pause
  }

  /** The client has left, or its time is over. */
  onDone({ slots }: FilterContext): void {
    const check = slots[this.#slot] as RateLimitCheck | undefined
    check?.call?.cancel()
  }
}
