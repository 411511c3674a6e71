import { type Codec, type Failure, MessageType, Metadata, Mutation, ReceiveBuffer } from '@meltemi/sdk'
import type { Socket, SocketHandler } from '../net/network.ts'
import { Outbox } from '../net/outbox.ts'
import { tryDecode } from '../net/try-decode.ts'
import { FAILURES, failure } from '../observe/failure-table.ts'
import { formatAddress } from '../util/format-address.ts'
import type { TimerNode } from '../util/timer-wheel.ts'
import type { ClusterContext } from './context.ts'
import { type Correlator, IdCorrelator } from './correlator.ts'
import type { UpstreamProtocol } from './protocol.ts'
import type { Target } from './target.ts'
import { writeMessage } from './write-message.ts'

/** Who gets what an upstream connection receives. Defined here so that nothing below the filters imports them. */
export interface ReplySink {
  /** A reply to this request; more follow unless `reply.last`. */
  onReply(reply: Metadata): void
  /** The connection ended before the (last) reply. Called once; nothing follows. */
  onUpstreamFailure(failure: Failure): void
}

/** Who owns a whole connection: a client that pinned it. */
export interface ConnectionOwner {
  /** A message that answers no request. */
  onPush(message: Metadata): void
  onOwnedClose(): void
}

/** Where a connection belongs; its pool. */
export interface ConnectionHome {
  readonly endpoint: Target
  readonly protocol: UpstreamProtocol
  readonly context: ClusterContext
  onConnected(connection: UpstreamConnection, elapsedMs: number): void
  /** A connection can take a request (again). */
  onRoom(connection: UpstreamConnection): void
  onClosed(connection: UpstreamConnection, cause: CloseCause, bytesSent: number): void
}

/** Who stopped sending because too much waits to leave. */
export interface DrainWaiter {
  onUpstreamDrain(): void
}

/**
 * shared: many requests of many clients. exclusive: one request at a time, bytes as they came. dedicated: all of one
 * client while it is pinned, or one stream's.
 */
export type ConnectionKind = 'shared' | 'exclusive' | 'dedicated'

export type CloseCause = 'connect-failure' | 'connect-timeout' | 'remote' | 'local' | 'bad-response'

const NO_TICKET = 0

/**
 * One connection to one endpoint.
 *
 *   connecting ──► ready ──► closed          isDraining: no new requests, closes with the last reply
 *        └───────────────────────┘
 */
export class UpstreamConnection implements SocketHandler, TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  readonly pool: ConnectionHome
  /** `ip:port` that it is made to; its endpoint may have moved since. */
  readonly address: string
  readonly host: string
  readonly port: number
  readonly kind: ConnectionKind
  readonly correlator: Correlator<ReplySink>
  /** Stream ids of our own, where streams share the connection. */
  readonly streams: IdCorrelator<ReplySink> | null
  isReady = false
  isClosed = false
  isDraining = false
  /** In its pool's list of free ones; kept by the pool. */
  isFree = false
  owner: ConnectionOwner | null = null
  readonly #codec: Codec
  readonly #received: ReceiveBuffer
  readonly #socket: Socket
  readonly #outbox: Outbox
  readonly #rewritesIds: boolean
  readonly #startedMs: number
  #localAddress = ''
  #localHost = ''
  #localPort = 0
  #cause: CloseCause = 'remote'
  #detail = ''
  #isWaitingForDrain = false
  #isPaused = false
  readonly #drainWaiters = new Set<DrainWaiter>()

  constructor(pool: ConnectionHome, kind: ConnectionKind) {
    const { protocol, context, endpoint } = pool
    this.pool = pool
    this.address = endpoint.address
    this.host = endpoint.host
    this.port = endpoint.port
    this.kind = kind
    this.correlator = protocol.correlator(kind !== 'exclusive')
    this.#rewritesIds = kind !== 'exclusive' && protocol.definition.correlation === 'id'
    this.streams = this.#rewritesIds ? new IdCorrelator() : null
    this.#codec = protocol.definition.create('upstream', protocol.options)
    this.#received = new ReceiveBuffer(protocol.maxMessageBytes)
    this.#startedMs = context.turn.nowMs
    this.#socket = context.network.connect(endpoint.host, endpoint.port, this)
    this.#outbox = new Outbox(this.#socket, context.flusher)
    context.timers.schedule(this, context.connectTimeoutMs)
  }

  /** Whether one more request may be sent now. */
  get hasRoom(): boolean {
    if (!this.isReady || this.isClosed || this.isDraining || this.owner !== null || this.#isWaitingForDrain)
      return false
    return this.kind === 'dedicated' ? this.isIdle : this.hasSlot
  }

  /** Whether one more request or stream can be told from the others. */
  get hasSlot(): boolean {
    if (this.correlator.size >= this.correlator.capacity) return false
    return this.streams === null || this.streams.size < this.streams.capacity
  }

  /** Too much waits to leave: see `whenDrained`. */
  get isCongested(): boolean {
    return this.#isWaitingForDrain
  }

  /** The service takes less than it is sent: a drain will be told. */
  get isBacklogged(): boolean {
    return this.#outbox.isStuck(0)
  }

  get isIdle(): boolean {
    return this.correlator.size === 0 && (this.streams === null || this.streams.size === 0)
  }

  /** Somebody waits for a reply or has a stream open; false also when only replies to those who gave up are due. */
  get isAwaited(): boolean {
    return this.correlator.waiting > 0 || (this.streams !== null && this.streams.size > 0)
  }

  /** Bytes written to it so far; those up to `bytesSent` have left. */
  get bytesWritten(): number {
    return this.#outbox.bytesSent + this.#outbox.writer.length
  }

  get bytesSent(): number {
    return this.#outbox.bytesSent
  }

  /** `ip:port` of our end; known from `rememberAddress` on. */
  get localAddress(): string {
    return this.#localAddress
  }

  /** As `localAddress`. */
  get localHost(): string {
    return this.#localHost
  }

  /** As `localAddress`. */
  get localPort(): number {
    return this.#localPort
  }

  /** A socket that is closed cannot tell any more. */
  rememberAddress(): void {
    if (this.#localAddress !== '') return
    const { localAddress, localPort } = this.#socket
    this.#localHost = localAddress
    this.#localPort = localPort
    this.#localAddress = formatAddress(localAddress, localPort)
  }

  /**
   * Sends a request; `sink` hears of its replies. Returns the ticket to give it up with. `sink` null: one-way, no
   * reply is awaited. `timeoutMs`: what the service is told of the time that is left. Throws what the codec throws in
   * encode; then nothing was sent and nothing is registered.
   */
  send(request: Metadata, mutation: Mutation, sink: ReplySink | null, timeoutMs = request.timeoutMs): number {
    // what stands for a client that has not spoken yet has nothing to send
    if (request.message.length === 0) return NO_TICKET
    const ticket = sink === null ? NO_TICKET : this.correlator.add(sink)
    const id = this.#rewritesIds ? (ticket === NO_TICKET ? 1 : ticket) : request.requestId
    try {
      writeMessage(this.#codec, request, mutation, id, request.streamId, this.#outbox.writer, timeoutMs)
    } catch (error: unknown) {
      if (ticket !== NO_TICKET) this.correlator.remove(ticket)
      throw error
    }
    this.#written()
    return ticket
  }

  /** Opens a stream, or sends one more of its messages when `streamTicket` is not 0. Returns the stream's ticket. */
  sendStream(message: Metadata, mutation: Mutation, sink: ReplySink, streamTicket: number): number {
    let ticket = streamTicket
    if (ticket === NO_TICKET) ticket = this.streams === null ? this.correlator.add(sink) : this.streams.add(sink)
    const streamId = this.streams === null ? message.streamId : ticket
    try {
      writeMessage(this.#codec, message, mutation, message.requestId, streamId, this.#outbox.writer)
    } catch (error: unknown) {
      if (streamTicket === NO_TICKET) this.#endStreamQuietly(ticket)
      throw error
    }
    this.#written()
    return ticket
  }

  /** The stream is over on both sides. */
  endStream(ticket: number): void {
    if (this.isClosed) return
    this.#endStreamQuietly(ticket)
    this.pool.onRoom(this)
  }

  /** The client has reset the stream: frames that the service still sends must not reach the next user. */
  closeStream(ticket: number): void {
    if (this.streams !== null && this.kind === 'shared') this.endStream(ticket)
    else this.#endWithStream(ticket)
  }

  #endWithStream(ticket: number): void {
    this.#endStreamQuietly(ticket)
    this.closeSoon()
  }

  #endStreamQuietly(ticket: number): void {
    if (this.streams === null) this.correlator.remove(ticket)
    else this.streams.remove(ticket)
  }

  /** The client of this stream is gone. */
  resetStream(opened: Metadata, ticket: number): void {
    if (this.isClosed) return
    if (this.kind === 'shared' && this.#codec.resetStream !== undefined) {
      this.#codec.resetStream(opened, this.streams === null ? opened.streamId : ticket, this.#outbox.writer)
      this.#written()
      this.endStream(ticket)
    } else this.#endWithStream(ticket)
  }

  /** Calls once everything written has left, or when the connection closes before. */
  whenDrained(waiter: DrainWaiter): void {
    this.#drainWaiters.add(waiter)
  }

  /** Sends a message that belongs to the owner's conversation and to no request. */
  sendOwned(message: Metadata): void {
    writeMessage(this.#codec, message, Mutation.none, message.requestId, message.streamId, this.#outbox.writer)
    this.#written()
  }

  /** Gives up a request. A connection that would confuse its reply with the next one's is closed. */
  abandon(ticket: number): void {
    if (this.isClosed) return
    if (!this.correlator.remove(ticket)) {
      this.close('local')
      return
    }
    // where replies come in order everything new would wait behind the one that does not come
    if (this.kind === 'shared' && !this.#rewritesIds) this.isDraining = true
    this.pool.onRoom(this)
  }

  close(cause: CloseCause = 'local', detail = ''): void {
    if (this.isClosed) return
    this.#cause = cause
    this.#detail = detail
    this.#finish()
    this.#socket.destroy()
  }

  /** Closes after what was written has left. */
  closeSoon(): void {
    // nothing was written yet, and the end would wait for a connection that may never come
    if (!this.isReady) this.close('local')
    if (this.isClosed) return
    this.#cause = 'local'
    this.#outbox.flush()
    this.#finish()
    this.#socket.destroySoon()
  }

  /** No new requests; closes when the last reply has come. */
  drain(): void {
    this.isDraining = true
    if (!this.isAwaited && this.owner === null) this.closeSoon()
  }

  /** Stops reading for the one client that uses this connection. */
  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
    if (this.isReady) this.pool.context.timers.cancel(this)
  }

  resume(): void {
    if (!this.#isPaused || this.isClosed) return
    this.#isPaused = false
    this.pool.context.turn.refresh()
    this.#socket.resume()
    this.#watchPartial(false)
  }

  onConnect(): void {
    if (this.isClosed) return
    this.isReady = true
    this.pool.context.turn.refresh()
    this.pool.context.timers.cancel(this)
    this.pool.onConnected(this, this.pool.context.turn.nowMs - this.#startedMs)
  }

  /** The connect timeout, or that of a reply begun but not finished. */
  onTimer(): void {
    this.pool.context.turn.refresh()
    if (this.isReady) this.close('bad-response', 'meta protocol response: the rest of a message did not come in time')
    else this.close('connect-timeout')
  }

  onData(chunk: Buffer): void {
    if (this.isClosed) return
    this.pool.context.turn.refresh()
    this.pool.context.stats.cxRxBytes.add(chunk.length)
    const received = this.#received
    let hasMessage = false
    if (received.append(chunk)) this.#socket.forget?.(chunk)
    try {
      while (!this.isClosed && received.isReady) {
        const reply = new Metadata(MessageType.Response)
        if (!tryDecode(this.#codec, received, reply)) break
        hasMessage = true
        this.#dispatch(reply)
      }
    } catch (error: unknown) {
      this.#undecodable(error)
    }
    if (this.isClosed) return
    const spent = received.compact()
    if (spent !== undefined) this.#socket.forget?.(spent)
    this.#watchPartial(hasMessage)
    if (this.kind === 'exclusive' && this.correlator.size === 0) this.#onReplyOver()
  }

  onEnd(): void {
    this.pool.context.turn.refresh()
    this.close('remote')
  }

  onDrain(): void {
    if (this.isClosed || (!this.#isWaitingForDrain && this.#drainWaiters.size === 0)) return
    this.#isWaitingForDrain = false
    this.pool.context.turn.refresh()
    this.#tellWaiters()
    this.pool.onRoom(this)
  }

  onClose(error: Error | undefined): void {
    if (this.isClosed) return
    this.pool.context.turn.refresh()
    this.#cause = this.isReady ? 'remote' : 'connect-failure'
    this.#detail = error?.message ?? ''
    this.#finish()
  }

  #written(): void {
    this.#outbox.touch()
    if (this.#outbox.isStuck(this.pool.context.bufferLimitBytes)) this.#isWaitingForDrain = true
  }

  /** A reply that never ends would swallow those behind it. */
  #watchPartial(hasMessage: boolean): void {
    const { timers, turn } = this.pool.context
    const isPartial = this.#received.length > 0 && !this.#isPaused
    if (this.timerNext !== null && (hasMessage || !isPartial)) timers.cancel(this)
    if (!isPartial || this.timerNext !== null || this.pool.protocol.partialMessageTimeoutMs === 0) return
    timers.schedule(this, this.pool.protocol.partialMessageTimeoutMs, turn.nowMs)
  }

  #dispatch(reply: Metadata): void {
    if (reply.type === MessageType.Heartbeat) {
      this.#onHeartbeat(reply)
      return
    }
    if (reply.streamId !== 0 && this.#dispatchStream(reply)) return
    const isReply = reply.type === MessageType.Response || reply.type === MessageType.Error
    const isDue = this.correlator.size > 0
    const sink = isReply ? this.correlator.match(reply.requestId, reply.last) : null
    if (sink === null) this.#unasked(reply, isDue)
    else this.#deliver(sink, reply)
  }

  /** A service's own heartbeat is answered, unless answers would pile up; one that is about to end is asked no more. */
  #onHeartbeat(message: Metadata): void {
    const { writer } = this.#outbox
    const mark = writer.length
    const isLeaving = this.#codec.serviceHeartbeat?.(message, writer) ?? false
    if (this.#isWaitingForDrain) writer.truncate(mark)
    else if (writer.length > mark) this.#written()
    if (isLeaving) this.drain()
  }

  #deliver(sink: ReplySink, reply: Metadata): void {
    sink.onReply(reply)
    // an exclusive one is given to nobody before it is sure that nothing more comes with this reply
    if (reply.last && !this.isClosed && this.kind !== 'exclusive') this.pool.onRoom(this)
  }

  #dispatchStream(message: Metadata): boolean {
    const sink = this.streams === null ? this.correlator.match(0, false) : this.streams.match(message.streamId, false)
    if (sink === null) return false
    sink.onReply(message)
    return true
  }

  /** The one reply that was due is here: the beginning of another must not become part of the next one's. */
  #onReplyOver(): void {
    if (this.#received.length === 0) {
      this.pool.onRoom(this)
      return
    }
    this.pool.context.stats.rqUnknownReply.add(1)
    this.close('local')
  }

  /** Late, doubled or pushed. Only an owner can have use for it; an exclusive connection can no longer be trusted. */
  #unasked(message: Metadata, isDue: boolean): void {
    const isLate = this.#rewritesIds && this.correlator.isOld(message.requestId)
    if (this.owner !== null && !isLate) {
      this.owner.onPush(message)
      return
    }
    this.pool.context.stats.rqUnknownReply.add(1)
    // without ids one reply too many would be taken for the next one's; one that is due is that of somebody who gave up
    if (this.kind === 'exclusive' || (!this.#rewritesIds && !isDue)) this.close('local')
    else this.pool.onRoom(this)
  }

  #undecodable(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    this.pool.context.stats.cxProtocolError.add(1)
    if (!(error instanceof Error && error.name === 'ProtocolError')) {
      this.pool.context.onCodecException(error, this.pool.protocol.definition)
    }
    this.pool.context.logBadReply(this.address, text)
    this.close('bad-response', text)
  }

  #finish(): void {
    this.isClosed = true
    this.pool.context.timers.cancel(this)
    this.#received.clear()
    this.pool.onClosed(this, this.#cause, this.#outbox.bytesSent)
    const cause = this.closeFailure()
    for (let sink = this.correlator.pop(); sink !== null; sink = this.correlator.pop()) sink.onUpstreamFailure(cause)
    if (this.streams !== null) {
      for (let sink = this.streams.pop(); sink !== null; sink = this.streams.pop()) sink.onUpstreamFailure(cause)
    }
    this.#tellWaiters()
    const owner = this.owner
    this.owner = null
    owner?.onOwnedClose()
  }

  #tellWaiters(): void {
    const waiters = [...this.#drainWaiters]
    this.#drainWaiters.clear()
    for (const waiter of waiters) waiter.onUpstreamDrain()
  }

  /** What the end of this connection means for those who wait on it. */
  closeFailure(): Failure {
    switch (this.#cause) {
      case 'bad-response':
        return failure(FAILURES.badResponse, this.#detail)
      case 'connect-timeout':
        return failure(FAILURES.connectTimeout, this.address)
      case 'connect-failure':
        return failure(FAILURES.connectFailure, this.address)
      case 'remote':
        return failure(FAILURES.upstreamClosed, this.address)
      case 'local':
        return failure(FAILURES.localFailure, this.address)
    }
  }
}
