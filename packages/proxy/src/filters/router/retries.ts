import { Affinity, type Failure, MessageType, type Metadata } from '@meltemi/sdk'
import { FAILURES, failure } from '../../observe/failure-table.ts'
import { type RetryPolicy, TryEnd } from '../../routing/retry-policy.ts'
import type { CompiledRoute } from '../../routing/route.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { ClusterContext } from '../../upstream/context.ts'
import type { Endpoint } from '../../upstream/endpoint.ts'
import { LimitKind, type Limits } from '../../upstream/limits.ts'
import { Backoff } from '../../util/backoff.ts'
import type { TimerNode } from '../../util/timer-wheel.ts'
import { Attempt } from './attempt.ts'
import { dialectOf } from './dialect-of.ts'
import { keepSmall } from './keep-small.ts'
import type { RouterContext } from './router-context.ts'
import { TriedEndpoints, type TriedParts } from './tried-endpoints.ts'

interface RetryParts extends TriedParts {
  readonly policy: RetryPolicy
}

/** Whether a request can be tried more than once: somebody waits for its one reply, and no connection is its own. */
export function canRetry({ request, streamSink, pinned }: RouterContext): boolean {
  return (
    request.type === MessageType.Request &&
    streamSink === null &&
    pinned === null &&
    request.affinity !== Affinity.Pin &&
    request.message.length > 0
  )
}

/**
 * The tries of one request on a route with a retry policy, from when there may be another one. It stands between the tries
 * and the exchange, which hears of the one that counts: the first good reply, or else the last end.
 *
 *   begin ──► a try ──► good reply, or the beginning of one ──► the exchange; all others are given up
 *               ▲ └──► another end ──► others are under way: waits for them
 *               │         │    └─────► not to be tried again ──► the exchange
 *               └─ timer ─┘ backoff
 *
 * A retry has its place among those allowed from when it is decided to when it ends.
 */
export class Retries implements TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  /** Tries that were begun. */
  attempts = 1
  /** Another try was wanted, and there had been as many as are allowed. */
  isLimitExceeded = false
  readonly #parts: RetryParts
  /** Under way, besides the one that was begun last: with hedging only; null: there never were any. */
  #others: Attempt[] | null = null
  #last: Attempt | null = null
  #firstEndpoint: Endpoint | null = null
  /** null: no other one was looked for. */
  #endpoints: TriedEndpoints | null = null
  #retries = 0
  #backoff: Backoff | null = null
  /** Where the retry that is waited for has its place. */
  #reserved: Limits | null = null
  #hasReply = false
  #isOver = false

  constructor(context: RouterContext, first: Attempt) {
    const { criteria } = first
    // only one that a route with a policy sends is followed, and that goes to an endpoint
    const route = first.route as CompiledRoute
    this.#parts = { context, route, policy: route.retry as RetryPolicy, criteria }
    this.#last = first
    this.#firstEndpoint = first.endpoint as Endpoint
  }

  /** Tries at the same time as the first, where the policy wants some. */
  hedge(): void {
    const { policy, context } = this.#parts
    const { hedge } = policy
    if (hedge === null) return
    const { numerator, denominator } = hedge.additionalChance
    const isLucky = numerator > 0 && context.thread.random.next() * denominator < numerator
    for (let more = hedge.initialRequests - 1 + (isLucky ? 1 : 0); more > 0; more--) if (!this.#tryBeside()) return
  }

  /** Whether the exchange gets this reply; else another one may come. */
  admits(attempt: Attempt, reply: Metadata): boolean {
    if (this.#hasReply) return true
    const end = reply.last ? this.#parts.policy.endOf(reply) : 0
    if (end !== 0 && this.#isReplaced(attempt, end)) return false
    if (end === 0) this.#succeeded(attempt)
    this.#hasReply = true
    this.#parts.context.attempt = attempt
    this.#giveUpAllBut(attempt)
    return true
  }

  #succeeded({ slot, cluster }: Attempt): void {
    this.isLimitExceeded = false
    if (slot !== null) cluster.context.stats.rqRetrySuccess.add(1)
  }

  /** The try has come to nothing. */
  onFailed(attempt: Attempt, cause: Failure, end: number): void {
    if (this.#isOver || (!this.#hasReply && this.#isReplaced(attempt, end))) return
    this.end()
    this.#parts.context.fail(cause)
  }

  /** It has taken its time. */
  onTryTimeout(attempt: Attempt): void {
    const { policy, context } = this.#parts
    attempt.cluster.context.stats.rqPerTryTimeout.add(1)
    // it goes on: whoever replies first counts
    if (policy.goesOn(context.request)) {
      this.#tryBeside()
      attempt.judgeLate()
      return
    }
    attempt.expire()
    this.onFailed(attempt, failure(FAILURES.perTryTimeout, attempt.cluster.name), TryEnd.Reset)
  }

  /** The time before a retry is over. */
  onTimer(): void {
    this.#parts.context.thread.turn.refresh()
    const slot = this.#reserved as Limits
    this.#reserved = null
    this.#tryAgain(slot)
  }

  /** Of the try that has the least; as that of a try. */
  get ownTimeLeftMs(): number {
    let leastMs = this.#last === null ? Number.POSITIVE_INFINITY : this.#last.ownTimeLeftMs
    if (this.#others !== null) for (const other of this.#others) leastMs = Math.min(leastMs, other.ownTimeLeftMs)
    return leastMs
  }

  /** Tries whose time is over end. */
  checkTime(): void {
    const last = this.#last
    // more may come, and some go
    if (this.#others !== null) for (const other of [...this.#others]) other.checkTime()
    last?.checkTime()
  }

  /** The exchange has had its time; of its last try it knows itself. */
  timedOut(): void {
    for (const other of this.#others ?? []) if (other !== this.#parts.context.attempt) other.bookTimeout()
  }

  /** The exchange ends: nothing of this goes on. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#parts.context.thread.timers.cancel(this)
    this.#reserved?.release(LimitKind.Retries)
    this.#reserved = null
    this.#giveUpAllBut(null)
  }

  /** Whether others are under way, or there will be another try. */
  #isReplaced(attempt: Attempt, end: number): boolean {
    this.#forget(attempt)
    if (this.#last !== null || this.timerNext !== null) return true
    if (!this.#isWanted(attempt.cluster, end)) return false
    const slot = this.#reserve(attempt.cluster)
    if (slot === null) return false
    this.#wait(slot, attempt.cluster.context)
    return true
  }

  #isWanted({ context: { stats } }: Cluster, end: number): boolean {
    const { policy, context } = this.#parts
    const { request } = context
    if (!policy.covers(end) || !policy.wants(request)) return false
    if (policy.isSafe(end, request)) return true
    stats.rqRetryNonIdempotent.add(1)
    return false
  }

  /** Takes a place among the retries; null: there can be no more. */
  #reserve({ context: { limits, stats } }: Cluster): Limits | null {
    const { policy, context } = this.#parts
    if (context.request.message.length > policy.maxRequestBytes) stats.retryOrShadowAbandoned.add(1)
    else if (this.#retries >= policy.config.numRetries) {
      this.isLimitExceeded = true
      stats.rqRetryLimitExceeded.add(1)
    } else if (limits.tryAcquire(LimitKind.Retries)) {
      this.#retries++
      stats.rqRetry.add(1)
      return limits
    } else stats.rqRetryOverflow.add(1)
    return null
  }

  #wait(slot: Limits, { stats }: ClusterContext): void {
    const { policy, context } = this.#parts
    const { timers, turn, random } = context.thread
    const { baseMs, maxMs } = policy.config.backOff
    keepSmall(context.request)
    this.#reserved = slot
    this.#backoff ??= new Backoff(random, baseMs, maxMs)
    stats.rqRetryBackoffExponential.add(1)
    timers.schedule(this, this.#backoff.next(), turn.nowMs)
  }

  /** The cluster may be another one by now. */
  #tryAgain(slot: Limits): void {
    const { context } = this.#parts
    const cluster = context.clusters.get(context.cluster)
    if (cluster === undefined) this.#giveUp(slot, failure(FAILURES.unknownCluster, context.cluster))
    else if (!cluster.context.limits.tryAcquire(LimitKind.Requests)) {
      cluster.context.stats.rqOverflow.add(1)
      this.#giveUp(slot, failure(FAILURES.overflow, ''))
    } else {
      const endpoint = this.#tried.pickAgain(cluster)
      if (endpoint !== undefined) this.#start(cluster, endpoint, slot)
      else {
        cluster.context.limits.release(LimitKind.Requests)
        cluster.context.stats.cxNoneHealthy.add(1)
        this.#giveUp(slot, failure(FAILURES.noHealthyUpstream, cluster.name))
      }
    }
  }

  #giveUp(slot: Limits, cause: Failure): void {
    slot.release(LimitKind.Retries)
    this.end()
    this.#parts.context.fail(cause)
  }

  /** A try beside those that are under way, at another endpoint. False: there can be none. */
  #tryBeside(): boolean {
    const { context, policy } = this.#parts
    if (this.#isOver || this.#hasReply || this.#last === null || !policy.mayRepeat(context.request)) return false
    const cluster = context.clusters.get(context.cluster)
    if (cluster === undefined) return false
    const endpoint = this.#tried.pickNew(cluster)
    if (endpoint === undefined) return false
    const { limits, stats } = cluster.context
    if (!limits.tryAcquire(LimitKind.Requests)) {
      stats.rqOverflow.add(1)
      return false
    }
    const slot = this.#reserve(cluster)
    if (slot === null) {
      limits.release(LimitKind.Requests)
      return false
    }
    this.#others ??= []
    this.#others.push(this.#last)
    this.#start(cluster, endpoint, slot)
    return true
  }

  get #tried(): TriedEndpoints {
    this.#endpoints ??= new TriedEndpoints(this.#parts, this.#firstEndpoint as Endpoint)
    return this.#endpoints
  }

  #start(cluster: Cluster, endpoint: Endpoint, slot: Limits): void {
    const { context } = this.#parts
    const attempt = new Attempt(context, cluster, endpoint, this.#parts.route)
    attempt.slot = slot
    this.attempts++
    this.#tried.add(endpoint)
    this.#last = attempt
    context.attempt = attempt
    try {
      attempt.start(endpoint.pool(context.protocol, dialectOf(context)))
    } catch (error: unknown) {
      // a codec's `dialect`
      context.thread.onCodecException(error, context.protocol.definition)
      const text = error instanceof Error ? error.message : String(error)
      attempt.cancel()
      this.onFailed(attempt, failure(FAILURES.encodeFailed, text), 0)
    }
  }

  #forget(attempt: Attempt): void {
    const at = this.#others?.indexOf(attempt) ?? -1
    if (at >= 0) this.#others?.splice(at, 1)
    else if (this.#last === attempt) this.#last = this.#others?.pop() ?? null
    if (this.#last !== null) this.#parts.context.attempt = this.#last
  }

  #giveUpAllBut(winner: Attempt | null): void {
    const [last, others] = [this.#last, this.#others]
    this.#last = winner
    this.#others = null
    winner?.stopTime()
    if (last !== null && last !== winner) last.cancel()
    if (others !== null) for (const other of others) if (other !== winner) other.cancel()
  }
}
