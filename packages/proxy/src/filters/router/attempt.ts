import { Affinity, type Failure, MessageType, type Metadata } from '@meltemi/sdk'
import { FAILURES, failure, printId } from '../../observe/failure-table.ts'
import { SERVER_ADDRESS } from '../../observe/property-keys.ts'
import type { TrySpan } from '../../observe/tracing/try-span.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { DrainWaiter, ReplySink, UpstreamConnection } from '../../upstream/connection.ts'
import type { Pool, PoolClient } from '../../upstream/pool.ts'
import {
  bookReply,
  bookRequest,
  bookTimeout,
  closeRequest,
  noteNoReply,
  noteReply,
} from '../../upstream/request-books.ts'
import type { Target } from '../../upstream/target.ts'
import { keepSmall } from './keep-small.ts'
import type { RouterContext, Try } from './router-context.ts'

/** One try of one request at one endpoint. */
export class Attempt implements ReplySink, PoolClient, DrainWaiter, Try {
  readonly cluster: Cluster
  readonly endpoint: Target
  sentMs = 0
  readonly #context: RouterContext
  /** null: it is not traced. */
  readonly #span: TrySpan | null
  readonly #startedMs: number
  #pool: Pool | null = null
  #connection: UpstreamConnection | null = null
  #ticket = 0
  #isOver = false

  constructor(context: RouterContext, cluster: Cluster, endpoint: Target) {
    this.#context = context
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
    if (connection !== null) this.onConnection(connection)
    else if (this.#connection === null && !this.#isOver) keepSmall(this.#context.request)
  }

  /** Sends on a connection that needs no pool: the client owns it. */
  startOn(connection: UpstreamConnection): void {
    this.#send(connection)
  }

  onConnection(connection: UpstreamConnection): void {
    this.#pool = null
    const pins = this.#context.request.affinity === Affinity.Pin
    if (pins) this.#context.pin(connection)
    this.#send(connection)
    if (pins) this.#context.goOn()
  }

  onNoConnection(cause: Failure): void {
    this.#pool = null
    this.#failed(cause)
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
      bookReply(this.endpoint, reply)
      noteReply(this.cluster, this.endpoint, this.#startedMs)
      this.#finish(null, reply)
    }
    this.#context.deliver(reply)
    if (!reply.last && !this.#isOver) this.#context.holdBack(connection)
  }

  onUpstreamFailure(cause: Failure): void {
    if (!this.#isOver) this.#failed(cause)
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
    if (!this.#isOver) bookTimeout(this.endpoint)
  }

  /** The exchange ended otherwise: nobody waits for the reply any more. */
  cancel(): void {
    if (this.#isOver) return
    noteNoReply(this.cluster, this.endpoint, this.#startedMs)
    this.#finish(null, null, true)
    this.cluster.context.stats.rqCancelled.add(1)
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
      this.#ticket = connection.send(request, requestMutation, isOneway ? null : this)
      if (!isOneway) return
      // else a client could send without end what a service does not take
      if (connection.isBacklogged) connection.whenDrained(this)
      else this.onUpstreamDrain()
    } catch (error: unknown) {
      connection.pool.onRoom(connection)
      this.#failed(failure(FAILURES.encodeFailed, error instanceof Error ? error.message : String(error)))
    }
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
    )
    connection.close('local')
  }

  #failed(cause: Failure): void {
    this.endpoint.requestsFailed++
    noteNoReply(this.cluster, this.endpoint, this.#startedMs)
    this.#finish(cause)
    this.#context.fail(cause)
  }

  #finish(cause: Failure | null = null, reply: Metadata | null = null, isCancelled = false): void {
    if (this.#isOver) return
    this.#isOver = true
    closeRequest(this.cluster, this.endpoint, this.#startedMs)
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
