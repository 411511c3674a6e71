// One client connection with a fixed number of slots: a slot is a request in flight or free. The id of a request is
// always its slot number plus a multiple of the number of slots, so a reply finds its slot without a table, and
// different connections use the same ids on purpose.

import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Histogram } from './histogram.ts'
import { createPayload, stamp, type Wire, type Writes } from './wire.ts'

/** Of a reply, by what proxies add. */
const MAX_GROWTH = 4096
/** The length stands at the end of what `Wire.lengthBytes` counts. */
const LENGTH_BYTES = 4

/** In PEM. Both sides have to agree on the one cipher: proxies that chose for themselves would not do the same work. */
export interface ClientTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly servername: string
  readonly ciphers: string
}

export interface LoadOptions {
  readonly wire: Wire
  readonly port: number
  /** Absent: plain TCP. */
  readonly tls?: ClientTls
  readonly payloadBytes: number
  readonly writes: Writes
  readonly depth: number
  /** Replies may have more behind the payload than the service answers by itself: what proxies have told it. */
  readonly mayGrow: boolean
  readonly latency: Histogram
  /** Shared by all connections: its bytes are used up before the next read. */
  readonly readBuffer: Buffer
  /** Called after each read, with room in `freeSlots`: the place to send more. */
  readonly onRoom: (connection: LoadConnection) => void
  readonly onBroken: (reason: string) => void
}

export class LoadConnection {
  readonly number: number
  readonly freeSlots: number[] = []
  /** Requests whose time has come but that found no free slot (open loop). */
  readonly overdueMs: number[] = []
  readonly #options: LoadOptions
  readonly #request: Buffer
  readonly #reply: Buffer
  readonly #slotFrames: Buffer[] = []
  readonly #ids: Uint32Array
  readonly #startedMs: Float64Array
  readonly #isBusy: Uint8Array
  readonly #partial: Buffer
  #partialBytes = 0
  #socket: Socket | undefined
  #isClosing = false
  readonly #outgoing: number[] = []

  constructor(number: number, options: LoadOptions) {
    this.number = number
    this.#options = options
    this.#request = options.wire.buildRequest(createPayload(options.payloadBytes))
    this.#reply = Buffer.from(this.#request)
    options.wire.turnIntoReply(this.#reply, 0)
    this.#partial = Buffer.alloc(this.#request.length + (options.mayGrow ? MAX_GROWTH : 0))
    this.#ids = new Uint32Array(options.depth)
    this.#startedMs = new Float64Array(options.depth)
    this.#isBusy = new Uint8Array(options.depth)
    for (let slot = options.depth - 1; slot >= 0; slot--) {
      this.#slotFrames[slot] = Buffer.from(this.#request)
      this.#ids[slot] = slot
      this.freeSlots.push(slot)
    }
  }

  open(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      this.#receive(buffer as Buffer, bytes)
      return true
    }
    const { port, tls, readBuffer } = this.#options
    const where = { port, host: '127.0.0.1', onread: { buffer: readBuffer, callback } }
    const socket = tls === undefined ? connect(where) : connectTls({ ...where, ...tls })
    socket.setNoDelay(true)
    socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve)
    socket.on('error', reject)
    socket.on('close', () => {
      if (!this.#isClosing) this.#options.onBroken(`connection ${this.number} was closed`)
    })
    this.#socket = socket
    return promise
  }

  close(): void {
    this.#isClosing = true
    // what talks TLS cannot be reset
    if (this.#options.tls === undefined) this.#socket?.resetAndDestroy()
    else this.#socket?.destroy()
  }

  get inFlight(): number {
    return this.#options.depth - this.freeSlots.length
  }

  /** Prepares a request that counts from `startedMs`; `flush` sends it. Needs a free slot. */
  prepare(startedMs: number): void {
    const slot = this.freeSlots.pop()!
    this.#ids[slot] = (this.#ids[slot]! + this.#options.depth) >>> 0
    this.#startedMs[slot] = startedMs
    this.#isBusy[slot] = 1
    this.#outgoing.push(slot)
  }

  /** Sends everything prepared. */
  flush(): void {
    const count = this.#outgoing.length
    if (count === 0) return
    if (count > 1 && this.#options.writes === 'joined') this.#socket!.write(this.#joined(count))
    else for (const slot of this.#outgoing) this.#socket!.write(this.#stamped(slot))
    this.#outgoing.length = 0
  }

  // A slot's own frame may be reused: its request was answered, so the frame has left.
  #stamped(slot: number): Buffer {
    const frame = this.#slotFrames[slot]!
    stamp(this.#options.wire, frame, { at: 0, length: frame.length, mark: this.number, id: this.#ids[slot]! })
    return frame
  }

  #joined(count: number): Buffer {
    const length = this.#request.length
    const joined = Buffer.allocUnsafe(length * count)
    for (let index = 0; index < count; index++) {
      const at = index * length
      joined.set(this.#request, at)
      const id = this.#ids[this.#outgoing[index]!]!
      stamp(this.#options.wire, joined, { at, length, mark: this.number, id })
    }
    return joined
  }

  #receive(buffer: Buffer, bytes: number): void {
    const nowMs = performance.now()
    let at = this.#partialBytes === 0 ? 0 : this.#complete(buffer, bytes, nowMs)
    while (bytes > at) {
      const length = this.#lengthOf(buffer, at, bytes)
      if (length === 0 || bytes - at < length) break
      this.#finish(buffer, at, length, nowMs)
      at += length
    }
    if (at < bytes) this.#partialBytes += buffer.copy(this.#partial, this.#partialBytes, at, bytes)
    this.#options.onRoom(this)
  }

  #complete(buffer: Buffer, bytes: number, nowMs: number): number {
    let taken = 0
    let length = this.#lengthOf(this.#partial, 0, this.#partialBytes)
    if (length === 0) {
      taken = this.#add(buffer, 0, Math.min(bytes, this.#options.wire.lengthBytes - this.#partialBytes))
      length = this.#lengthOf(this.#partial, 0, this.#partialBytes)
      if (length === 0) return taken
    }
    taken += this.#add(buffer, taken, Math.min(bytes, taken + length - this.#partialBytes))
    if (this.#partialBytes < length) return taken
    this.#partialBytes = 0
    this.#finish(this.#partial, 0, length, nowMs)
    return taken
  }

  #add(buffer: Buffer, start: number, end: number): number {
    const taken = buffer.copy(this.#partial, this.#partialBytes, start, end)
    this.#partialBytes += taken
    return taken
  }

  // Of the reply that begins at `at`; 0: too little of it is there.
  #lengthOf(buffer: Buffer, at: number, end: number): number {
    const { wire, mayGrow, onBroken } = this.#options
    const expected = this.#reply.length
    if (!mayGrow) return expected
    if (end - at < wire.lengthBytes) return 0
    const length = wire.frameLength(buffer, at)
    if (length >= expected && length <= expected + MAX_GROWTH) return length
    onBroken(`connection ${this.number}: a reply of ${length} bytes, not ${expected} or some more`)
    return expected
  }

  #finish(buffer: Buffer, at: number, length: number, nowMs: number): void {
    const { wire, depth, latency, onBroken } = this.#options
    const id = buffer.readUInt32BE(at + wire.idAt)
    const slot = id % depth
    if (this.#ids[slot] !== id || this.#isBusy[slot] === 0) {
      onBroken(`connection ${this.number}: a reply with the unknown id ${id}`)
    } else if (!this.#isExpected(buffer, at, length, id)) {
      onBroken(`connection ${this.number}: reply ${id} is not what was asked for`)
    } else {
      latency.add(nowMs - this.#startedMs[slot]!)
      this.#isBusy[slot] = 0
      this.freeSlots.push(slot)
    }
  }

  #isExpected(buffer: Buffer, at: number, length: number, id: number): boolean {
    const { wire } = this.#options
    const reply = this.#reply
    const end = reply.length
    stamp(wire, reply, { at: 0, length: end, mark: this.number, id })
    if (!this.#options.mayGrow) return reply.compare(buffer, at, at + end) === 0
    // what follows the payload was written anew, perhaps in another order, and the length in the head with it
    const { lengthBytes } = wire
    const tailAt = end - wire.tailBytes
    return (
      reply.compare(buffer, at, at + lengthBytes - LENGTH_BYTES, 0, lengthBytes - LENGTH_BYTES) === 0 &&
      reply.compare(buffer, at + lengthBytes, at + tailAt, lengthBytes, tailAt) === 0 &&
      buffer[at + length - 1] === reply[end - 1]
    )
  }
}
