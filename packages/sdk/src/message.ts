/**
 * The words of a message: what a codec tells the framework about the bytes it found, and what the framework
 * asks a codec to change. Numbers are those of the MetaProtocol reference, so logs and dumps agree with it.
 */

import { textOf } from './bytes/short-texts.ts'

/** What a message is. `decode` finds it preset and changes it where the protocol has more than requests and replies. */
export const MessageType = {
  /** Wants a reply. */
  Request: 0,
  /** The reply to a request. */
  Response: 1,
  /** A request that nobody answers. */
  Oneway: 2,
  /** Opens the stream `streamId`; routes and filters see it as they see a request. */
  StreamInit: 3,
  /** A frame of an open stream. */
  StreamData: 4,
  /** The last frame of its sender; the other side may go on. */
  StreamCloseOneWay: 5,
  /** The stream is over, for both sides. */
  StreamCloseTwoWay: 6,
  /** Answered by the proxy itself, where the codec has `heartbeatReply`; never sent on. */
  Heartbeat: 7,
  /** A reply that says the request itself has failed: an exception. Counted apart. */
  Error: 8,
} as const
/** One of the values of `MessageType`. */
export type MessageType = (typeof MessageType)[keyof typeof MessageType]

/** How a reply counts in the stats. */
export const ResponseStatus = {
  /** It went well; preset. */
  Ok: 0,
  /** It did not. */
  Error: 1,
} as const
/** One of the values of `ResponseStatus`. */
export type ResponseStatus = (typeof ResponseStatus)[keyof typeof ResponseStatus]

/** What `decode` returns. */
export const DecodeStatus = {
  /** The message is not whole; nothing was consumed. */
  WaitForData: 0,
  /** The message is in the metadata, and its bytes were taken. */
  Done: 1,
} as const
/** One of the values of `DecodeStatus`. */
export type DecodeStatus = (typeof DecodeStatus)[keyof typeof DecodeStatus]

/** Whether a client keeps a connection to a service to itself: for logins, transactions, subscriptions, pushes. */
export const Affinity = {
  /** As before; preset. */
  None: 0,
  /**
   * On a request: from this message on the client owns its upstream connection, until Unpin or until either side closes.
   * On a reply it means nothing.
   */
  Pin: 1,
  /**
   * On a request or on its last reply: the connection is given back with that reply, unless a request that pins has been
   * sent behind it.
   */
  Unpin: 2,
} as const
/** One of the values of `Affinity`. */
export type Affinity = (typeof Affinity)[keyof typeof Affinity]

/**
 * A protocol's own message id, signed as on the wire. A bigint only where the value is not a safe integer, so
 * equal ids always compare equal with `===`.
 */
export type MessageId = number | bigint

const NO_BYTES = Buffer.alloc(0)

/*
 * Routable pairs lie flat in one array, three slots a pair (measured: for the usual one to eight pairs a flat
 * array costs a third of a Map):
 *
 *   [ key, value, -1 ]        a string
 *   [ key, start, end ]       bytes of `message`, decoded when first read, then turned into the first form
 */
const STRIDE = 3
const DECODED = -1

/**
 * What is known of one message. Made by the framework, one per message, and filled by `Codec.decode`.
 * Final: do not extend.
 */
export class Metadata {
  /** Preset by the framework: Request on the downstream side, Response on the upstream side. */
  type: MessageType
  /** Of replies. */
  status: ResponseStatus = ResponseStatus.Ok
  /** Of a request its id, of a reply that of its request; 0 in protocols without ids. */
  requestId: MessageId = 0
  /** 1 … 2³¹−1 for messages of a stream, else 0. */
  streamId = 0
  /** Bytes from the start of `message` that are the header; `onError` may read these and no others. */
  headerSize = 0
  /** Bytes of `message` behind the header. */
  bodySize = 0
  /** What the message is about, for people: `interface/method` for example. Shown by `meltemi codec inspect`. */
  operation = ''
  /** Whether the client keeps its upstream connection. */
  affinity: Affinity = Affinity.None
  /** False while more replies to the same request follow. */
  last = true
  /**
   * The caller's timeout in milliseconds; 0 when the protocol said nothing. The framework keeps to it, and lowers it to
   * what is left when it has `encode` write the message.
   */
  timeoutMs = 0
  /**
   * Whether a repeat is harmless; undefined when the protocol does not tell. Unless it is true the framework does not repeat
   * what a service may have done already, if its configuration does not say otherwise.
   */
  idempotent: boolean | undefined = undefined
  /** The whole message as it came; immutable until the exchange ends. */
  message: Buffer = NO_BYTES
  /** The codec's own facts (offsets, dialect): all that `encode`, `onError` and `dialect` may know besides. */
  detail: unknown = undefined
  #pairs: (string | number)[] | null = null

  /** For tests; the framework makes those that a codec gets. */
  constructor(type: MessageType = MessageType.Request) {
    this.type = type
  }

  /** Adds a routable pair, or replaces the one with this key. */
  set(key: string, value: string): void {
    this.#put(key, value, DECODED)
  }

  /** Like `set`, with bytes [start, end) of `message`, read as UTF-8 when first asked for. */
  setSlice(key: string, start: number, end: number): void {
    this.#put(key, start, end)
  }

  /** The value under exactly this key. */
  get(key: string): string | undefined {
    const pairs = this.#pairs
    if (pairs === null) return undefined
    for (let at = 0; at < pairs.length; at += STRIDE) if (pairs[at] === key) return this.#text(pairs, at)
    return undefined
  }

  /**
   * The value under this key in any case; `lower` must be lower case already. Of keys that differ in their case alone
   * the one added last wins.
   */
  find(lower: string): string | undefined {
    const pairs = this.#pairs
    if (pairs === null) return undefined
    for (let at = pairs.length - STRIDE; at >= 0; at -= STRIDE) {
      const key = pairs[at] as string
      if (key === lower || (key.length === lower.length && key.toLowerCase() === lower)) return this.#text(pairs, at)
    }
    return undefined
  }

  /** Removes the pair under exactly this key, if there is one. */
  delete(key: string): void {
    const pairs = this.#pairs
    if (pairs === null) return
    for (let at = 0; at < pairs.length; at += STRIDE) {
      if (pairs[at] !== key) continue
      pairs.splice(at, STRIDE)
      return
    }
  }

  /** How many pairs there are. */
  get size(): number {
    return this.#pairs === null ? 0 : this.#pairs.length / STRIDE
  }

  /** The key of pair `index`, 0 … size − 1, in the order of their first `set`. */
  key(index: number): string {
    return (this.#pairs as string[])[index * STRIDE] as string
  }

  /** The value of pair `index`. */
  value(index: number): string {
    return this.#text(this.#pairs as (string | number)[], index * STRIDE)
  }

  #put(key: string, value: string | number, end: number): void {
    const pairs = this.#pairs
    if (pairs === null) {
      this.#pairs = [key, value, end]
      return
    }
    for (let at = 0; at < pairs.length; at += STRIDE) {
      if (pairs[at] !== key) continue
      pairs[at + 1] = value
      pairs[at + 2] = end
      return
    }
    pairs.push(key, value, end)
  }

  #text(pairs: (string | number)[], at: number): string {
    const value = pairs[at + 1] as string | number
    if (typeof value === 'string') return value
    const text = textOf(this.message, value, pairs[at + 2] as number)
    pairs[at + 1] = text
    pairs[at + 2] = DECODED
    return text
  }
}

const NO_KEYS: string[] = []

/**
 * What to change in a message's properties: key to new value, or to undefined for "remove". Ordered by key, so
 * that the bytes that come out do not depend on the order in which filters ran.
 */
export class Mutation {
  /** The empty one. It is shared: its `set` throws a TypeError. */
  static readonly none: Mutation = new Mutation()

  // made with what is in them: an array that something is added to has room for sixteen more
  #keys: string[] = NO_KEYS
  #values: (string | undefined)[] = NO_KEYS

  /** How many changes there are. */
  get size(): number {
    return this.#keys.length
  }

  /** The key of change `index`, 0 … size − 1. */
  key(index: number): string {
    return this.#keys[index] as string
  }

  /** The new value of change `index`; undefined removes the property. */
  value(index: number): string | undefined {
    return this.#values[index]
  }

  /** Adds a change, or replaces the one under the same key. */
  set(key: string, value: string | undefined): void {
    if (this === Mutation.none) throw new TypeError('Mutation.none is shared: make a new Mutation')
    const keys = this.#keys
    let at = 0
    while (at < keys.length && (keys[at] as string) < key) at++
    if (at === keys.length) {
      // cheaper than a splice, and most changes come in order
      this.#append(key, value)
      return
    }
    if (keys[at] === key) {
      this.#values[at] = value
      return
    }
    keys.splice(at, 0, key)
    this.#values.splice(at, 0, value)
  }

  #append(key: string, value: string | undefined): void {
    const keys = this.#keys
    const values = this.#values
    if (keys.length === 0) {
      this.#keys = [key]
      this.#values = [value]
    } else if (keys.length === 1) {
      this.#keys = [keys[0] as string, key]
      this.#values = [values[0], value]
    } else {
      keys.push(key)
      values.push(value)
    }
  }
}
