import type { Failure, Metadata } from '@meltemi/sdk'
import { keepSmall } from '../filters/router/keep-small.ts'
import type { Exchange } from './exchange.ts'
import type { ExchangeList } from './exchange-list.ts'

/** What a message that waits takes besides its bytes: a flood of tiny ones must not take many times its size. */
const OVERHEAD_BYTES = 512

/** Who writes when a turn has come. */
export interface TurnTaker {
  readonly isClosed: boolean
  writeReply(exchange: Exchange, reply: Metadata): void
  writeLocalReply(exchange: Exchange, cause: Failure): void
  answerHeartbeat(request: Metadata): void
}

/**
 * For protocols without ids: what is ready waits until everything before it has been sent.
 *
 *   exchanges   [ 1 waiting ][ 2 answered, held ][ 3 failed, held ]      heartbeats: behind 2
 */
export class ReplyOrder {
  /** Of replies and heartbeats that wait. */
  heldBytes = 0
  heldHeartbeats = 0
  readonly #exchanges: ExchangeList
  readonly #taker: TurnTaker
  readonly #heartbeats = new Map<Exchange, Metadata[]>()
  #isReleasing = false

  constructor(exchanges: ExchangeList, taker: TurnTaker) {
    this.#exchanges = exchanges
    this.#taker = taker
  }

  isNext(exchange: Exchange): boolean {
    return exchange === this.#exchanges.first
  }

  hold(exchange: Exchange, reply: Metadata): void {
    keepSmall(reply)
    exchange.heldReplies ??= []
    exchange.heldReplies.push(reply)
    this.heldBytes += sizeOf(reply)
  }

  /** False when nothing is before it: answer now. */
  holdHeartbeat(request: Metadata): boolean {
    const { last } = this.#exchanges
    if (last === null) return false
    this.#holdBehind(last, [request])
    return true
  }

  /** An exchange has ended and left the list; `previous` stood before it. */
  onEnd(exchange: Exchange, previous: Exchange | null): void {
    // where a filter has kept the last one from the client
    for (const reply of exchange.heldReplies ?? []) this.heldBytes -= sizeOf(reply)
    exchange.heldReplies = null
    this.#passHeartbeats(exchange, previous)
    // each exchange that ends in the loop comes back here
    if (previous !== null || this.#isReleasing) return
    this.#isReleasing = true
    this.#releaseHeads()
    this.#isReleasing = false
  }

  #releaseHeads(): void {
    const exchanges = this.#exchanges
    for (let head = exchanges.first; head !== null && !this.#taker.isClosed; head = exchanges.first) {
      this.#releaseReplies(head)
      if (head === exchanges.first && head.failure !== null) this.#taker.writeLocalReply(head, head.failure)
      if (head === exchanges.first) return
    }
  }

  #releaseReplies(exchange: Exchange): void {
    const held = exchange.heldReplies
    exchange.heldReplies = null
    if (held === null) return
    for (const reply of held) {
      this.heldBytes -= sizeOf(reply)
      if (!this.#taker.isClosed) this.#taker.writeReply(exchange, reply)
    }
  }

  #holdBehind(exchange: Exchange, requests: readonly Metadata[]): void {
    const held = this.#heartbeats.get(exchange) ?? []
    this.#heartbeats.set(exchange, held)
    for (const request of requests) {
      keepSmall(request)
      held.push(request)
      this.heldBytes += sizeOf(request)
    }
    this.heldHeartbeats += requests.length
  }

  #passHeartbeats(exchange: Exchange, previous: Exchange | null): void {
    const held = this.#heartbeats.get(exchange)
    if (held === undefined) return
    this.#heartbeats.delete(exchange)
    for (const request of held) this.heldBytes -= sizeOf(request)
    this.heldHeartbeats -= held.length
    if (previous !== null) this.#holdBehind(previous, held)
    else for (const request of held) this.#taker.answerHeartbeat(request)
  }
}

function sizeOf(message: Metadata): number {
  return message.message.length + OVERHEAD_BYTES
}
