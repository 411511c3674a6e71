import { Affinity, type Failure, MessageType, type Metadata } from '@meltemi/sdk'
import { FAILURES, failure, printId } from '../../observe/failure-table.ts'
import { SERVER_ADDRESS } from '../../observe/property-keys.ts'
import type { TrySpan } from '../../observe/tracing/try-span.ts'
import type { MetadataCriteria } from '../../routing/metadata-criteria.ts'
import { type RetryPolicy, TryEnd } from '../../routing/retry-policy.ts'
import type { CompiledRoute } from '../../routing/route.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { DrainWaiter, ReplySink, UpstreamConnection } from '../../upstream/connection.ts'
import { LimitKind, type Limits } from '../../upstream/limits.ts'
import type { Pool, PoolClient } from '../../upstream/pool.ts'
import {
  bookFailure,
  bookReply,
  bookRequest,
  bookTimeout,
  closeRequest,
  noteNoReply,
  noteReply,
} from '../../upstream/request-books.ts'
import type { Target } from '../../upstream/target.ts'
import { keepSmall } from './keep-small.ts'
import type { Retries } from './retries.ts'
import type { RouterContext, Try } from './router-context.ts'

/** Of `#writtenBefore`. */
const NOT_SENT = -1

/** One try of one request at one endpoint: the only one, unless a route's retry policy says otherwise. */
export class Attempt implements ReplySink, PoolClient, DrainWaiter, Try {
  readonly cluster: Cluster
  readonly endpoint: Target
  sentMs = 0
  /** Whose retry policy decides whether another try follows; null: none does. */
  readonly route: CompiledRoute | null
  /** With which its endpoint was picked. */
  readonly criteria: MetadataCriteria | null
  /** Where this one has its place among the retries, until it ends; null: it is the first. */
  slot: Limits | null = null
  readonly #context: RouterContext
  /** Outlier detection was told that there is no reply in time, and needs to hear nothing else. */
  #isJudged = false
  #isOver = false
  /** null: it is not traced. */
  readonly #span: TrySpan | null
  readonly #startedMs: number
  #pool: Pool | null = null
  #connection: UpstreamConnection | null = null
  #ticket = 0
  /** The exchange ends because of its time: what becomes of the connection is no news any more. */
  #isTimedOut = false
  /** Bytes written to the connection before this. */
  #writtenBefore = NOT_SENT
  /** It may take as long as it likes. */
  #isUntimed = false

  constructor(context: RouterContext, cluster: Cluster, endpoint: Target, route: CompiledRoute | null) {
    this.#context = context
    this.route = route
    this.criteria = context.pickRequest.criteria
    this.cluster = cluster
    this.endpoint = endpoint
    this.#startedMs = context.thread.turn.nowMs
    this.#span = context.beginTry(cluster.name)
    bookRequest(cluster, endpoint)
  }

  get address(): string {
    return this.#connection === null ? this.endpoint.address : this.#connection.address
  }

  get localAddress(): string {
    return this.#connection === null ? '' : this.#connection.localAddress
  }

  start(pool: Pool): void {
    const { request, streamSink, protocol } = this.#context
    const ownConnection = streamSink !== null && !(protocol.multiplexing && protocol.canShareStreams)
    const dedicated = request.affinity === Affinity.Pin || ownConnection
    this.#pool = pool
    const connection = pool.acquire(this, dedicated)
    if (connection !== null) this.#take(connection)
    else if (this.#connection === null && !this.#isOver) keepSmall(this.#context.request)
  }

  /** Sends on a connection that needs no pool: the client owns it. */
  startOn(connection: UpstreamConnection): void {
    this.#send(connection)
  }

  onConnection(connection: UpstreamConnection): void {
    if (this.#context.timeLeftMs > 0) {
      this.#take(connection)
      return
    }
    this.#pool = null
    connection.pool.onRoom(connection)
    this.#context.expire()
  }

  #take(connection: UpstreamConnection): void {
    this.#pool = null
    const pins = this.#context.request.affinity === Affinity.Pin
    if (pins) this.#context.pin(connection)
    this.#send(connection)
    if (pins) this.#context.goOn()
  }

  onNoConnection(cause: Failure): void {
    this.#pool = null
    // too much waits: another try would only be more
    this.#failed(cause, cause.code === FAILURES.overflow.code ? 0 : TryEnd.NoConnection)
  }

  onReply(reply: Metadata): void {
    if (this.#isOver) return
    const { request, protocol } = this.#context
    const connection = this.#connection as UpstreamConnection
    if (
      connection.kind === 'exclusive' &&
      protocol.definition.correlation === 'id' &&
      reply.requestId !== request.requestId
    ) {
      this.#wrongId(reply, connection)
      return
    }
    if (this.#context.isObserved) reply.set(SERVER_ADDRESS, connection.address)
    if (reply.last) {
      bookReply(this.endpoint, reply, this.#isJudged)
      noteReply(this.cluster, this.endpoint, this.#startedMs)
      this.#finish(null, reply)
    }
    if (this.#admits(reply)) this.#deliver(reply, connection)
  }

  #deliver(reply: Metadata, connection: UpstreamConnection): void {
    this.#context.deliver(reply)
    if (!reply.last && !this.#isOver) this.#context.holdBack(connection)
  }

  onUpstreamFailure(cause: Failure): void {
    if (this.#isOver || this.#isTimedOut) return
    this.#failed(cause, this.#hasLeft(this.#connection as UpstreamConnection) ? TryEnd.Reset : TryEnd.NotSent)
  }

  /** A one-way message has left. */
  onUpstreamDrain(): void {
    if (this.#isOver) return
    const connection = this.#connection as UpstreamConnection
    this.#finish()
    this.#context.complete()
    connection.pool.onRoom(connection)
  }

  timedOut(): void {
    this.cluster.context.stats.rqTimeout.add(1)
    this.bookTimeout()
  }

  bookTimeout(): void {
    if (this.#isOver) return
    this.#isTimedOut = true
    bookTimeout(this.endpoint, this.#isJudged)
  }

  /** Its own time is over, and that of the exchange is not. */
  expire(): void {
    if (this.#isOver) return
    // first: the host may be ejected for it, and its connections closed
    this.#finish(failure(FAILURES.perTryTimeout, this.cluster.name))
    noteNoReply(this.cluster, this.endpoint, this.#startedMs)
    bookTimeout(this.endpoint, this.#isJudged)
    this.#letGo()
  }

  /** The exchange ended otherwise: nobody waits for the reply any more. */
  cancel(): void {
    if (this.#isOver) return
    noteNoReply(this.cluster, this.endpoint, this.#startedMs)
    this.#finish(null, null, true)
    this.cluster.context.stats.rqCancelled.add(1)
    this.#letGo()
  }

  #letGo(): void {
    this.#pool?.cancel(this)
    if (this.#connection !== null && this.#ticket !== 0) this.#connection.abandon(this.#ticket)
  }

  #send(connection: UpstreamConnection): void {
    const { request, requestMutation, streamSink, thread } = this.#context
    this.#connection = connection
    this.sentMs = thread.turn.nowMs
    if (this.#context.isObserved) this.#observe(connection)
    try {
      if (streamSink !== null) {
        const ticket = connection.sendStream(request, requestMutation, streamSink, 0)
        this.#finish()
        streamSink.onOpened(connection, ticket)
        this.#context.complete()
        return
      }
      const isOneway = request.type === MessageType.Oneway
      if (this.route !== null) this.#begin(connection)
      // most protocols do not tell services how much time they have
      const timeoutMs = request.timeoutMs === 0 ? 0 : this.#timeoutMs()
      this.#ticket = connection.send(request, requestMutation, isOneway ? null : this, timeoutMs)
      if (!isOneway) return
      // else a client could send without end what a service does not take
      if (connection.isBacklogged) connection.whenDrained(this)
      else this.onUpstreamDrain()
    } catch (error: unknown) {
      connection.pool.onRoom(connection)
      this.#failed(failure(FAILURES.encodeFailed, error instanceof Error ? error.message : String(error)))
    }
  }

  /** It is written next, to this connection. */
  #begin(connection: UpstreamConnection): void {
    this.#writtenBefore = connection.bytesWritten
    // the time of the first one was thought of when that of the request began
    if (this.#context.retries !== null) this.#context.watchTries()
  }

  /** What the service is told: never more than the client has said, and what is left of it. */
  #timeoutMs(): number {
    const { request, timeLeftMs } = this.#context
    const leftMs = Math.min(request.timeoutMs, timeLeftMs, this.#ownTimeMs())
    // 0 would be none
    return Math.max(1, Math.floor(leftMs))
  }

  /** Before it is sent: all of it. */
  get ownTimeLeftMs(): number {
    const tryTimeoutMs = this.route === null ? 0 : this.route.tryTimeoutMs
    if (tryTimeoutMs === 0 || this.#isUntimed || this.#isOver) return Number.POSITIVE_INFINITY
    if (this.#writtenBefore === NOT_SENT) return tryTimeoutMs
    return tryTimeoutMs - (this.#context.thread.turn.nowMs - this.sentMs)
  }

  checkTime(): void {
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
    if (this.#isOver || this.#isJudged) return
    this.#isJudged = true
    this.endpoint.outlier?.onNoReply()
  }

  /** Milliseconds that it has for itself, as its service is told. */
  #ownTimeMs(): number {
    const { route } = this
    const isEndless = route === null || route.tryTimeoutMs === 0 || policyOf(route).goesOn(this.#context.request)
    return isEndless ? Number.POSITIVE_INFINITY : route.tryTimeoutMs
  }

  /** Some of it may have reached the service. */
  #hasLeft(connection: UpstreamConnection): boolean {
    return this.route === null || connection.bytesSent > this.#writtenBefore
  }

  /** Whether the exchange gets this reply. */
  #admits(reply: Metadata): boolean {
    const { route } = this
    if (route === null) return true
    if (this.#context.retries === null) {
      // what has begun cannot begin again
      const isWhole = reply.last && this.#context.reply === null
      if (!isWhole || policyOf(route).endOf(reply) === 0) {
        this.#isUntimed = true
        return true
      }
    }
    return this.#followed().admits(this, reply)
  }

  /** Who decides, from now on, whether there is another try. */
  #followed(): Retries {
    return this.#context.retries ?? this.#context.follow(this)
  }

  /** For those who want to know where it went. */
  #observe(connection: UpstreamConnection): void {
    connection.rememberAddress()
    this.#context.request.set(SERVER_ADDRESS, connection.address)
  }

  #wrongId(reply: Metadata, connection: UpstreamConnection): void {
    const { request, protocol } = this.#context
    this.#ticket = 0
    const ids = `${printId(request.requestId)}:${printId(reply.requestId)}`
    this.#failed(
      failure(
        FAILURES.badResponse,
        `meta protocol ${protocol.applicationProtocol} response: request ID is not equal, ${ids}`,
      ),
      TryEnd.Reset,
    )
    connection.close('local')
  }

  /** `end`: a TryEnd; 0: one after which there is no other try. */
  #failed(cause: Failure, end: number = 0): void {
    // first: the host may be ejected for it, and its connections closed
    this.#finish(cause)
    noteNoReply(this.cluster, this.endpoint, this.#startedMs)
    bookFailure(this.endpoint, cause, this.#isJudged)
    // a reply that has begun cannot begin again
    const hasBegun = this.#context.retries === null && this.#context.reply !== null
    if (this.route === null || hasBegun) this.#context.fail(cause)
    else this.#followed().onFailed(this, cause, end)
  }

  #finish(cause: Failure | null = null, reply: Metadata | null = null, isCancelled = false): void {
    if (this.#isOver) return
    this.#isOver = true
    closeRequest(this.cluster, this.endpoint, this.#startedMs)
    if (this.slot !== null) this.slot.release(LimitKind.Retries)
    if (this.#span !== null) this.#endSpan(this.#span, cause, reply, isCancelled)
  }

  #endSpan(span: TrySpan, cause: Failure | null, reply: Metadata | null, isCancelled: boolean): void {
    const connection = this.#connection
    const { host, port, address } = connection ?? this.endpoint
    span.end(this.#context.thread.turn.nowMs, {
      host,
      port,
      address,
      localAddress: connection === null ? '' : connection.localHost,
      localPort: connection === null ? 0 : connection.localPort,
      // the exchange's, where that is why it was given up
      failure: cause ?? (isCancelled ? this.#context.failure : null),
      reply,
      isCancelled,
    })
  }
}

/** Without one, nobody follows a try. */
function policyOf({ retry }: CompiledRoute): RetryPolicy {
  return retry as RetryPolicy
}
