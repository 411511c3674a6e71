import {
  Affinity,
  type ConnectionInfo,
  ErrorType,
  type Failure,
  FilterStatus,
  MessageType,
  type Metadata,
  Mutation,
  ResponseStatus,
  type RouteInfo,
} from '@meltemi/sdk'
import type { Chain } from '../filters/chain.ts'
import type { ExchangeChain } from '../filters/exchange-chain.ts'
import type { Mirroring } from '../filters/mirror/mirroring.ts'
import type { EndedExchange } from '../filters/proxy-filter.ts'
import type { Attempt } from '../filters/router/attempt.ts'
import { keepSmall } from '../filters/router/keep-small.ts'
import type { PickRequest } from '../filters/router/pick-request.ts'
import { Retries } from '../filters/router/retries.ts'
import { routeRequest } from '../filters/router/router.ts'
import type { RouterContext, StreamEnd, StreamObserver, StreamSink, Try } from '../filters/router/router-context.ts'
import { FAILURES, failure } from '../observe/failure-table.ts'
import { APPLICATION_PROTOCOL, REQUEST_ID } from '../observe/property-keys.ts'
import type { ExchangeRecord, RecordedConnection } from '../observe/record.ts'
import { ResponseKind } from '../observe/request-metrics.ts'
import type { ExchangeSpan } from '../observe/tracing/exchange-span.ts'
import type { TrySpan } from '../observe/tracing/try-span.ts'
import type { CompiledRoute } from '../routing/route.ts'
import type { RouteTable } from '../routing/table.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import type { ThreadContext } from '../upstream/context.ts'
import type { UpstreamProtocol } from '../upstream/protocol.ts'
import type { TimerNode } from '../util/timer-wheel.ts'
import type { Client } from './client.ts'
import type { ListenerContext } from './listener-context.ts'

/*
 *   Filtering ──► Paused ──► Filtering … ──► Waiting ──► Over
 *       └── fail, complete ──────────────────────────────►
 */
const Phase = { Filtering: 0, Paused: 1, Waiting: 2, Over: 3 } as const
type Phase = (typeof Phase)[keyof typeof Phase]

/** One request with its reply, from decode to its end, which comes exactly once. */
export class Exchange implements RouterContext, RouteInfo, TimerNode, EndedExchange, ExchangeRecord, StreamObserver {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  /** Neighbours in the connection's list, oldest first. */
  next: Exchange | null = null
  previous: Exchange | null = null
  readonly request: Metadata
  reply: Metadata | null = null
  failure: Failure | null = null
  attempt: Try | null = null
  retries: Retries | null = null
  readonly streamSink: StreamSink | null
  readonly startedMs: number
  /** Ordered protocols: replies that wait for the exchanges before this one. */
  heldReplies: Metadata[] | null = null
  /** null: it is not traced. */
  span: ExchangeSpan | null = null
  /** Written to the client so far. */
  bytesSent = 0
  bytesReceived: number
  endedMs = 0
  repliedMs = 0
  isClientGone = false
  isComplete = false
  isDelayed = false
  readonly #connection: Client<Exchange, never>
  readonly #listener: ListenerContext
  /** null: routes say nothing to filters. */
  readonly #ownChain: ExchangeChain | null
  /** null: no filter has asked for them. */
  #slots: unknown[] | null = null
  #route: CompiledRoute | null = null
  #cluster = ''
  #requestMutation: Mutation = Mutation.none
  #replyMutation: Mutation = Mutation.none
  #cursor = 0
  /** From its beginning, in milliseconds; 0: none. */
  #timeLimitMs = 0
  #phase: Phase = Phase.Filtering
  #isInFilter = false
  #isResumed = false
  #isInReplyFilter = false
  #isFailedAgain = false
  /** The client was there no more when this came to its end. */
  #isUnanswered = false

  constructor(connection: Client<Exchange, never>, request: Metadata, streamSink: StreamSink | null, nowMs: number) {
    const { listener } = connection
    this.request = request
    this.streamSink = streamSink
    this.startedMs = nowMs
    this.bytesReceived = request.message.length
    this.#connection = connection
    this.#listener = listener
    const { current } = listener.routeFilters
    this.#ownChain = current === null ? null : current.enter()
  }

  get connection(): ConnectionInfo & RecordedConnection {
    return this.#connection
  }

  /** Few filters have something to remember. */
  get slots(): unknown[] {
    this.#slots ??= new Array<unknown>(this.#listener.chain.length).fill(undefined)
    return this.#slots
  }

  get route(): RouteInfo | null {
    return this.#route === null ? null : this
  }

  /** Of the route. */
  get name(): string {
    return this.#route === null ? '' : this.#route.name
  }

  get cluster(): string {
    return this.#cluster
  }

  get routeName(): string {
    return this.name
  }

  get attempts(): number {
    if (this.retries !== null) return this.retries.attempts
    return this.attempt === null ? 0 : 1
  }

  get isRetryLimitExceeded(): boolean {
    return this.retries?.isLimitExceeded ?? false
  }

  get timeLeftMs(): number {
    return this.#timeLimitMs === 0
      ? Number.POSITIVE_INFINITY
      : this.#timeLimitMs - (this.thread.turn.nowMs - this.startedMs)
  }

  get sentMs(): number {
    return this.attempt === null ? 0 : this.attempt.sentMs
  }

  get upstreamAddress(): string {
    return this.attempt === null ? '' : this.attempt.address
  }

  get upstreamLocalAddress(): string {
    return this.attempt === null ? '' : this.attempt.localAddress
  }

  get traceId(): string {
    return this.span === null ? '' : this.span.traceId
  }

  get isObserved(): boolean {
    return this.#listener.isObserved || (this.#ownChain?.isObserved ?? false)
  }

  get requestMutation(): Mutation {
    return this.#requestMutation
  }

  get replyMutation(): Mutation {
    return this.#replyMutation
  }

  get routes(): RouteTable {
    return this.#listener.routes.table
  }

  get clusters(): ClusterManager {
    return this.#listener.clusters
  }

  get thread(): ThreadContext {
    return this.#listener.thread
  }

  get protocol(): UpstreamProtocol {
    return this.#listener.protocol
  }

  get pickRequest(): PickRequest {
    return this.#listener.pickRequest
  }

  get mirroring(): Mirroring {
    return this.#listener.mirroring
  }

  get pinned(): UpstreamConnection | null {
    return this.#connection.pinned
  }

  get defaultTimeoutMs(): number {
    return this.#listener.config.requestTimeoutMs
  }

  get isOver(): boolean {
    return this.#phase === Phase.Over
  }

  /** Everything the client gets has been decided; with ordered protocols it may still wait its turn. */
  get isDecided(): boolean {
    return this.failure !== null || (this.reply?.last ?? false)
  }

  get durationMs(): number {
    return this.endedMs - this.startedMs
  }

  /** A method, for V8 calls its runtime for each look at a private getter. */
  #chain(): Chain {
    return this.#ownChain ?? this.#listener.chain
  }

  mutateRequest(key: string, value: string | undefined): void {
    if (this.#requestMutation === Mutation.none) this.#requestMutation = new Mutation()
    this.#requestMutation.set(key, value)
  }

  mutateReply(key: string, value: string | undefined): void {
    if (this.#replyMutation === Mutation.none) this.#replyMutation = new Mutation()
    this.#replyMutation.set(key, value)
  }

  setRoute(route: CompiledRoute, cluster: string): void {
    this.#route = route
    this.#cluster = cluster
    for (const change of route.requestChanges) this.mutateRequest(change.key, change.value)
  }

  noteDelay(): void {
    this.isDelayed = true
  }

  beginTry(cluster: string): TrySpan | null {
    if (this.span === null) return null
    const span = this.span.beginTry(this, cluster, this.thread.turn.nowMs)
    // as in the reference, what the route says counts more
    const route = this.#route
    if (route !== null) for (const change of route.requestChanges) this.mutateRequest(change.key, change.value)
    return span
  }

  follow(first: Attempt): Retries {
    this.retries = new Retries(this, first)
    return this.retries
  }

  armTimeout(delayMs: number, tryMs: number): boolean {
    this.#timeLimitMs = this.request.timeoutMs === 0 ? delayMs : this.#withClients(delayMs)
    // a filter may have kept it for a while: that counts
    const leftMs = this.timeLeftMs
    this.#wakeIn(tryMs === 0 ? leftMs : Math.min(leftMs, tryMs))
    return leftMs > 0
  }

  watchTries(): void {
    const tries = this.retries ?? this.attempt
    this.#wakeIn(tries === null ? this.timeLeftMs : Math.min(this.timeLeftMs, tries.ownTimeLeftMs))
  }

  /** One timer for all that may be due: most often nothing ever is. */
  #wakeIn(delayMs: number): void {
    if (delayMs !== Number.POSITIVE_INFINITY) this.thread.timers.schedule(this, delayMs, this.thread.turn.nowMs)
  }

  #withClients(delayMs: number): number {
    const { timeoutMs } = this.request
    if (this.#listener.config.ignoresClientTimeout) return delayMs
    return delayMs === 0 ? timeoutMs : Math.min(delayMs, timeoutMs)
  }

  onTimer(): void {
    this.thread.turn.refresh()
    if (this.timeLeftMs <= 0) {
      this.expire()
      return
    }
    const tries = this.retries ?? this.attempt
    tries?.checkTime()
    if (!this.isOver && this.failure === null) this.watchTries()
  }

  expire(): void {
    if (this.isOver || this.failure !== null) return
    this.#listener.stats.requestTimeout.add(1)
    this.retries?.timedOut()
    this.attempt?.timedOut()
    this.fail(failure(FAILURES.requestTimeout, this.#cluster))
  }

  start(): void {
    const { tracing, routes, needsRequestId } = this.#listener
    if (this.isObserved || routes.table.readsProtocol) {
      this.request.set(APPLICATION_PROTOCOL, this.#listener.config.applicationProtocol)
    }
    // but not what stands for a client that has not spoken yet
    if (tracing !== null && this.request.message.length > 0) this.span = tracing.begin(this)
    else if (needsRequestId) this.#ensureRequestId()
    if (this.#listener.chain.length > 0) this.#runFilters()
    else this.#runRouter()
  }

  resume(): void {
    if (this.#isInFilter && !this.#isResumed) {
      this.#isResumed = true
      return
    }
    // one that has failed may still be here, waiting for its turn to be answered
    if (this.#phase !== Phase.Paused || this.failure !== null) {
      this.#listener.stats.resumeIgnored.add(1)
      return
    }
    this.#phase = Phase.Filtering
    this.thread.turn.refresh()
    this.thread.timers.cancel(this)
    this.#runFilters()
  }

  pin(connection: UpstreamConnection): void {
    this.#connection.pin(connection)
  }

  goOn(): void {
    this.#connection.goOn()
  }

  deliver(reply: Metadata): void {
    if (this.#phase === Phase.Over) return
    this.reply = reply
    if (this.repliedMs === 0) this.repliedMs = this.thread.turn.nowMs
    if (reply.last) this.thread.timers.cancel(this)
    this.#countReply(reply)
    const route = this.#route
    if (route !== null) for (const change of route.responseChanges) this.mutateReply(change.key, change.value)
    // first, for what the client sent behind it is read as soon as this is over
    if (reply.last && (this.request.affinity === Affinity.Unpin || reply.affinity === Affinity.Unpin)) {
      this.#connection.unpin(this)
    }
    const passes = this.#runReply()
    // a filter that has failed it has answered it
    if (this.failure !== null) return
    if (passes) this.#connection.sendReply(this, reply)
    else if (reply.last) this.finish()
  }

  /** Ends with a local reply, in the client's protocol. */
  fail(cause: Failure): 1 {
    if (this.#phase === Phase.Over) return FilterStatus.Stop
    if (this.failure !== null) {
      this.#isFailedAgain = this.#isInReplyFilter
      return FilterStatus.Stop
    }
    this.failure = cause
    this.thread.timers.cancel(this)
    this.attempt?.cancel()
    if (this.retries !== null) this.retries.end()
    if (cause.type === ErrorType.BadResponse) this.#listener.stats.responseDecodingError.add(1)
    if (this.request.type === MessageType.Oneway) this.finish()
    else if (this.#runReply()) this.#connection.sendLocalReply(this, cause)
    else this.finish()
    return FilterStatus.Stop
  }

  holdBack(connection: UpstreamConnection): void {
    this.#connection.holdBack(connection)
  }

  complete(): void {
    this.isComplete = true
    this.finish()
  }

  /** The connection of the client is gone: nobody is answered. `cause` null: it was the client that left. */
  abort(cause: Failure | null): void {
    if (this.#phase === Phase.Over) return
    this.isClientGone = cause === null
    this.#isUnanswered = this.failure === null
    this.failure ??= cause
    this.attempt?.cancel()
    this.finish()
  }

  /** Only now is a stream that this has opened over. */
  onStreamEnd(end: StreamEnd): void {
    this.bytesReceived += end.bytesReceived
    this.bytesSent += end.bytesSent
    // one of its own came first
    this.failure ??= end.failure
    this.isClientGone = end.isClientGone
    this.isComplete = end.isComplete
    this.endedMs = this.thread.turn.nowMs
    this.#record()
  }

  finish(): void {
    if (this.#phase === Phase.Over) return
    this.#phase = Phase.Over
    this.thread.timers.cancel(this)
    if (this.retries !== null) this.retries.end()
    const { stats, requestMetrics } = this.#listener
    if (this.#cursor > 0) this.#chain().done(this.#cursor, this, this.#listener.onFilterException)
    this.endedMs = this.thread.turn.nowMs
    stats.requestActive.add(-1)
    stats.requestTimeMs.record(this.durationMs)
    requestMetrics.record(this.request, this.#cluster, this.#responseKind(), this.durationMs)
    if (this.span !== null || this.#listener.isRecorded || this.#ownChain?.hasEnd) this.#recordAtEnd()
    else if (this.#ownChain !== null) this.#ownChain.leave()
    this.#connection.remove(this)
  }

  /** Of a stream that is the end of the stream. */
  #recordAtEnd(): void {
    if (this.streamSink?.observe(this)) keepSmall(this.request)
    else this.#record()
  }

  /** For filters, traces and logs. */
  #record(): void {
    // what stands for a client that has not spoken yet
    if (this.request.message.length > 0) this.#tellEnd()
    this.#ownChain?.leave()
  }

  #tellEnd(): void {
    const { accessLogs, onFilterException } = this.#listener
    this.#chain().end(this, onFilterException)
    try {
      this.span?.end(this)
      for (let at = 0; at < accessLogs.length; at++) accessLogs[at]?.write(this)
    } catch (error: unknown) {
      onFilterException(error)
    }
  }

  /** As the reference: routable, and sent on where the codec can add properties. */
  #ensureRequestId(): void {
    if (this.request.find(REQUEST_ID) !== undefined) return
    const id = this.#listener.requestIds.next()
    this.request.set(REQUEST_ID, id)
    if (this.#listener.canChangeRequests) this.mutateRequest(REQUEST_ID, id)
  }

  #runFilters(): void {
    const { length } = this.#listener.chain
    while (this.#cursor < length) {
      const status = this.#runFilter()
      if (this.#phase === Phase.Over || this.failure !== null) return
      if (status === FilterStatus.Stop) {
        this.finish()
        return
      }
      if (status === FilterStatus.Pause && !this.#isResumed) {
        this.#pause()
        return
      }
    }
    this.#runRouter()
  }

  #runFilter(): FilterStatus {
    this.#isInFilter = true
    this.#isResumed = false
    try {
      return this.#chain().request(this.#cursor++, this)
    } catch (error: unknown) {
      this.#listener.onFilterException(error)
      return this.fail(failure(FAILURES.filterFailed, textOf(error)))
    } finally {
      this.#isInFilter = false
    }
  }

  /** A paused exchange has a deadline too: the request's timeout starts now. */
  #pause(): void {
    this.#phase = Phase.Paused
    keepSmall(this.request)
    this.armTimeout(this.defaultTimeoutMs, 0)
  }

  #runRouter(): void {
    this.#phase = Phase.Waiting
    try {
      routeRequest(this)
    } catch (error: unknown) {
      // a codec's `dialect` may throw, also where a filter resumes and nobody above would catch it
      this.#listener.stats.codecException.add(1)
      this.thread.onCodecException(error, this.protocol.definition)
      this.fail(failure(FAILURES.encodeFailed, textOf(error)))
    }
  }

  /** Whether the reply is to be sent. A filter that fails here ends the exchange with a local reply, which no filter sees again. */
  #runReply(): boolean {
    if (this.#isInReplyFilter || !this.#chain().hasReply) return true
    const isLocal = this.failure !== null
    this.#isInReplyFilter = true
    try {
      // a filter that fails what has failed already wants the client to know
      return this.#chain().reply(this) || (isLocal && this.#isFailedAgain)
    } catch (error: unknown) {
      this.#listener.onFilterException(error)
      this.fail(failure(FAILURES.filterFailed, textOf(error)))
      return isLocal
    } finally {
      this.#isInReplyFilter = false
    }
  }

  #responseKind(): ResponseKind {
    if (this.failure !== null) return this.#isUnanswered ? ResponseKind.None : ResponseKind.Local
    if (this.reply === null) return ResponseKind.None
    return this.reply.status === ResponseStatus.Ok ? ResponseKind.Success : ResponseKind.Error
  }

  #countReply(reply: Metadata): void {
    const { stats } = this.#listener
    stats.response.add(1)
    stats.responseDecodingSuccess.add(1)
    if (reply.type === MessageType.Error) stats.responseBusinessException.add(1)
    if (reply.status === ResponseStatus.Ok) stats.responseSuccess.add(1)
    else stats.responseError.add(1)
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
