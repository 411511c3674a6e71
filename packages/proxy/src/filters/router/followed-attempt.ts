import type { Failure, Metadata } from '@meltemi/sdk'
import type { MetadataCriteria } from '../../routing/metadata-criteria.ts'
import type { RetryPolicy } from '../../routing/retry-policy.ts'
import type { CompiledRoute } from '../../routing/route.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { UpstreamConnection } from '../../upstream/connection.ts'
import type { Endpoint } from '../../upstream/endpoint.ts'
import { LimitKind, type Limits } from '../../upstream/limits.ts'
import { Attempt } from './attempt.ts'
import type { Retries } from './retries.ts'
import type { RouterContext } from './router-context.ts'

/** Of `#writtenBefore`. */
const NOT_SENT = -1

/** One that other tries may follow. */
export class FollowedAttempt extends Attempt {
  declare readonly endpoint: Endpoint
  /** Its policy decides. */
  readonly route: CompiledRoute
  /** With which its endpoint was picked. */
  readonly criteria: MetadataCriteria | null
  /** Where this one has its place among the retries, until it ends; null: it is the first. */
  slot: Limits | null = null
  /** Bytes written to the connection before this. */
  #writtenBefore = NOT_SENT
  /** It may take as long as it likes. */
  #isUntimed = false

  constructor(context: RouterContext, cluster: Cluster, endpoint: Endpoint, route: CompiledRoute) {
    super(context, cluster, endpoint)
    this.route = route
    this.criteria = context.pickRequest.criteria
  }

  /** Before it is sent: all of it. */
  override get ownTimeLeftMs(): number {
    const { tryTimeoutMs } = this.route
    if (tryTimeoutMs === 0 || this.#isUntimed || this.isOver) return Number.POSITIVE_INFINITY
    if (this.#writtenBefore === NOT_SENT) return tryTimeoutMs
    return tryTimeoutMs - (this.context.thread.turn.nowMs - this.sentMs)
  }

  override checkTime(): void {
    if (this.ownTimeLeftMs > 0) return
    this.stopTime()
    this.#followed().onTryTimeout(this)
  }

  /** It may take as long as it likes. */
  stopTime(): void {
    this.#isUntimed = true
  }

  /** Its own time is over, and it goes on beside another one: as in Envoy, that is a failure of its host all the same. */
  judgeLate(): void {
    if (this.isOver || this.isJudged) return
    this.isJudged = true
    this.endpoint.outlier?.onNoReply()
  }

  protected override get ownTimeMs(): number {
    const { tryTimeoutMs } = this.route
    if (tryTimeoutMs === 0 || policyOf(this.route).goesOn(this.context.request)) return Number.POSITIVE_INFINITY
    return tryTimeoutMs
  }

  protected override onSend(connection: UpstreamConnection): void {
    this.#writtenBefore = connection.bytesWritten
    // the time of the first one was thought of when that of the request began
    if (this.context.retries !== null) this.context.watchTries()
  }

  protected override hasLeft(connection: UpstreamConnection): boolean {
    return connection.bytesSent > this.#writtenBefore
  }

  protected override admits(reply: Metadata): boolean {
    if (this.context.retries === null) {
      // what has begun cannot begin again
      const isWhole = reply.last && this.context.reply === null
      if (!isWhole || policyOf(this.route).endOf(reply) === 0) {
        this.stopTime()
        return true
      }
    }
    return this.#followed().admits(this, reply)
  }

  protected override onFailed(cause: Failure, end: number): void {
    // a reply that has begun cannot begin again
    if (this.context.retries === null && this.context.reply !== null) this.context.fail(cause)
    else this.#followed().onFailed(this, cause, end)
  }

  /** Who decides, from now on, whether there is another try. */
  #followed(): Retries {
    return this.context.retries ?? this.context.follow(this)
  }

  protected override onOver(): void {
    if (this.slot !== null) this.slot.release(LimitKind.Retries)
  }
}

/** Without one, nobody follows a try. */
function policyOf({ retry }: CompiledRoute): RetryPolicy {
  return retry as RetryPolicy
}
