import { heldBytesOf, type MessageFacts } from './message-facts.ts'

export interface ConnectionName {
  /** From 1, in the order in which connections appear. */
  readonly number: number
  /** `address:port` */
  readonly client: string
  readonly server: string
}

/**
 * What came of it. answered, unanswered, unasked (a reply without request): exchanges and heartbeats; sent: one-way
 * messages; closed, reset, open: streams.
 */
export type Outcome = 'answered' | 'unanswered' | 'unasked' | 'sent' | 'closed' | 'reset' | 'open'

/** Of an exchange with very many replies, or a stream with very many frames, only the first are kept. */
const MAX_MESSAGES = 100

/** Messages that belong together: a request with its replies, or the frames of a stream. */
export class Exchange {
  readonly kind: 'exchange' | 'oneway' | 'heartbeat' | 'stream'
  readonly connection: ConnectionName
  readonly messages: MessageFacts[] = []
  /** Messages that are counted but not kept. */
  leftOut = 0
  requests = 0
  requestBytes = 0
  replies = 0
  replyBytes = 0
  isError = false
  outcome: Outcome
  /** Why there is no answer, or no end. */
  reason = ''
  /** Paired by order, on a connection of which messages are missing. */
  isUncertain = false
  /** About what it takes in memory. */
  heldBytes = 0
  readonly first: MessageFacts
  #last: MessageFacts

  constructor(kind: Exchange['kind'], connection: ConnectionName, first: MessageFacts, outcome: Outcome) {
    this.kind = kind
    this.connection = connection
    this.first = first
    this.#last = first
    this.outcome = outcome
    this.add(first)
  }

  /** From the last byte of the first message to the last byte of the last; undefined: the capture has no times. */
  get latencyNs(): bigint | undefined {
    const from = this.first.arrival.timeNs
    const to = this.#last.arrival.timeNs
    if (from === undefined || to === undefined || this.#last === this.first) return undefined
    return to - from
  }

  add(message: MessageFacts): void {
    this.#last = message
    if (message.isError) this.isError = true
    if (message.side === 'request') {
      this.requests++
      this.requestBytes += message.size
    } else {
      this.replies++
      this.replyBytes += message.size
    }
    if (this.messages.length === MAX_MESSAGES) {
      this.leftOut++
      return
    }
    this.messages.push(message)
    this.heldBytes += heldBytesOf(message)
  }
}
