import type { Arrival } from './captured-packet.ts'

/** Gets the bytes of one direction in their order. */
export interface StreamSink {
  /** At most the bytes of one segment at a time. */
  data(bytes: Buffer, arrival: Arrival): void
  /** The next bytes are not in the capture, and will not come. */
  gap(bytes: number, arrival: Arrival): void
}

/** What one segment says of its direction. */
export interface SegmentData {
  readonly sequence: number
  /** Nobody changes it afterwards. */
  readonly payload: Buffer
  /** Bytes behind the payload that were not captured. */
  readonly missing: number
  readonly isFin: boolean
}

/** A segment that came before its turn. Positions count from the first byte of the direction. */
interface Piece {
  readonly start: number
  readonly end: number
  readonly payload: Buffer
  readonly arrival: Arrival
}

/** What keeping a piece costs besides its bytes; else a million of one byte each would count as 1 MB. */
const PIECE_BYTES = 128

/**
 * Puts the segments of one direction of a TCP connection in order, whatever the network did to them: repeated,
 * overlapping, swapped, lost. Sequence numbers are modulo 2³²; inside, everything counts from the first byte.
 *
 *   delivered |  hole  | piece |  hole  | piece | piece |
 *             #offset, #next             at most `maxWaitingBytes` of pieces
 *
 * A hole counts as lost when the receiver acknowledges what lies in it, when too much waits behind it, or at the end.
 */
export class StreamAssembler {
  readonly #sink: StreamSink
  readonly #maxWaitingBytes: number
  /** Sequence number of the byte at #offset; undefined: nothing has come. */
  #next: number | undefined
  #first = 0
  #offset = 0
  /** Where the direction ends, once that is known. */
  #end = Number.POSITIVE_INFINITY
  /** By start. */
  readonly #waiting: Piece[] = []
  #waitingBytes = 0

  constructor(sink: StreamSink, maxWaitingBytes: number) {
    this.#sink = sink
    this.#maxWaitingBytes = maxWaitingBytes
  }

  get isEnded(): boolean {
    return this.#offset >= this.#end
  }

  /** Memory held for what came before its turn. */
  get heldBytes(): number {
    return this.#waitingBytes
  }

  /** The sequence number of the first byte, which that of a SYN precedes; only the first call counts. */
  start(sequence: number): void {
    if (this.#next !== undefined) return
    this.#first = sequence >>> 0
    this.#next = this.#first
  }

  /** Whether a SYN after which this byte comes first begins another connection. */
  isOther(firstSequence: number): boolean {
    return this.#next !== undefined && this.#first !== firstSequence >>> 0
  }

  push(segment: SegmentData, arrival: Arrival): void {
    this.start(segment.sequence)
    const start = this.#positionOf(segment.sequence)
    const end = start + segment.payload.length + segment.missing
    if (segment.isFin && end >= this.#offset) this.#end = end
    if (end <= this.#offset || end === start) return
    const piece: Piece = { start, end, payload: segment.payload, arrival }
    if (start > this.#offset) {
      this.#wait(piece)
      return
    }
    this.#deliver(piece, arrival)
    this.#deliverWaiting(arrival)
  }

  /** The receiver has everything before this sequence number: what the capture does not have by now is lost to it. */
  acknowledge(sequence: number): void {
    if (this.#waiting.length === 0) return
    const acknowledged = this.#positionOf(sequence)
    while (this.#waiting.length > 0 && (this.#waiting[0] as Piece).start <= acknowledged) this.#giveUpHole()
  }

  /** Nothing more will come. */
  finish(): void {
    while (this.#waiting.length > 0) this.#giveUpHole()
  }

  /** Half of all sequence numbers count as before, half as behind the next byte. */
  #positionOf(sequence: number): number {
    return this.#offset + ((sequence - (this.#next ?? sequence)) | 0)
  }

  #wait(piece: Piece): void {
    const waiting = this.#waiting
    let at = waiting.length
    while (at > 0 && (waiting[at - 1] as Piece).start > piece.start) at--
    const before = waiting[at - 1]
    if (before !== undefined && before.end >= piece.end) return
    waiting.splice(at, 0, piece)
    this.#waitingBytes += piece.payload.length + PIECE_BYTES
    while (this.#waitingBytes > this.#maxWaitingBytes) this.#giveUpHole()
  }

  #giveUpHole(): void {
    const { start, arrival } = this.#waiting[0] as Piece
    this.#lose(start - this.#offset, arrival)
    this.#deliverWaiting(arrival)
  }

  /** What came before its turn counts as come when its turn has come. */
  #deliverWaiting(since: Arrival): void {
    let arrival = since
    for (let piece = this.#waiting[0]; piece !== undefined && piece.start <= this.#offset; piece = this.#waiting[0]) {
      this.#waiting.shift()
      this.#waitingBytes -= piece.payload.length + PIECE_BYTES
      if (piece.arrival.packet > arrival.packet) arrival = piece.arrival
      this.#deliver(piece, arrival)
    }
  }

  /** Hands on what lies behind #offset. */
  #deliver(piece: Piece, arrival: Arrival): void {
    const known = Math.max(0, this.#offset - piece.start)
    if (known < piece.payload.length) {
      const bytes = known === 0 ? piece.payload : piece.payload.subarray(known)
      this.#advance(bytes.length)
      this.#sink.data(bytes, arrival)
    }
    if (piece.end > this.#offset) this.#lose(piece.end - this.#offset, arrival)
  }

  #lose(bytes: number, arrival: Arrival): void {
    this.#advance(bytes)
    this.#sink.gap(bytes, arrival)
  }

  #advance(bytes: number): void {
    this.#offset += bytes
    this.#next = ((this.#next as number) + bytes) >>> 0
  }
}
