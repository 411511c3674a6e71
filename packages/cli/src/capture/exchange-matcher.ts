import { type MessageId, MessageType } from '@meltemi/sdk'
import { type ConnectionName, Exchange, type Outcome } from './exchange.ts'
import type { MessageFacts } from './message-facts.ts'

/** Of requests without a reply, or open streams; beyond it the oldest is given up. */
const MAX_WAITING = 10_000
const STREAM_TYPES: readonly MessageType[] = [
  MessageType.StreamInit,
  MessageType.StreamData,
  MessageType.StreamCloseOneWay,
  MessageType.StreamCloseTwoWay,
]
/** After these a stream is still open on the other side. */
const OPEN_TYPES: readonly MessageType[] = [
  MessageType.StreamInit,
  MessageType.StreamData,
  MessageType.StreamCloseOneWay,
]
/** Without ids all replies come in the order of the requests: as if all had this one. */
const NO_ID = 0

interface OpenStream {
  readonly exchange: Exchange
  isClientClosed: boolean
  isServerClosed: boolean
}

/**
 * Finds out which messages of one connection belong together. Replies go to the oldest request with their id, or,
 * where the protocol has none, to the oldest request; frames to the stream with their stream id.
 */
export class ExchangeMatcher {
  readonly #connection: ConnectionName
  readonly #byId: boolean
  readonly #report: (exchange: Exchange) => void
  /** Requests and heartbeats by id, each list in the order they came. */
  readonly #waiting = new Map<MessageId, Exchange[]>()
  readonly #streams = new Map<number, OpenStream>()
  #waitingCount = 0
  #heldBytes = 0
  #isUncertain = false

  constructor(connection: ConnectionName, correlation: 'id' | 'order', report: (exchange: Exchange) => void) {
    this.#connection = connection
    this.#byId = correlation === 'id'
    this.#report = report
  }

  /** About what is held for requests without a reply and open streams. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Messages are missing: without ids nobody knows any more which reply is whose. */
  outOfStep(): void {
    if (!this.#byId) this.#isUncertain = true
  }

  take(message: MessageFacts): void {
    if (message.streamId !== 0 || STREAM_TYPES.includes(message.type)) this.#takeFrame(message)
    else if (message.side === 'request') this.#takeRequest(message)
    else this.#takeReply(message)
  }

  /** Nothing more comes, for this reason: what waits is reported as it is. */
  finish(reason: string): void {
    for (const exchanges of this.#waiting.values()) for (const exchange of exchanges) this.#end(exchange, reason)
    for (const { exchange } of this.#streams.values()) this.#end(exchange, reason)
    this.#waiting.clear()
    this.#streams.clear()
    this.#waitingCount = 0
  }

  #takeRequest(message: MessageFacts): void {
    const { type } = message
    if (type === MessageType.Oneway) this.#single('oneway', message, 'sent')
    else if (type === MessageType.Heartbeat) this.#wait(this.#open('heartbeat', message, 'unanswered'))
    else if (type === MessageType.Request) this.#wait(this.#open('exchange', message, 'unanswered'))
    else this.#single('exchange', message, 'unasked')
  }

  #takeReply(message: MessageFacts): void {
    const { type } = message
    if (type === MessageType.Oneway) {
      this.#single('oneway', message, 'sent')
      return
    }
    const isHeartbeat = type === MessageType.Heartbeat
    const exchange = type === MessageType.Request ? undefined : this.#match(message, isHeartbeat)
    if (exchange === undefined) {
      this.#single(isHeartbeat ? 'heartbeat' : 'exchange', message, 'unasked')
      return
    }
    this.#add(exchange, message)
    if (message.isLast) {
      exchange.outcome = 'answered'
      this.#remove(exchange)
      this.#end(exchange, '')
    }
  }

  /** A frame without the one that opens its stream still tells that there is a stream. */
  #takeFrame(message: MessageFacts): void {
    const { streamId, type } = message
    let stream = this.#streams.get(streamId)
    if (stream !== undefined && type === MessageType.StreamInit && message.side === 'request') {
      this.#streams.delete(streamId)
      this.#end(stream.exchange, 'its id was used again')
      stream = undefined
    }
    if (stream === undefined) {
      stream = { exchange: this.#open('stream', message, 'open'), isClientClosed: false, isServerClosed: false }
      this.#streams.set(streamId, stream)
      if (this.#streams.size > MAX_WAITING) this.#giveUpStream()
    } else this.#add(stream.exchange, message)
    this.#close(stream, message)
  }

  #close(stream: OpenStream, { type, side, streamId }: MessageFacts): void {
    if (type === MessageType.StreamCloseOneWay) {
      if (side === 'request') stream.isClientClosed = true
      else stream.isServerClosed = true
    }
    const isOver = !OPEN_TYPES.includes(type)
    if (!isOver && !(stream.isClientClosed && stream.isServerClosed)) return
    stream.exchange.outcome = isOver && type !== MessageType.StreamCloseTwoWay ? 'reset' : 'closed'
    this.#streams.delete(streamId)
    this.#end(stream.exchange, '')
  }

  #match(message: MessageFacts, isHeartbeat: boolean): Exchange | undefined {
    const exchanges = this.#waiting.get(this.#keyOf(message)) ?? []
    if (!isHeartbeat) return exchanges[0]
    if (this.#byId) return exchanges.find(({ kind }) => kind === 'heartbeat')
    return exchanges[0]?.kind === 'heartbeat' ? exchanges[0] : undefined
  }

  #wait(exchange: Exchange): void {
    const key = this.#keyOf(exchange.first)
    const others = this.#waiting.get(key)
    if (others === undefined) this.#waiting.set(key, [exchange])
    else others.push(exchange)
    this.#waitingCount++
    if (this.#waitingCount > MAX_WAITING) this.#giveUpRequest()
  }

  #remove(exchange: Exchange): void {
    const key = this.#keyOf(exchange.first)
    const exchanges = this.#waiting.get(key) as Exchange[]
    exchanges.splice(exchanges.indexOf(exchange), 1)
    if (exchanges.length === 0) this.#waiting.delete(key)
    this.#waitingCount--
  }

  #giveUpRequest(): void {
    for (const [oldest] of this.#waiting.values()) {
      if (oldest === undefined) continue
      this.#remove(oldest)
      this.#end(oldest, `more than ${MAX_WAITING} others wait`)
      return
    }
  }

  #giveUpStream(): void {
    for (const [streamId, { exchange }] of this.#streams) {
      this.#streams.delete(streamId)
      this.#end(exchange, `more than ${MAX_WAITING} others are open`)
      return
    }
  }

  #keyOf(message: MessageFacts): MessageId {
    return message.requestId ?? NO_ID
  }

  #open(kind: Exchange['kind'], message: MessageFacts, outcome: Outcome): Exchange {
    const exchange = new Exchange(kind, this.#connection, message, outcome)
    this.#heldBytes += exchange.heldBytes
    return exchange
  }

  #add(exchange: Exchange, message: MessageFacts): void {
    this.#heldBytes -= exchange.heldBytes
    exchange.add(message)
    this.#heldBytes += exchange.heldBytes
  }

  #single(kind: Exchange['kind'], message: MessageFacts, outcome: Outcome): void {
    this.#end(this.#open(kind, message, outcome), '')
  }

  #end(exchange: Exchange, reason: string): void {
    exchange.reason = reason
    exchange.isUncertain = this.#isUncertain && (exchange.kind === 'exchange' || exchange.kind === 'heartbeat')
    this.#heldBytes -= exchange.heldBytes
    this.#report(exchange)
  }
}
