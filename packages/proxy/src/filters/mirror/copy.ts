import type { Counter } from '@meltemi/runtime'
import { type Failure, type MessageId, MessageType, type Metadata, type Mutation } from '@meltemi/sdk'
import { FAILURES, failure } from '../../observe/failure-table.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { DrainWaiter, ReplySink, UpstreamConnection } from '../../upstream/connection.ts'
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
import type { TimerNode } from '../../util/timer-wheel.ts'
import { keepSmall } from '../router/keep-small.ts'
import type { Mirroring } from './mirroring.ts'

export interface CopyParts {
  readonly mirroring: Mirroring
  readonly request: Metadata
  readonly mutation: Mutation
  readonly cluster: Cluster
  readonly endpoint: Target
  readonly timeoutMs: number
}

/**
 * One copy of one request on its way to a mirror. It knows the request's bytes and nothing of its exchange: nobody hears
 * of the reply, which is read only so that the connection can be used again.
 */
export class Copy implements ReplySink, PoolClient, DrainWaiter, TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  readonly #mirroring: Mirroring
  readonly #cluster: Cluster
  readonly #endpoint: Target
  /** null once it was sent: while the reply is due its bytes, and the chunk they came in, are not needed. */
  #request: Metadata | null
  readonly #mutation: Mutation
  readonly #requestId: MessageId
  #heldBytes: number
  readonly #startedMs: number
  #pool: Pool | null = null
  #connection: UpstreamConnection | null = null
  #ticket = 0
  #isOver = false

  /** `parts.request` is held in `parts.mirroring`, and has its place in the limits of `parts.cluster`. */
  constructor(parts: CopyParts) {
    const { mirroring, request, cluster, endpoint, timeoutMs } = parts
    const { turn, timers } = cluster.context
    this.#mirroring = mirroring
    this.#cluster = cluster
    this.#endpoint = endpoint
    this.#request = request
    this.#mutation = parts.mutation
    this.#requestId = request.requestId
    this.#heldBytes = request.message.length
    this.#startedMs = turn.nowMs
    mirroring.stats.active.add(1)
    bookRequest(cluster, endpoint)
    timers.schedule(this, timeoutMs, turn.nowMs)
  }

  /** On a connection that others use too, or of its own for as long as the reply takes; never one that it pins. */
  start(pool: Pool): void {
    this.#pool = pool
    const connection = pool.acquire(this)
    if (connection !== null) this.onConnection(connection)
    else if (this.#request !== null && !this.#isOver) keepSmall(this.#request)
  }

  onConnection(connection: UpstreamConnection): void {
    const request = this.#request as Metadata
    const isOneway = request.type === MessageType.Oneway
    this.#pool = null
    this.#connection = connection
    this.#request = null
    try {
      this.#ticket = connection.send(request, this.#mutation, isOneway ? null : this)
    } catch {
      // no news: the request itself was written by the same codec
      connection.pool.onRoom(connection)
      this.#fail(failure(FAILURES.encodeFailed, ''))
      return
    }
    if (isOneway) this.#onSent(connection)
  }

  onNoConnection(cause: Failure): void {
    this.#pool = null
    this.#fail(cause)
  }

  onReply(reply: Metadata): void {
    if (this.#isOver) return
    const connection = this.#connection as UpstreamConnection
    if (connection.kind === 'exclusive' && this.#isForeign(reply, connection)) {
      this.#ticket = 0
      this.#fail(failure(FAILURES.badResponse, ''))
      connection.close('local')
    } else if (reply.last) {
      noteReply(this.#cluster, this.#endpoint, this.#startedMs)
      bookReply(this.#endpoint, reply)
      this.#complete()
    }
  }

  onUpstreamFailure(cause: Failure): void {
    if (!this.#isOver) this.#fail(cause)
  }

  /** What was written has left, or never will. */
  onUpstreamDrain(): void {
    if (!this.#isOver) this.#complete()
    else this.#release()
  }

  onTimer(): void {
    const { turn, stats } = this.#cluster.context
    turn.refresh()
    stats.rqTimeout.add(1)
    // first: the host may be ejected for it, and its connections closed
    this.#end(this.#mirroring.stats.timeout)
    noteNoReply(this.#cluster, this.#endpoint, this.#startedMs)
    bookTimeout(this.#endpoint)
    this.#pool?.cancel(this)
    if (this.#ticket !== 0) this.#connection?.abandon(this.#ticket)
  }

  /** One-way. */
  #onSent(connection: UpstreamConnection): void {
    if (connection.isBacklogged) {
      connection.whenDrained(this)
      return
    }
    this.#complete()
    connection.pool.onRoom(connection)
  }

  #isForeign(reply: Metadata, { pool }: UpstreamConnection): boolean {
    return pool.protocol.definition.correlation === 'id' && reply.requestId !== this.#requestId
  }

  #complete(): void {
    this.#end(this.#mirroring.stats.completed)
  }

  #fail(cause: Failure): void {
    this.#end(this.#mirroring.stats.failed)
    noteNoReply(this.#cluster, this.#endpoint, this.#startedMs)
    bookFailure(this.#endpoint, cause)
  }

  #end(outcome: Counter): void {
    const connection = this.#connection
    this.#isOver = true
    this.#cluster.context.timers.cancel(this)
    closeRequest(this.#cluster, this.#endpoint, this.#startedMs)
    this.#mirroring.stats.active.add(-1)
    outcome.add(1)
    // a mirror that takes nothing must not let more and more of what was sent to it pile up
    if (connection?.isBacklogged && !connection.isClosed) connection.whenDrained(this)
    else this.#release()
  }

  #release(): void {
    if (this.#heldBytes > 0) this.#mirroring.release(this.#heldBytes)
    this.#heldBytes = 0
  }
}
