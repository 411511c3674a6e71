import { type Codec, type Metadata, ReceiveBuffer, type Side } from '@meltemi/sdk'
import type { NoteCode } from './capture-event.ts'
import type { Arrival } from './captured-packet.ts'
import { reasonOf, tryDecodeMessage } from './decode-message.ts'
import { type FactsOptions, factsOf, type MessageFacts, type MessageSide } from './message-facts.ts'
import type { StreamSink } from './stream-assembler.ts'

/** Gets what one direction holds. */
export interface DirectionSink {
  message(message: MessageFacts): void
  /** `offset`: of the byte in its direction that it is about. */
  note(code: NoteCode, offset: number, text: string, arrival: Arrival | undefined): void
  /** So many bytes are not in the capture. */
  lost(bytes: number): void
  /** Messages are missing, nobody knows how many. */
  outOfStep(): void
}

export interface DecoderOptions extends FactsOptions {
  /** The codec's own options. */
  readonly config: unknown
  readonly maxMessageBytes: number
}

/**
 * Reads the messages of one direction with a codec of its own.
 *
 *   reading ──► ended      the codec refused the bytes
 *      │ ▲
 *      ▼ │                 lost bytes that are not within one message's body, or a connection that was under way
 *   seeking                a new codec for each packet, until one begins with a message
 *
 * Lost bytes are filled with zeros where a message's end is known without them: its header came before them, and it
 * ends behind them or with them.
 */
export class DirectionDecoder implements StreamSink {
  readonly #side: Side
  readonly #options: DecoderOptions
  readonly #sink: DirectionSink
  #codec: Codec
  #buffer: ReceiveBuffer
  #state: 'reading' | 'seeking' | 'ended' = 'reading'
  /** Bytes of this direction so far, lost ones too. */
  #received = 0
  /** Bytes of the message being read that are zeros now, and where in it they begin. */
  #lost = 0
  #lostFrom = 0
  /** Seeking: since which byte, and why the last packet was none to begin with. */
  #unreadFrom = 0
  #refusal = ''

  constructor(side: Side, options: DecoderOptions, sink: DirectionSink) {
    this.#side = side
    this.#options = options
    this.#sink = sink
    this.#codec = this.#newCodec()
    this.#buffer = new ReceiveBuffer(options.maxMessageBytes)
  }

  /** Memory held for a message that is not whole. */
  get heldBytes(): number {
    return this.#buffer.heldBytes
  }

  /** The first byte may lie within a message. */
  startWithin(): void {
    this.#state = 'seeking'
  }

  data(bytes: Buffer, arrival: Arrival): void {
    if (this.#state === 'ended') return
    if (this.#state === 'seeking' && this.#buffer.length === 0) this.#codec = this.#newCodec()
    this.#received += bytes.length
    this.#buffer.append(bytes)
    while (this.#buffer.isReady) {
      const message = this.#tryRead(arrival)
      if (message === undefined) return
      this.#take(message, arrival)
    }
  }

  gap(bytes: number, arrival: Arrival): void {
    if (this.#state === 'ended') return
    const buffer = this.#buffer
    const before = buffer.length
    const start = this.#received - before
    this.#sink.lost(bytes)
    this.#received += bytes
    if (this.#lost === 0) this.#lostFrom = before
    this.#lost += bytes
    if (this.#state === 'seeking' || before === 0 || before + bytes > buffer.maxMessageBytes) {
      this.#seek(start, arrival)
      return
    }
    buffer.append(Buffer.alloc(bytes))
    if (buffer.isReady) this.#endWithGap(start, arrival)
  }

  /** Says what was left unread; nothing more comes. */
  finish(): void {
    const { length } = this.#buffer
    if (this.#state === 'seeking' && this.#received > this.#unreadFrom) this.#noteUnread()
    if (this.#state === 'reading' && length > 0) {
      this.#sink.note('unfinished', this.#received - length, `${length} bytes of a message without its end`, undefined)
    }
    this.#state = 'ended'
    this.#buffer.clear()
  }

  /** The message must end exactly here, else its end was read from bytes that are not there. */
  #endWithGap(start: number, arrival: Arrival): void {
    const message = this.#tryRead(arrival)
    if (message !== undefined && this.#buffer.length === 0) this.#take(message, arrival)
    else if (this.#state === 'reading') this.#seek(start, arrival)
  }

  /** undefined: no message, for now or, as the state tells, at all. */
  #tryRead(arrival: Arrival): MessageFacts | undefined {
    const offset = this.#received - this.#buffer.length
    try {
      const metadata = tryDecodeMessage(this.#codec, this.#side, this.#buffer)
      return metadata === undefined ? undefined : this.#describe(metadata, offset, arrival)
    } catch (error: unknown) {
      this.#refuse(reasonOf(error), offset, arrival)
      return undefined
    }
  }

  #describe(metadata: Metadata, offset: number, arrival: Arrival): MessageFacts {
    const side: MessageSide = this.#side === 'downstream' ? 'request' : 'reply'
    return factsOf(metadata, { side, arrival, offset, lost: this.#lost }, this.#options)
  }

  #take(message: MessageFacts, arrival: Arrival): void {
    if (this.#state === 'seeking') this.#goOn(message.offset, arrival)
    if (this.#lost > 0 && this.#lostFrom < message.headerSize) {
      this.#seek(message.offset, arrival)
      return
    }
    this.#lost = 0
    this.#sink.message(message)
  }

  #refuse(reason: string, offset: number, arrival: Arrival): void {
    this.#refusal = reason
    if (this.#state === 'seeking') this.#buffer.clear()
    else if (this.#lost > 0) this.#seek(offset, arrival)
    else {
      this.#sink.note('refused', offset, reason, arrival)
      this.#state = 'ended'
      this.#buffer.clear()
    }
  }

  #seek(unreadFrom: number, arrival: Arrival): void {
    if (this.#state !== 'seeking') {
      this.#state = 'seeking'
      this.#unreadFrom = unreadFrom
      this.#sink.note('lost', unreadFrom + this.#lostFrom, `${this.#lost} bytes are not in the capture`, arrival)
      this.#sink.outOfStep()
    }
    this.#lost = 0
    this.#buffer.clear()
  }

  #goOn(offset: number, arrival: Arrival): void {
    this.#state = 'reading'
    const skipped = offset - this.#unreadFrom
    if (skipped === 0) return
    const text = `${skipped} bytes were skipped, up to a packet that begins with a message`
    this.#sink.note('unread', this.#unreadFrom, text, arrival)
  }

  #noteUnread(): void {
    const reason = this.#refusal === '' ? '' : `: ${this.#refusal}`
    const text = `${this.#received - this.#unreadFrom} bytes were not read, no packet began with a message${reason}`
    this.#sink.note('unread', this.#unreadFrom, text, undefined)
  }

  #newCodec(): Codec {
    return this.#options.definition.create(this.#side, this.#options.config)
  }
}
