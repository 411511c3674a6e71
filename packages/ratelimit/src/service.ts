/** `ShouldRateLimit`, with the answers and the errors of the reference. */

import {
  RateLimitResponse_Code as Code,
  type RateLimitDescriptor,
  type RateLimitRequest,
  type RateLimitResponseInit,
  type RateLimitStatusInit,
} from '@meltemi/api/rate-limit'
import type { Clock, Counter, Histogram, Logger, MetricRegistry } from '@meltemi/runtime'
import { GrpcCode, GrpcError } from '@meltemi/runtime/grpc'
import { CounterError } from './counters/counter.ts'
import type { FailureMode } from './failure-mode.ts'
import type { LimitStats } from './limit-stats.ts'
import type { Decision, Limiter, Question } from './limiter.ts'
import { responseHeaders } from './response-headers.ts'
import type { AppliedLimit } from './rules/rule.ts'
import type { RuleSet } from './rules/rule-set.ts'
import { secondsLeft, secondsOf } from './window.ts'

const MAX_UINT32 = 2 ** 32 - 1
/** More are more than any limit. */
const MAX_HITS = 2n ** 53n - 1n

export interface ServiceOptions {
  readonly rules: () => RuleSet
  readonly limiter: Limiter
  readonly stats: LimitStats
  readonly failureMode: FailureMode
  /** Counts everything and refuses nothing. */
  readonly isShadow: boolean
  /** Adds headers that tell the client of the limit closest to being reached. */
  readonly hasResponseHeaders: boolean
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: MetricRegistry
}

/** What a descriptor of a request has met; undefined: nothing, or something that another limit replaces. */
type Met = AppliedLimit | undefined

export class RateLimitHandler {
  readonly #options: ServiceOptions
  readonly #requests: Counter
  readonly #responseTime: Histogram
  readonly #serviceErrors: Counter
  readonly #redisErrors: Counter
  readonly #shadowed: Counter

  constructor(options: ServiceOptions) {
    this.#options = options
    const { metrics } = options
    this.#requests = metrics.counter('ratelimit_server.ShouldRateLimit.total_requests')
    this.#responseTime = metrics.histogram('ratelimit_server.ShouldRateLimit.response_time')
    this.#serviceErrors = metrics.counter('ratelimit.service.call.should_rate_limit.service_error')
    this.#redisErrors = metrics.counter('ratelimit.service.call.should_rate_limit.redis_error')
    this.#shadowed = metrics.counter('ratelimit.service.global_shadow_mode')
  }

  async shouldRateLimit(request: RateLimitRequest): Promise<RateLimitResponseInit> {
    const { clock } = this.#options
    const startMs = clock.now()
    this.#requests.add(1)
    try {
      this.#check(request)
      return await this.#answer(request)
    } finally {
      this.#responseTime.record(clock.now() - startMs)
    }
  }

  #check({ domain, descriptors }: RateLimitRequest): void {
    if (domain === '') throw this.#refusal(GrpcCode.UNKNOWN, 'rate limit domain must not be empty')
    if (descriptors.length === 0) {
      throw this.#refusal(GrpcCode.UNKNOWN, 'rate limit descriptor list must not be empty')
    }
  }

  async #answer(request: RateLimitRequest): Promise<RateLimitResponseInit> {
    const nowS = Math.floor(this.#options.clock.wallTime() / 1000)
    const met = this.#findLimits(request)
    const asked = met.map((applied, index) => (applied === undefined || applied.limit.isUnlimited ? -1 : index))
    const questions = asked.filter((index) => index >= 0).map((index) => toQuestion(request, index, met[index]))
    const decisions = await this.#decide(questions, nowS)
    let next = 0
    const statuses = met.map((applied, index) =>
      asked[index] === -1 ? freeStatus(applied) : toStatus(applied as AppliedLimit, decisions[next++] as Decision),
    )
    return this.#conclude(met, statuses)
  }

  #findLimits({ domain, descriptors }: RateLimitRequest): readonly Met[] {
    const { rules, stats } = this.#options
    const set = rules()
    if (!set.hasDomain(domain)) {
      for (const _ of descriptors) stats.domainNotFound(domain)
      return new Array<Met>(descriptors.length).fill(undefined)
    }
    return withoutReplaced(descriptors.map((descriptor) => this.#find(set, domain, descriptor)))
  }

  #find(rules: RuleSet, domain: string, descriptor: RateLimitDescriptor): Met {
    const applied = rules.find(domain, descriptor)
    if (applied !== undefined && !applied.limit.isUnlimited && secondsOf(applied.limit.unit) === undefined) {
      throw this.#refusal(GrpcCode.INVALID_ARGUMENT, 'the unit of the limit in the descriptor is not known')
    }
    return applied
  }

  async #decide(questions: readonly Question[], nowS: number): Promise<readonly Decision[]> {
    if (questions.length === 0) return []
    const { limiter, failureMode, logger } = this.#options
    try {
      return await limiter.decide(questions, nowS)
    } catch (error: unknown) {
      if (!(error instanceof CounterError)) throw error
      this.countersFailed(error)
      if (failureMode === 'error' || failureMode === 'memory') throw new GrpcError(GrpcCode.UNAVAILABLE, error.message)
      logger.limited('failure mode', 1)?.debug('decided without counters', { failureMode })
      return questions.map(({ applied }) => decideBlindly(applied, failureMode === 'deny', nowS))
    }
  }

  countersFailed(error: CounterError): void {
    this.#redisErrors.add(1)
    this.#options.logger.limited('counters', 1)?.warn('counters cannot be had', { error })
  }

  #conclude(met: readonly Met[], statuses: readonly RateLimitStatusInit[]): RateLimitResponseInit {
    const isOver = isOverLimit(met, statuses)
    const isShadowed = isOver && this.#options.isShadow
    if (isShadowed) this.#shadowed.add(1)
    return {
      overallCode: isOver && !isShadowed ? Code.OVER_LIMIT : Code.OK,
      statuses: [...statuses],
      responseHeadersToAdd: this.#options.hasResponseHeaders ? responseHeaders(statuses) : [],
    }
  }

  #refusal(code: GrpcCode, message: string): GrpcError {
    this.#serviceErrors.add(1)
    return new GrpcError(code, message)
  }
}

/** A limit that one of the others replaces by its name is left out. */
function withoutReplaced(met: readonly Met[]): readonly Met[] {
  const replaced = new Set(met.flatMap((applied) => applied?.limit.replaces ?? []))
  if (replaced.size === 0) return met
  return met.map((applied) =>
    applied === undefined || applied.limit.isUnlimited || !replaced.has(applied.limit.name) ? applied : undefined,
  )
}

function toQuestion(request: RateLimitRequest, index: number, applied: Met): Question {
  const descriptor = request.descriptors[index] as RateLimitDescriptor
  const own = descriptor.hitsAddend
  // A descriptor may ask with 0, a request as a whole may not: there 0 is what is not set.
  const hits = own === undefined ? Math.max(1, request.hitsAddend) : Number(own > MAX_HITS ? MAX_HITS : own)
  return { domain: request.domain, descriptor, hits, applied: applied as AppliedLimit }
}

/** Refused when one limit is over, or all quotas of the request are. */
function isOverLimit(met: readonly Met[], statuses: readonly RateLimitStatusInit[]): boolean {
  let quotas = 0
  let quotasOver = 0
  for (const [index, { code }] of statuses.entries()) {
    const isQuota = met[index]?.limit.isQuota === true && !met[index].limit.isUnlimited
    if (code === Code.OVER_LIMIT && !isQuota) return true
    if (isQuota) quotas++
    if (isQuota && code === Code.OVER_LIMIT) quotasOver++
  }
  return quotas > 0 && quotas === quotasOver
}

function freeStatus(applied: Met): RateLimitStatusInit {
  return { code: Code.OK, limitRemaining: applied === undefined ? 0 : MAX_UINT32 }
}

function toStatus({ limit }: AppliedLimit, { isOverLimit, remaining, resetS }: Decision): RateLimitStatusInit {
  return {
    code: isOverLimit ? Code.OVER_LIMIT : Code.OK,
    currentLimit: { name: limit.name, requestsPerUnit: limit.requestsPerUnit, unit: limit.unit },
    limitRemaining: remaining,
    durationUntilReset: { seconds: BigInt(resetS) },
  }
}

function decideBlindly({ limit }: AppliedLimit, isDenied: boolean, nowS: number): Decision {
  const isOver = isDenied && !limit.isShadow
  return {
    isOverLimit: isOver,
    remaining: isOver ? 0 : limit.requestsPerUnit,
    resetS: secondsLeft(nowS, secondsOf(limit.unit) ?? 1),
  }
}
