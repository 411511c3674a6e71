import type { Side } from '@meltemi/sdk'
import type { CaptureEvent, Note, NoteCode } from './capture-event.ts'
import type { Arrival } from './captured-packet.ts'
import { type DecoderOptions, DirectionDecoder, type DirectionSink } from './direction-decoder.ts'
import type { ConnectionName } from './exchange.ts'
import { ExchangeMatcher } from './exchange-matcher.ts'
import type { MessageFacts, MessageSide } from './message-facts.ts'
import { StreamAssembler } from './stream-assembler.ts'
import type { TcpSegment } from './tcp-segment.ts'

export interface ConnectionOptions extends DecoderOptions {
  /** Of each direction, of segments that came before their turn. */
  readonly maxWaitingBytes: number
}

/** Gets what a connection has to tell. */
export interface ConnectionSink {
  event(event: CaptureEvent): void
  /** So many bytes are not in the capture. */
  lost(bytes: number): void
}

interface Direction {
  readonly decoder: DirectionDecoder
  readonly assembler: StreamAssembler
}

/** One TCP connection: both directions in order, decoded, and their messages matched. */
export class TcpConnection {
  readonly name: ConnectionName
  /** What the client's segments have as their source. */
  readonly #clientEndpoint: string
  readonly #sink: ConnectionSink
  readonly #matcher: ExchangeMatcher
  readonly #client: Direction
  readonly #server: Direction
  #latest: Arrival
  #isOver = false

  constructor(
    name: ConnectionName,
    clientEndpoint: string,
    first: TcpSegment,
    options: ConnectionOptions,
    sink: ConnectionSink,
  ) {
    this.name = name
    this.#clientEndpoint = clientEndpoint
    this.#sink = sink
    this.#latest = first
    this.#matcher = new ExchangeMatcher(name, options.definition.correlation, (exchange) => sink.event(exchange))
    this.#client = this.#direction('downstream', options)
    this.#server = this.#direction('upstream', options)
    if (!first.isSyn) this.#startWithin()
  }

  /** Closed, reset or finished. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** About what it takes in memory. */
  get heldBytes(): number {
    const { decoder, assembler } = this.#client
    const fromServer = this.#server.decoder.heldBytes + this.#server.assembler.heldBytes
    return decoder.heldBytes + assembler.heldBytes + fromServer + this.#matcher.heldBytes
  }

  /** Whether this SYN begins another connection between the same ports. */
  isOther(segment: TcpSegment): boolean {
    return segment.isSyn && this.#from(segment).assembler.isOther(segment.sequence + 1)
  }

  take(segment: TcpSegment): void {
    if (this.#isOver) return
    this.#latest = segment
    const from = this.#from(segment)
    const to = from === this.#client ? this.#server : this.#client
    if (segment.acknowledgement !== undefined) to.assembler.acknowledge(segment.acknowledgement)
    if (segment.isReset) {
      this.finish('the connection was reset')
      return
    }
    const sequence = segment.isSyn ? segment.sequence + 1 : segment.sequence
    if (segment.isSyn) from.assembler.start(sequence)
    const { missing, isFin } = segment
    // a copy: a view would keep a large piece of the file in memory
    if (hasData(segment))
      from.assembler.push({ sequence, payload: Buffer.from(segment.payload), missing, isFin }, segment)
    if (this.#client.assembler.isEnded && this.#server.assembler.isEnded) this.finish('the connection was closed')
  }

  /** Nothing more comes, for this reason: says what is left. */
  finish(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const { assembler, decoder } of [this.#client, this.#server]) {
      assembler.finish()
      decoder.finish()
    }
    this.#matcher.finish(reason)
  }

  /** A limit asks for what it holds. */
  giveUp(reason: string): void {
    if (this.#isOver) return
    this.#note('given-up', reason)
    this.finish(reason)
  }

  #from(segment: TcpSegment): Direction {
    return segment.source === this.#clientEndpoint ? this.#client : this.#server
  }

  #startWithin(): void {
    this.#client.decoder.startWithin()
    this.#server.decoder.startWithin()
    this.#matcher.outOfStep()
    this.#note('midstream', 'the capture begins within this connection')
  }

  #direction(side: Side, options: ConnectionOptions): Direction {
    const decoder = new DirectionDecoder(side, options, this.#sinkOf(side === 'downstream' ? 'request' : 'reply'))
    return { decoder, assembler: new StreamAssembler(decoder, options.maxWaitingBytes) }
  }

  #sinkOf(side: MessageSide): DirectionSink {
    return {
      message: (message: MessageFacts) => this.#matcher.take(message),
      note: (code, offset, text, arrival) => this.#note(code, text, { side, offset, arrival }),
      lost: (bytes) => this.#sink.lost(bytes),
      outOfStep: () => this.#matcher.outOfStep(),
    }
  }

  #note(
    code: NoteCode,
    text: string,
    place?: { side: MessageSide; offset: number; arrival: Arrival | undefined },
  ): void {
    const { timeNs } = place?.arrival ?? this.#latest
    const note: Note = {
      kind: 'note',
      code,
      connection: this.name,
      side: place?.side,
      offset: place?.offset,
      timeNs,
      text,
    }
    this.#sink.event(note)
  }
}

function hasData(segment: TcpSegment): boolean {
  return segment.payload.length > 0 || segment.missing > 0 || segment.isFin
}
