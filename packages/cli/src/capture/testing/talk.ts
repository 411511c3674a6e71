import { ACK, FIN, RST, type Segment, SYN } from './packets.ts'

type Side = Segment['from']

/** A TCP connection as a list of segments: each side's sequence numbers go on by themselves. */
export class Talk {
  readonly segments: Segment[] = []
  readonly #next: Record<Side, number>

  constructor(clientSequence = 1000, serverSequence = 5000) {
    this.#next = { client: clientSequence, server: serverSequence }
  }

  /** The three segments that begin a connection. */
  open(): this {
    this.#add('client', SYN, Buffer.alloc(0), false)
    this.#next.client++
    this.#add('server', SYN | ACK)
    this.#next.server++
    return this.#add('client', ACK)
  }

  /** `size`: bytes of each segment. */
  send(from: Side, bytes: Buffer, size: number = bytes.length): this {
    for (let at = 0; at < bytes.length; at += size) {
      const payload = bytes.subarray(at, at + size)
      this.#add(from, ACK, payload)
      this.#next[from] += payload.length
    }
    return this
  }

  /** Bytes that were sent, but are not among the segments. */
  loses(from: Side, bytes: number): this {
    this.#next[from] += bytes
    return this
  }

  acknowledge(from: Side): this {
    return this.#add(from, ACK)
  }

  close(): this {
    for (const side of ['client', 'server'] as const) {
      this.#add(side, FIN | ACK)
      this.#next[side]++
    }
    return this
  }

  reset(from: Side): this {
    return this.#add(from, RST)
  }

  #add(from: Side, flags: number, payload: Buffer = Buffer.alloc(0), acknowledges = true): this {
    const other = this.#next[from === 'client' ? 'server' : 'client']
    const sequence = this.#next[from] >>> 0
    const acknowledgement = acknowledges ? { acknowledgement: other >>> 0 } : {}
    this.segments.push({ from, sequence, flags, payload, ...acknowledgement })
    return this
  }
}
