import { Affinity, type Codec, type Failure, MessageType, Metadata, Mutation, ReceiveBuffer } from '@meltemi/sdk'
import type { Socket, SocketHandler } from '../net/network.ts'
import { tryDecode } from '../net/try-decode.ts'
import { FAILURES, failure, printId } from '../observe/failure-table.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import { type BufferHolder, LARGE_BYTES, READ_BYTES } from './buffer-share.ts'
import type { Client } from './client.ts'
import { ClientWriter, type WriterOwner } from './client-writer.ts'
import { type DeadlineOwner, Deadlines } from './deadlines.ts'
import { describeConnection } from './describe-connection.ts'
import { Exchange } from './exchange.ts'
import { ExchangeList } from './exchange-list.ts'
import { HeldBack } from './held-back.ts'
import type { ListenerContext } from './listener-context.ts'
import { Pinning, type PinningClient } from './pinning.ts'
import { Pause, Reading } from './reading.ts'
import { ReplyOrder, type TurnTaker } from './reply-order.ts'
import type { Stream } from './stream.ts'
import { StreamTable } from './stream-table.ts'

const NO_PROPERTIES: ReadonlyMap<string, string> = new Map()
const OVERLOAD_REFUSES_REQUESTS = 2
/** Requests under way of one client: from here on they count for the share of buffers. */
const MANY_BYTES = 256 * 1024

/** Told of the end of a connection. */
export interface ConnectionKeeper {
  onGone(connection: DownstreamConnection): void
  /** Memory runs out, and this one holds the most: to be closed, and counted. */
  shed(connection: DownstreamConnection): void
}

/**
 * One client. Bytes become messages, requests become exchanges, and what comes of them goes out in the client's
 * protocol: in the order in which it is ready, or, where the protocol has no ids, in the order of the requests.
 *
 *   socket ─► #received ─ decode ─► exchanges and streams ─► #writer ─► socket
 *                  ▲                       │
 *                  └── #reading, paused ───┘   too much under way, a slow client, a message that pins
 */
export class DownstreamConnection
  implements SocketHandler, Client<Exchange, Stream>, PinningClient, WriterOwner, DeadlineOwner, TurnTaker, BufferHolder
{
  readonly listener: ListenerContext
  readonly properties: ReadonlyMap<string, string>
  countedBytes = 0
  readonly #keeper: ConnectionKeeper
  readonly #socket: Socket
  readonly #codec: Codec
  readonly #received: ReceiveBuffer
  readonly #writer: ClientWriter
  readonly #reading: Reading
  readonly #deadlines: Deadlines
  readonly #exchanges = new ExchangeList()
  /** Protocols without ids only. */
  readonly #order: ReplyOrder | null
  #streams: StreamTable | null = null
  #pausedStreams = 0
  readonly #heldBack = new HeldBack()
  readonly #pinning = new Pinning(this)
  #isDecoding = false
  #hasEnded = false
  #isClosed = false
  /** Closed to all that comes, but its last bytes may still be on their way out. */
  #isLeaving = false
  #isDraining = false
  #hasSaidGoodbye = false
  /** Where somebody is told of it: a socket that is closed cannot tell any more. */
  #localAddress = ''
  #localPort = 0

  constructor(socket: Socket, listener: ListenerContext, keeper: ConnectionKeeper, properties = NO_PROPERTIES) {
    const { protocol, stats } = listener
    this.listener = listener
    this.properties = properties
    this.#keeper = keeper
    this.#socket = socket
    this.#codec = protocol.definition.create('downstream', protocol.options)
    this.#received = new ReceiveBuffer(protocol.maxMessageBytes)
    this.#writer = new ClientWriter(this.#codec, socket, listener, this)
    this.#reading = new Reading(socket, stats.flowControlPaused)
    this.#deadlines = new Deadlines(this, listener)
    this.#order = protocol.definition.correlation === 'order' ? new ReplyOrder(this.#exchanges, this) : null
    if (listener.isObserved || listener.chain.length > 0) this.#rememberAddresses()
    stats.cxTotal.add(1)
    stats.cxActive.add(1)
  }

  get remoteAddress(): string {
    return this.properties.get('proxy_protocol.source_address') ?? this.#socket.remoteAddress
  }

  get remotePort(): number {
    return Number(this.properties.get('proxy_protocol.source_port') ?? this.#socket.remotePort)
  }

  get directRemoteAddress(): string {
    return this.#socket.remoteAddress
  }

  get directRemotePort(): number {
    return this.#socket.remotePort
  }

  get localAddress(): string {
    return this.#localAddress || this.#socket.localAddress
  }

  get localPort(): number {
    return this.#localPort || this.#socket.localPort
  }

  /** Bytes kept for this client: unread, under way, waiting for their turn, or on their way out. */
  get bufferedBytes(): number {
    const heldBytes = this.#order === null ? 0 : this.#order.heldBytes
    return this.#writer.pendingBytes + heldBytes + this.#exchanges.bytes + this.#received.heldBytes
  }

  get pinned(): UpstreamConnection | null {
    return this.#pinning.connection
  }

  get isIdle(): boolean {
    return this.#exchanges.length === 0 && (this.#streams === null || this.#streams.size === 0)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Not called: the socket comes connected. */
  onConnect(): void {}

  onData(chunk: Buffer): void {
    if (this.#isClosed) return
    this.#deadlines.lastActivityMs = this.listener.thread.turn.refresh()
    this.listener.stats.cxRxBytes.add(chunk.length)
    this.#exchanges.onBytes(chunk.length)
    const { length } = chunk
    if (this.#received.append(chunk)) this.#socket.forget?.(chunk)
    this.#decode()
    if (this.#received.length > LARGE_BYTES) this.#onLarge(length)
    else if (this.countedBytes > 0 || this.#exchanges.bytes > MANY_BYTES) this.#count()
  }

  shed(): void {
    this.#keeper.shed(this)
  }

  readOn(): boolean {
    if (this.#isClosed) return false
    this.#unpause(Pause.Turn)
    this.#count()
    return !this.#isClosed && !this.#reading.isPaused
  }

  onEnd(): void {
    this.#hasEnded = true
    this.#endIfDone()
  }

  onDrain(): void {
    this.#deadlines.lastActivityMs = this.listener.thread.turn.refresh()
    this.#unpause(Pause.SlowClient)
    this.#heldBack.release()
    if (this.countedBytes > 0) this.#count()
  }

  onClose(): void {
    if (!this.#isClosed) this.#over(this.listener.stats.cxDestroyRemoteWithActive, null)
    this.#keeper.onGone(this)
  }

  onPartialMessageTimeout(): void {
    this.listener.stats.partialMessageTimeout.add(1)
    this.#reading.pause(Pause.Over)
    this.listener.buffers.closeInTurn(this)
  }

  closeNow(): void {
    this.close(closed('the rest of a message did not come in time'))
  }

  onIdleTimeout(): void {
    this.listener.stats.idleTimeout.add(1)
    // its last reply may still be on its way
    this.#endAfterWrites('it is idle')
  }

  onSlowClient(): void {
    this.#reading.pause(Pause.SlowClient)
    this.#deadlines.watchPartial(false)
  }

  onPending(): void {
    this.#count()
  }

  onOverflow(): void {
    this.listener.stats.cxOverflow.add(1)
    this.close(closed('it takes too little'))
  }

  onUnanswerable(): void {
    this.close(closed('a request cannot be answered'))
  }

  /** Ends everything of this client at once. `cause`: what becomes of that which is under way. */
  close(cause: Failure = closed('the listener ends')): void {
    if (!this.#isClosed) this.#over(this.listener.stats.cxDestroyLocalWithActive, cause)
    else if (!this.#isLeaving) return
    this.#isLeaving = false
    this.#socket.destroy()
    this.#keeper.onGone(this)
  }

  /** The protocol has a message that asks the client to go. */
  get canSayGoodbye(): boolean {
    return this.#codec.goAway !== undefined
  }

  /** Says goodbye where the protocol can; closes when nothing is under way. */
  drain(): void {
    if (this.#isDraining || this.#isClosed) return
    this.#isDraining = true
    try {
      this.#hasSaidGoodbye = this.#writer.goAway()
    } catch (error: unknown) {
      this.listener.thread.onCodecException(error, this.listener.protocol.definition)
    }
    this.#endIfDone()
  }

  /** Connects upstream before the client's first byte, for services that speak first. */
  greet(): void {
    const greeting = new Metadata(MessageType.Oneway)
    greeting.affinity = Affinity.Pin
    this.#start(greeting, null)
  }

  pin(connection: UpstreamConnection): void {
    this.#pinning.pin(connection)
  }

  goOn(): void {
    this.#unpause(Pause.Pinning)
  }

  unpin(by: Exchange): void {
    this.#pinning.unpin(by)
  }

  onPush(message: Metadata): void {
    if (this.#isClosed) return
    this.#writer.message(message, Mutation.none, message.requestId, message.streamId)
    this.holdBack(this.pinned)
  }

  onPinnedClose(): void {
    // the client has to begin anew
    this.#endAfterWrites('its connection to the service is closed')
  }

  onSlowService(): void {
    this.#reading.pause(Pause.SlowService)
  }

  onServiceDrain(): void {
    this.#unpause(Pause.SlowService)
  }

  sendReply(exchange: Exchange, reply: Metadata): void {
    const order = this.#order
    if (order === null || order.isNext(exchange)) {
      this.writeReply(exchange, reply)
      return
    }
    order.hold(exchange, reply)
    this.#limitHeld(order)
  }

  sendLocalReply(exchange: Exchange, cause: Failure): void {
    if (exchange.isOver || (this.#order !== null && !this.#order.isNext(exchange))) return
    this.writeLocalReply(exchange, cause)
  }

  /** Sends it now: its turn has come. */
  writeReply(exchange: Exchange, reply: Metadata): void {
    const { request } = exchange
    this.#deadlines.lastActivityMs = this.listener.thread.turn.nowMs
    if (this.#writer.message(reply, exchange.replyMutation, request.requestId, request.streamId)) {
      exchange.bytesSent += this.#writer.lastBytes
      if (reply.last) exchange.finish()
      return
    }
    const cause = failure(FAILURES.badResponse, 'meta protocol response: cannot encode')
    exchange.failure = cause
    this.#writer.error(request, cause)
    exchange.bytesSent += this.#writer.lastBytes
    exchange.attempt?.cancel()
    exchange.finish()
  }

  writeLocalReply(exchange: Exchange, cause: Failure): void {
    if (!this.#isClosed) {
      this.#writer.error(exchange.request, cause)
      exchange.bytesSent += this.#writer.lastBytes
    }
    exchange.finish()
  }

  answerHeartbeat(request: Metadata): void {
    if (this.#isClosed) return
    try {
      this.#writer.heartbeatReply(request)
    } catch (error: unknown) {
      this.#undecodable(error)
    }
  }

  sendFrame(stream: Stream, message: Metadata): void {
    this.#deadlines.lastActivityMs = this.listener.thread.turn.nowMs
    if (this.#writer.message(message, Mutation.none, message.requestId, stream.opened.streamId)) {
      stream.bytesSent += this.#writer.lastBytes
      return
    }
    const cause = failure(FAILURES.badResponse, 'meta protocol response: cannot encode')
    // first, for what the client is told counts for whoever hears of the end
    this.resetByUpstream(stream, cause)
    stream.abort(cause)
  }

  resetByUpstream(stream: Stream, cause: Failure): void {
    this.listener.stats.streamReset.add(1)
    if (!this.#isClosed) {
      if (stream.isAnswered) this.#writer.streamError(stream.opened, cause)
      else this.#writer.error(stream.opened, cause)
      stream.bytesSent += this.#writer.lastBytes
    }
    this.forget(stream)
  }

  forget(stream: Stream): void {
    if (!this.#streams?.remove(stream)) return
    this.#deadlines.lastActivityMs = this.listener.thread.turn.nowMs
    this.#unpauseIfRoom()
    this.#endIfDone()
  }

  pauseForStream(): void {
    this.#pausedStreams++
    this.#reading.pause(Pause.Stream)
    this.#deadlines.watchPartial(false)
  }

  resumeForStream(): void {
    if (--this.#pausedStreams === 0) this.#unpause(Pause.Stream)
  }

  holdBack(upstream: UpstreamConnection | null): void {
    if (upstream === null || upstream.kind === 'shared' || this.#isClosed || !this.#writer.isStuck) return
    this.#heldBack.hold(upstream)
  }

  remove(exchange: Exchange): void {
    const { previous } = exchange
    this.#exchanges.remove(exchange)
    if (this.#isClosed) return
    // idle begins here, also when the proxy itself answered
    this.#deadlines.lastActivityMs = this.listener.thread.turn.nowMs
    if (exchange.streamSink !== null) this.#dropUnopened(exchange)
    if (exchange.request.affinity === Affinity.Pin) this.#pinEnded(exchange)
    this.#order?.onEnd(exchange, previous)
    if (this.countedBytes > 0 && this.#exchanges.length === 0) this.#count()
    this.#unpauseIfRoom()
    this.#endIfDone()
  }

  #pinEnded(exchange: Exchange): void {
    this.#unpause(Pause.Pinning)
    // a greeting has no request to answer
    if (exchange.request.type === MessageType.Oneway && exchange.failure !== null) {
      this.#endAfterWrites('its service cannot be had')
    }
  }

  /** A part of a large message: others are to have their turn. */
  #onLarge(bytes: number): void {
    this.#count()
    if (this.#isClosed || this.#reading.isPaused || this.listener.buffers.mayReadOn(bytes, this)) return
    this.#reading.pause(Pause.Turn)
    this.#count()
  }

  /** While it waits for its turn, the runtime has read ahead once. */
  #count(): void {
    const aheadBytes = this.#reading.isPausedFor(Pause.Turn) ? READ_BYTES : 0
    if (!this.#isClosed) this.listener.buffers.count(this, this.bufferedBytes + aheadBytes)
  }

  #decode(): void {
    if (this.#isDecoding) return
    this.#isDecoding = true
    try {
      this.#decodeAll()
    } catch (error: unknown) {
      this.#undecodable(error)
    } finally {
      this.#isDecoding = false
    }
    if (this.#isClosed) return
    const spent = this.#received.compact()
    if (spent !== undefined) this.#socket.forget?.(spent)
    this.#deadlines.watchPartial(this.#received.length > 0 && !this.#reading.isHeld)
    if (this.#hasEnded || this.#isDraining) this.#endIfDone()
  }

  #decodeAll(): void {
    const received = this.#received
    while (!this.#reading.isPaused && !this.#isClosed && received.isReady) {
      const message = new Metadata(MessageType.Request)
      if (!tryDecode(this.#codec, received, message)) return
      this.#deadlines.onMessage()
      this.#onMessage(message)
    }
  }

  #onMessage(message: Metadata): void {
    const { stats } = this.listener
    stats.requestDecodingSuccess.add(1)
    describeConnection(message, this.properties)
    switch (message.type) {
      case MessageType.Request:
        stats.request.add(1)
        stats.requestTwoway.add(1)
        this.#start(message, null)
        break
      case MessageType.Oneway:
        stats.request.add(1)
        stats.requestOneway.add(1)
        this.#start(message, null)
        break
      case MessageType.Heartbeat:
        this.#onHeartbeat(message)
        break
      case MessageType.StreamInit:
        this.#openStream(message)
        break
      case MessageType.StreamData:
      case MessageType.StreamCloseOneWay:
      case MessageType.StreamCloseTwoWay:
        this.#onFrame(message)
        break
      case MessageType.Response:
      case MessageType.Error:
        if (!this.#pinning.send(message)) stats.requestUnexpected.add(1)
        break
      default:
        message.type satisfies never
    }
  }

  #begin(message: Metadata, stream: Stream | null): Exchange {
    const exchange = new Exchange(this, message, stream, this.listener.thread.turn.nowMs)
    this.#exchanges.append(exchange)
    this.listener.stats.requestActive.add(1)
    return exchange
  }

  #start(message: Metadata, stream: Stream | null): void {
    const exchange = this.#begin(message, stream)
    if (this.listener.overloadLevel() >= OVERLOAD_REFUSES_REQUESTS) {
      this.listener.stats.requestOverload.add(1)
      exchange.fail(failure(FAILURES.overloaded, printId(message.requestId)))
      return
    }
    if (message.affinity === Affinity.Pin && this.pinned === null) this.#reading.pause(Pause.Pinning)
    exchange.start()
    if (!this.#hasRoom(1)) this.#reading.pause(Pause.InFlight)
  }

  #onHeartbeat(message: Metadata): void {
    this.listener.stats.requestEvent.add(1)
    if (this.#codec.heartbeatReply === undefined) return
    if (!this.#order?.holdHeartbeat(message)) {
      this.answerHeartbeat(message)
      return
    }
    this.#limitHeld(this.#order)
    if (!this.#hasRoom(1)) this.#reading.pause(Pause.InFlight)
  }

  #openStream(message: Metadata): void {
    const { stats } = this.listener
    stats.request.add(1)
    stats.requestEvent.add(1)
    stats.requestStream.add(1)
    this.#streams ??= new StreamTable(stats.streamActive)
    if (this.#streams.size >= this.listener.config.maxInFlightPerConnection) {
      this.#begin(message, null).fail(failure(FAILURES.overflow, ''))
      return
    }
    this.#start(message, this.#streams.open(this, message))
  }

  #onFrame(message: Metadata): void {
    const stream = this.#streams?.get(message.streamId)
    if (stream === undefined) this.listener.stats.requestUnexpected.add(1)
    else stream.fromClient(message)
  }

  /** A stream whose exchange has ended otherwise: the client knows, or a filter keeps it from knowing. */
  #dropUnopened(exchange: Exchange): void {
    const stream = this.#streams?.get(exchange.request.streamId)
    if (stream === undefined || stream !== exchange.streamSink) return
    if (stream.isOpen && exchange.failure === null) return
    stream.abort(exchange.failure)
    this.forget(stream)
  }

  #limitHeld(order: ReplyOrder): void {
    if (order.heldBytes > this.listener.config.maxDownstreamBufferBytes) this.onOverflow()
  }

  #unpause(reason: Pause): void {
    if (!this.#reading.unpause(reason) || this.#isClosed) return
    // also when nothing can be decoded: what has begun is watched again
    if (this.#received.length > 0 || this.#hasEnded || this.#isDraining) this.#decode()
  }

  #unpauseIfRoom(): void {
    // half of the room, so that reading does not stop and go with every message
    if (this.#reading.isPausedFor(Pause.InFlight) && this.#hasRoom(2)) this.#unpause(Pause.InFlight)
  }

  #hasRoom(factor: number): boolean {
    const { config, listener } = this.listener
    const { bytes } = this.#exchanges
    // heartbeats that wait for their turn take room as requests do
    const length = this.#exchanges.length + (this.#order === null ? 0 : this.#order.heldHeartbeats)
    return length * factor < config.maxInFlightPerConnection + factor - 1 && bytes * factor <= listener.bufferLimitBytes
  }

  /** A client that has finished, or that is to go, is let go when everything it asked for has been answered. */
  #endIfDone(): void {
    if (this.#isClosed || this.#isDecoding || this.#reading.isPaused) return
    if (this.#hasEnded) this.#streams?.abortUnfinished()
    if (!this.isIdle) return
    if (this.#hasEnded || (this.#isDraining && !this.#hasSaidGoodbye)) this.#endAfterWrites('it is done')
  }

  #endAfterWrites(reason: string): void {
    if (this.#isClosed) return
    this.#writer.flush()
    this.#over(this.listener.stats.cxDestroyLocalWithActive, closed(reason))
    this.#socket.destroySoon()
    // a drain has to wait for the last bytes of a reply: gone is a client only when it has taken them and closed
    this.#isLeaving = true
  }

  #undecodable(error: unknown): void {
    const { stats } = this.listener
    const reason = error instanceof Error ? error.message : String(error)
    stats.requestDecodingError.add(1)
    if (!(error instanceof Error && error.name === 'ProtocolError')) {
      stats.codecException.add(1)
      this.listener.thread.onCodecException(error, this.listener.protocol.definition)
    }
    this.listener.logBadBytes(this.remoteAddress, reason)
    this.close(failure(FAILURES.badRequest, reason))
  }

  /** `cause` null: the client has left. */
  #over(withActive: { add(n: number): void }, cause: Failure | null): void {
    const { stats } = this.listener
    this.#isClosed = true
    this.#deadlines.cancel()
    this.listener.buffers.count(this, 0)
    this.#received.clear()
    stats.cxActive.add(-1)
    stats.cxTxBytes.add(this.#writer.bytesSent)
    for (let exchange = this.#exchanges.first; exchange !== null; exchange = this.#exchanges.first) {
      withActive.add(1)
      exchange.abort(cause)
    }
    this.#streams?.abortAll(cause)
    this.#heldBack.release()
    this.#pinning.close()
  }

  #rememberAddresses(): void {
    const { localAddress, localPort } = this.#socket
    this.#localAddress = localAddress
    this.#localPort = localPort
    // of this one a socket keeps what it was asked for
    void this.#socket.remoteAddress
  }
}

function closed(reason: string): Failure {
  return failure(FAILURES.clientClosed, reason)
}
