import {
  Affinity,
  type Codec,
  DecodeStatus,
  type Failure,
  MessageType,
  Metadata,
  Mutation,
  ReceiveBuffer,
} from '@meltemi/sdk'
import { keepSmall } from '../filters/router/keep-small.ts'
import type { Socket, SocketHandler } from '../net/network.ts'
import { Outbox } from '../net/outbox.ts'
import { FAILURES, failure, printId } from '../observe/failure-table.ts'
import type { ConnectionOwner, UpstreamConnection } from '../upstream/connection.ts'
import { writeMessage } from '../upstream/write-message.ts'
import type { TimerNode } from '../util/timer-wheel.ts'
import type { Client } from './client.ts'
import { Exchange } from './exchange.ts'
import type { ListenerContext } from './listener-context.ts'
import { writeLocalReply } from './local-reply.ts'
import { Stream } from './stream.ts'

/** Why a client is not read just now; bits, so that each reason ends by itself. */
const Pause = { InFlight: 1, SlowClient: 2, Pinning: 4, Stream: 8 } as const

const NO_PROPERTIES: ReadonlyMap<string, string> = new Map()
const NEVER = -1
const PROXY_PREFIX = 'proxy_protocol.'

/** Told of the end of a connection. */
export interface ConnectionKeeper {
  onGone(connection: DownstreamConnection): void
}

/**
 * One client. Bytes become messages, requests become exchanges, and what comes of them goes out in the client's
 * protocol: in the order in which it is ready, or, where the protocol has no ids, in the order of the requests.
 */
export class DownstreamConnection implements SocketHandler, Client<Exchange, Stream>, ConnectionOwner, TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  readonly listener: ListenerContext
  readonly properties: ReadonlyMap<string, string>
  /** The upstream connection this client owns: see Affinity. */
  pinned: UpstreamConnection | null = null
  readonly #keeper: ConnectionKeeper
  readonly #socket: Socket
  readonly #codec: Codec
  readonly #received: ReceiveBuffer
  readonly #outbox: Outbox
  readonly #isOrdered: boolean
  #first: Exchange | null = null
  #last: Exchange | null = null
  #inFlight = 0
  #inFlightBytes = 0
  #heldBytes = 0
  #streams: Map<number, Stream> | null = null
  #pausedStreams = 0
  #pauses = 0
  #isDecoding = false
  #hasEnded = false
  #isClosed = false
  #isDraining = false
  #lastActivityMs: number
  #partialSinceMs = NEVER
  #heldBack: Set<UpstreamConnection> | null = null
  #isReleasing = false
  /** Ordered protocols: heartbeats by the exchange that came before them. */
  #heartbeats: Map<Exchange, Metadata[]> | null = null

  constructor(socket: Socket, listener: ListenerContext, keeper: ConnectionKeeper, properties = NO_PROPERTIES) {
    const { protocol, thread, stats } = listener
    this.listener = listener
    this.properties = properties
    this.#keeper = keeper
    this.#socket = socket
    this.#codec = protocol.definition.create('downstream', protocol.options)
    this.#received = new ReceiveBuffer(protocol.maxMessageBytes)
    this.#outbox = new Outbox(socket, thread.flusher)
    this.#isOrdered = protocol.definition.correlation === 'order'
    this.#lastActivityMs = thread.turn.refresh()
    stats.cxTotal.add(1)
    stats.cxActive.add(1)
    if (listener.config.idleTimeoutMs > 0) thread.timers.schedule(this, listener.config.idleTimeoutMs)
  }

  get remoteAddress(): string {
    return this.properties.get('proxy_protocol.source_address') ?? this.#socket.remoteAddress
  }

  get remotePort(): number {
    return Number(this.properties.get('proxy_protocol.source_port') ?? this.#socket.remotePort)
  }

  get localAddress(): string {
    return this.#socket.localAddress
  }

  get localPort(): number {
    return this.#socket.localPort
  }

  /** Bytes kept for this client: unread, waiting for their turn, or on their way out. */
  get bufferedBytes(): number {
    return this.#outbox.pendingBytes + this.#heldBytes + this.#inFlightBytes + this.#received.heldBytes
  }

  get isIdle(): boolean {
    return this.#inFlight === 0 && (this.#streams === null || this.#streams.size === 0)
  }

  /** Not called: the socket comes connected. */
  onConnect(): void {}

  onData(chunk: Buffer): void {
    if (this.#isClosed) return
    this.#lastActivityMs = this.listener.thread.turn.refresh()
    this.listener.stats.cxRxBytes.add(chunk.length)
    this.#received.append(chunk)
    this.#decode()
  }

  onEnd(): void {
    this.#hasEnded = true
    this.#endIfDone()
  }

  onDrain(): void {
    this.#unpause(Pause.SlowClient)
    if (this.#heldBack === null) return
    const heldBack = this.#heldBack
    this.#heldBack = null
    for (const upstream of heldBack) if (!upstream.isClosed) upstream.resume()
  }

  onClose(): void {
    if (this.#isClosed) return
    const { stats } = this.listener
    this.#over(stats.cxDestroyRemoteWithActive)
  }

  /** The idle timeout and that of a message begun but not finished share one timer, which is set to the nearer. */
  onTimer(): void {
    const { config, thread, stats } = this.listener
    const nowMs = thread.turn.refresh()
    if (this.#partialSinceMs !== NEVER && nowMs - this.#partialSinceMs >= config.partialMessageTimeoutMs) {
      stats.partialMessageTimeout.add(1)
      this.close()
      return
    }
    if (config.idleTimeoutMs > 0 && this.isIdle && nowMs - this.#lastActivityMs >= config.idleTimeoutMs) {
      stats.idleTimeout.add(1)
      this.close()
      return
    }
    this.#armTimer(nowMs)
  }

  /** Ends everything of this client at once. */
  close(): void {
    if (this.#isClosed) return
    const { stats } = this.listener
    this.#over(stats.cxDestroyLocalWithActive)
    this.#socket.destroy()
  }

  /** Says goodbye where the protocol can; closes when nothing is under way. */
  drain(): void {
    if (this.#isDraining || this.#isClosed) return
    this.#isDraining = true
    if (this.#codec.goAway !== undefined) {
      this.#codec.goAway(this.#outbox.writer)
      this.#written()
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
    this.pinned = connection
    connection.owner = this
  }

  goOn(): void {
    this.#unpause(Pause.Pinning)
  }

  unpin(): void {
    const connection = this.pinned
    if (connection === null) return
    this.pinned = null
    connection.owner = null
    connection.pool.onRoom(connection)
  }

  onPush(message: Metadata): void {
    if (this.#isClosed) return
    this.#write(message, Mutation.none, message.requestId, message.streamId)
    this.holdBack(this.pinned)
  }

  onOwnedClose(): void {
    this.pinned = null
    // the conversation's state is gone with the connection: the client has to begin anew
    if (!this.#isClosed) this.#endAfterWrites()
  }

  /** A reply of the service, sent now or when those before it have been. */
  sendReply(exchange: Exchange, reply: Metadata): void {
    if (this.#isOrdered && exchange !== this.#first) {
      exchange.heldReplies ??= []
      exchange.heldReplies.push(reply)
      this.#heldBytes += reply.message.length
      if (this.#heldBytes > this.listener.config.maxDownstreamBufferBytes) this.#overflow()
      return
    }
    this.#writeReply(exchange, reply)
  }

  sendLocalReply(exchange: Exchange, cause: Failure): void {
    if (exchange.isOver || (this.#isOrdered && exchange !== this.#first)) return
    this.#writeLocal(exchange, cause)
  }

  /** A frame of a stream, on its way to the client. */
  sendFrame(stream: Stream, message: Metadata): void {
    this.#lastActivityMs = this.listener.thread.turn.nowMs
    this.#write(message, Mutation.none, message.requestId, stream.opened.streamId)
  }

  resetByUpstream(stream: Stream, cause: Failure): void {
    this.listener.stats.streamReset.add(1)
    this.#writeError(stream.opened, cause)
    this.forget(stream)
  }

  forget(stream: Stream): void {
    if (this.#streams?.get(stream.opened.streamId) !== stream) return
    this.#streams.delete(stream.opened.streamId)
    this.listener.stats.streamActive.add(-1)
    this.#unpauseIfRoom()
    this.#endIfDone()
  }

  pauseForStream(): void {
    this.#pausedStreams++
    this.#pause(Pause.Stream)
  }

  resumeForStream(): void {
    if (--this.#pausedStreams === 0) this.#unpause(Pause.Stream)
  }

  /** Stops reading from a service whose frames this client does not take, where nobody else depends on it. */
  holdBack(upstream: UpstreamConnection | null): void {
    if (upstream === null || upstream.kind === 'shared' || this.#isClosed) return
    if (!this.#outbox.isStuck(this.listener.listener.bufferLimitBytes)) return
    upstream.pause()
    this.#heldBack ??= new Set()
    this.#heldBack.add(upstream)
  }

  /** Called by an exchange at its end, exactly once. */
  remove(exchange: Exchange): void {
    const { next, previous } = exchange
    if (previous === null) this.#first = next
    else previous.next = next
    if (next === null) this.#last = previous
    else next.previous = previous
    exchange.next = null
    exchange.previous = null
    this.#inFlight--
    this.#inFlightBytes -= exchange.request.message.length
    if (this.#isClosed) return
    if (exchange.request.affinity === Affinity.Pin) this.#pinEnded(exchange)
    this.#releaseHeartbeats(exchange, previous)
    if (this.#isOrdered && previous === null) this.#releaseHeld()
    this.#unpauseIfRoom()
    this.#endIfDone()
  }

  #pinEnded(exchange: Exchange): void {
    this.#unpause(Pause.Pinning)
    // a greeting has no request to answer
    if (exchange.request.type === MessageType.Oneway && exchange.failure !== null) this.#endAfterWrites()
  }

  #decode(): void {
    if (this.#isDecoding) return
    this.#isDecoding = true
    const received = this.#received
    let isFirst = true
    try {
      while (this.#pauses === 0 && !this.#isClosed && received.isReady) {
        const message = new Metadata(MessageType.Request)
        if (this.#codec.decode(received, message) === DecodeStatus.WaitForData) {
          received.wait()
          break
        }
        if (isFirst) {
          isFirst = false
          this.#partialSinceMs = NEVER
        }
        this.#onMessage(message)
      }
    } catch (error: unknown) {
      this.#undecodable(error)
    } finally {
      this.#isDecoding = false
    }
    if (this.#isClosed) return
    received.compact()
    this.#watchPartial()
    if (this.#hasEnded || this.#isDraining) this.#endIfDone()
  }

  #onMessage(message: Metadata): void {
    const { stats } = this.listener
    stats.requestDecodingSuccess.add(1)
    if (this.properties !== NO_PROPERTIES) describeConnection(message, this.properties)
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
        if (this.pinned !== null) this.pinned.sendOwned(message)
        else stats.requestUnexpected.add(1)
        break
      default:
        message.type satisfies never
    }
  }

  #start(message: Metadata, stream: Stream | null): void {
    const { stats, config } = this.listener
    const exchange = new Exchange(this, message, stream, this.#lastActivityMs)
    exchange.previous = this.#last
    if (this.#last === null) this.#first = exchange
    else this.#last.next = exchange
    this.#last = exchange
    this.#inFlight++
    this.#inFlightBytes += message.message.length
    stats.requestActive.add(1)
    if (this.listener.overloadLevel() >= 2) {
      stats.requestOverload.add(1)
      exchange.fail(failure(FAILURES.overloaded, printId(message.requestId)))
      return
    }
    if (message.affinity === Affinity.Pin && this.pinned === null) this.#pause(Pause.Pinning)
    exchange.start()
    if (
      this.#inFlight >= config.maxInFlightPerConnection ||
      this.#inFlightBytes > this.listener.listener.bufferLimitBytes
    ) {
      this.#pause(Pause.InFlight)
    }
  }

  #onHeartbeat(message: Metadata): void {
    this.listener.stats.requestEvent.add(1)
    if (this.#codec.heartbeatReply === undefined) return
    if (this.#isOrdered && this.#last !== null) this.#holdHeartbeats(this.#last, [message])
    else this.#answerHeartbeat(message)
  }

  #answerHeartbeat(message: Metadata): void {
    if (this.#isClosed) return
    try {
      this.#codec.heartbeatReply?.(message, this.#outbox.writer)
      this.#written()
    } catch (error: unknown) {
      this.#undecodable(error)
    }
  }

  /** Ordered protocols: also the answer to a heartbeat waits for the replies to what was sent before it. */
  #holdHeartbeats(behind: Exchange, messages: readonly Metadata[]): void {
    this.#heartbeats ??= new Map()
    const held = this.#heartbeats.get(behind) ?? []
    this.#heartbeats.set(behind, held)
    for (const message of messages) {
      keepSmall(message)
      held.push(message)
      this.#heldBytes += message.message.length
    }
    if (this.#heldBytes > this.listener.config.maxDownstreamBufferBytes) this.#overflow()
  }

  #releaseHeartbeats(behind: Exchange, previous: Exchange | null): void {
    const held = this.#heartbeats?.get(behind)
    if (held === undefined) return
    this.#heartbeats?.delete(behind)
    for (const message of held) this.#heldBytes -= message.message.length
    if (previous !== null) this.#holdHeartbeats(previous, held)
    else for (const message of held) this.#answerHeartbeat(message)
  }

  #openStream(message: Metadata): void {
    const { stats } = this.listener
    stats.request.add(1)
    stats.requestEvent.add(1)
    stats.requestStream.add(1)
    this.#streams ??= new Map()
    const before = this.#streams.get(message.streamId)
    if (before !== undefined) {
      before.abort()
      this.forget(before)
    }
    const stream = new Stream(this, message)
    this.#streams.set(message.streamId, stream)
    stats.streamActive.add(1)
    this.#start(message, stream)
  }

  #onFrame(message: Metadata): void {
    const stream = this.#streams?.get(message.streamId)
    if (stream === undefined) this.listener.stats.requestUnexpected.add(1)
    else stream.fromClient(message)
  }

  /** Ordered protocols: sends what had to wait for the exchange that has just ended. */
  #releaseHeld(): void {
    // each exchange that ends in the loop comes back here
    if (this.#isReleasing) return
    this.#isReleasing = true
    this.#releaseHeads()
    this.#isReleasing = false
  }

  #releaseHeads(): void {
    for (let head = this.#first; head !== null && !this.#isClosed; head = this.#first) {
      const held = head.heldReplies
      head.heldReplies = null
      if (held !== null) {
        for (const reply of held) {
          this.#heldBytes -= reply.message.length
          this.#writeReply(head, reply)
        }
      }
      if (head === this.#first && head.failure !== null) this.#writeLocal(head, head.failure)
      if (head === this.#first) return
    }
  }

  #writeReply(exchange: Exchange, reply: Metadata): void {
    const { request } = exchange
    this.#lastActivityMs = this.listener.thread.turn.nowMs
    if (!this.#write(reply, exchange.replyMutation, request.requestId, request.streamId)) {
      const cause = failure(FAILURES.badResponse, 'meta protocol response: cannot encode')
      exchange.failure = cause
      this.#writeError(request, cause)
      exchange.attempt?.cancel()
      exchange.finish()
    } else if (reply.last) exchange.finish()
  }

  #writeLocal(exchange: Exchange, cause: Failure): void {
    this.#writeError(exchange.request, cause)
    if (exchange.streamSink !== null) this.#dropStream(exchange.request.streamId)
    exchange.finish()
  }

  #dropStream(streamId: number): void {
    const stream = this.#streams?.get(streamId)
    if (stream === undefined) return
    stream.cancel()
    this.forget(stream)
  }

  #writeError(request: Metadata, cause: Failure): void {
    const { stats } = this.listener
    if (this.#isClosed) return
    if (writeLocalReply(this.#codec, request, cause, this.#outbox.writer)) {
      stats.localResponseBusinessException.add(1)
      this.#written()
    } else {
      // without a reply the client would wait for ever
      stats.localResponseError.add(1)
      this.close()
    }
  }

  #write(message: Metadata, mutation: Mutation, requestId: Metadata['requestId'], streamId: number): boolean {
    try {
      writeMessage(this.#codec, message, mutation, requestId, streamId, this.#outbox.writer)
    } catch (error: unknown) {
      this.listener.stats.codecException.add(1)
      this.listener.thread.onCodecException(error)
      return false
    }
    this.#written()
    return true
  }

  #written(): void {
    const outbox = this.#outbox
    outbox.touch()
    if (!outbox.isStuck(this.listener.listener.bufferLimitBytes)) return
    if (outbox.pendingBytes > this.listener.config.maxDownstreamBufferBytes) this.#overflow()
    else this.#pause(Pause.SlowClient)
  }

  #overflow(): void {
    this.listener.stats.cxOverflow.add(1)
    this.close()
  }

  #pause(reason: number): void {
    if (this.#pauses === 0) {
      this.#socket.pause()
      this.listener.stats.flowControlPaused.add(1)
    }
    this.#pauses |= reason
  }

  #unpause(reason: number): void {
    if ((this.#pauses & reason) === 0) return
    this.#pauses &= ~reason
    if (this.#pauses !== 0 || this.#isClosed) return
    this.#socket.resume()
    // also when nothing can be decoded: what has begun is watched again
    if (this.#received.length > 0 || this.#hasEnded) this.#decode()
  }

  #unpauseIfRoom(): void {
    if ((this.#pauses & Pause.InFlight) === 0) return
    const { config, listener } = this.listener
    if (this.#inFlight * 2 <= config.maxInFlightPerConnection && this.#inFlightBytes * 2 <= listener.bufferLimitBytes) {
      this.#unpause(Pause.InFlight)
    }
  }

  /** A client that has finished, or that is to go, is let go when everything it asked for has been answered. */
  #endIfDone(): void {
    if (this.#isClosed || this.#isDecoding || this.#pauses !== 0) return
    if (this.#hasEnded) this.#abortUnfinishedStreams()
    if (!this.isIdle) return
    if (this.#hasEnded) this.#endAfterWrites()
    else if (this.#isDraining && this.#codec.goAway === undefined) this.#endAfterWrites()
  }

  #endAfterWrites(): void {
    if (this.#isClosed) return
    this.#outbox.flush()
    const { stats } = this.listener
    this.#over(stats.cxDestroyLocalWithActive)
    this.#socket.destroySoon()
  }

  #undecodable(error: unknown): void {
    const { stats } = this.listener
    const reason = error instanceof Error ? error.message : String(error)
    stats.requestDecodingError.add(1)
    if (!(error instanceof Error && error.name === 'ProtocolError')) {
      stats.codecException.add(1)
      this.listener.thread.onCodecException(error)
    }
    this.listener.logBadBytes(this.remoteAddress, reason)
    this.close()
  }

  #watchPartial(): void {
    const { config, thread } = this.listener
    const isPartial = this.#received.length > 0 && this.#pauses === 0
    if (!isPartial) {
      this.#partialSinceMs = NEVER
      return
    }
    if (this.#partialSinceMs !== NEVER || config.partialMessageTimeoutMs === 0) return
    this.#partialSinceMs = this.#lastActivityMs
    this.#armTimer(thread.turn.nowMs)
  }

  #armTimer(nowMs: number): void {
    const { config, thread } = this.listener
    let delayMs = Number.POSITIVE_INFINITY
    if (config.idleTimeoutMs > 0) {
      const sinceMs = this.isIdle ? this.#lastActivityMs : nowMs
      delayMs = sinceMs + config.idleTimeoutMs - nowMs
    }
    if (this.#partialSinceMs !== NEVER) {
      delayMs = Math.min(delayMs, this.#partialSinceMs + config.partialMessageTimeoutMs - nowMs)
    }
    if (delayMs !== Number.POSITIVE_INFINITY) thread.timers.schedule(this, Math.max(delayMs, 1), nowMs)
  }

  #over(withActive: { add(n: number): void }): void {
    const { stats, thread } = this.listener
    this.#isClosed = true
    thread.timers.cancel(this)
    this.#received.clear()
    stats.cxActive.add(-1)
    stats.cxTxBytes.add(this.#outbox.bytesSent)
    for (let exchange = this.#first; exchange !== null; exchange = this.#first) {
      withActive.add(1)
      exchange.abort()
    }
    if (this.#streams !== null) for (const stream of [...this.#streams.values()]) this.#abortStream(stream)
    if (this.#heldBack !== null) for (const upstream of this.#heldBack) upstream.resume()
    const { pinned } = this
    this.pinned = null
    if (pinned !== null) {
      pinned.owner = null
      pinned.close('local')
    }
    this.#keeper.onGone(this)
  }

  /** A client that has finished writing can no longer end a stream; one whose side has ended may still get its frames. */
  #abortUnfinishedStreams(): void {
    if (this.#streams === null) return
    const unfinished = [...this.#streams.values()].filter((stream) => !stream.isClientClosed)
    for (const stream of unfinished) this.#abortStream(stream)
  }

  #abortStream(stream: Stream): void {
    stream.abort()
    this.forget(stream)
  }
}

/** Adds what the PROXY header said. The client must not be able to say it itself, in whatever case it writes the key. */
function describeConnection(message: Metadata, properties: ReadonlyMap<string, string>): void {
  for (let at = message.size - 1; at >= 0; at--) {
    const key = message.key(at)
    if (key.length > PROXY_PREFIX.length && key.toLowerCase().startsWith(PROXY_PREFIX)) message.delete(key)
  }
  for (const [key, value] of properties) message.set(key, value)
}
