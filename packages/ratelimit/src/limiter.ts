/** Decides on descriptors: counts their hits and compares the counters with the limits. */

import type { RateLimitDescriptor } from '@meltemi/api/rate-limit'
import { counterKey } from './counter-key.ts'
import type { CounterStore, Hit } from './counters/counter.ts'
import type { OverLimitCache } from './counters/over-limit-cache.ts'
import type { LimitCounters, LimitStats } from './limit-stats.ts'
import type { AppliedLimit } from './rules/rule.ts'
import { secondsLeft, secondsOf, windowStart } from './window.ts'

/** No limit is so high, so more need not be told apart, and a counter has room for a million of them. */
const MAX_HITS = 2 ** 33

/** One descriptor of a request with the limit that it has met. */
export interface Question {
  readonly domain: string
  readonly descriptor: RateLimitDescriptor
  readonly hits: number
  readonly applied: AppliedLimit
}

export interface Decision {
  readonly isOverLimit: boolean
  readonly remaining: number
  /** Seconds until the window ends. */
  readonly resetS: number
}

export interface LimiterOptions {
  readonly counters: CounterStore
  readonly overLimitCache: OverLimitCache | undefined
  readonly stats: LimitStats
  /** From this part of a limit on, hits count as near it. */
  readonly nearLimitRatio: number
  readonly keyPrefix: string
}

/** A question on its way to its decision. */
interface Case {
  readonly question: Question
  readonly hit: Hit
  readonly counters: LimitCounters
  readonly resetS: number
  /** The cache knows it as over its limit. */
  readonly isCached: boolean
}

export class Limiter {
  readonly #options: LimiterOptions
  readonly #nearLimitRatio: number

  constructor(options: LimiterOptions) {
    this.#options = options
    this.#nearLimitRatio = Math.fround(options.nearLimitRatio)
  }

  /** In the order of the questions. Throws what the counters throw, then nothing has been decided. */
  async decide(questions: readonly Question[], nowS: number): Promise<readonly Decision[]> {
    const cases = questions.map((question) => this.#open(question, nowS))
    const hits = cases.filter(({ isCached }) => !isCached).map(({ hit }) => hit)
    const counts = hits.length === 0 ? [] : await this.#options.counters.add(hits)
    let next = 0
    return cases.map((each) => (each.isCached ? fromCache(each) : this.#judge(each, counts[next++] ?? 0)))
  }

  #open(question: Question, nowS: number): Case {
    const { domain, descriptor, applied } = question
    const { limit, statsKey } = applied
    const lengthS = secondsOf(limit.unit) ?? 1
    const startS = windowStart(nowS, lengthS)
    const hits = Math.min(question.hits, MAX_HITS)
    const hit: Hit = {
      key: counterKey(this.#options.keyPrefix, domain, descriptor, applied, startS),
      hits,
      startS,
      lengthS,
    }
    const counters = this.#options.stats.of(statsKey, limit.fullKey)
    counters.totalHits.add(hits)
    const isCached = this.#options.overLimitCache?.isOver(hit, limit.requestsPerUnit) === true
    return { question, hit, counters, resetS: secondsLeft(nowS, lengthS), isCached }
  }

  #judge(each: Case, after: number): Decision {
    const { hit, counters, resetS, question } = each
    const { limit } = question.applied
    const threshold = limit.requestsPerUnit
    const before = after - hit.hits
    // In the reference's precision, so that the same hits count as near.
    const near = Math.floor(Math.fround(Math.fround(threshold) * this.#nearLimitRatio))
    if (after <= threshold) {
      if (after > near) counters.nearLimit.add(Math.min(hit.hits, after - near))
      counters.withinLimit.add(hit.hits)
      return { isOverLimit: false, remaining: threshold - after, resetS }
    }
    this.#options.overLimitCache?.add(hit, after)
    // Of several hits the first ones may have had room.
    const over = Math.min(hit.hits, after - threshold)
    counters.overLimit.add(over)
    if (before < threshold) counters.nearLimit.add(threshold - Math.max(near, before))
    return refuse(each, over)
  }
}

function fromCache(each: Case): Decision {
  each.counters.overLimit.add(each.hit.hits)
  each.counters.overLimitWithLocalCache.add(each.hit.hits)
  return refuse(each, each.hit.hits)
}

function refuse({ counters, resetS, question }: Case, over: number): Decision {
  const { isShadow } = question.applied.limit
  if (isShadow) counters.shadowMode.add(over)
  return { isOverLimit: !isShadow, remaining: 0, resetS }
}
