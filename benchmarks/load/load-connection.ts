// One client connection with a fixed number of slots: a slot is a request in flight or free. The id of a request is
// always its slot number plus a multiple of the number of slots, so a reply finds its slot without a table, and
// different connections use the same ids on purpose.

import { connect, type Socket } from 'node:net'
import type { Histogram } from './histogram.ts'
import { createPayload, stamp, type Wire, type Writes } from './wire.ts'

export interface LoadOptions {
  readonly wire: Wire
  readonly port: number
  readonly payloadBytes: number
  readonly writes: Writes
  readonly depth: number
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
    this.#partial = Buffer.alloc(this.#request.length)
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
    const socket = connect({
      port: this.#options.port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer: this.#options.readBuffer, callback },
    })
    socket.once('connect', resolve)
    socket.on('error', reject)
    socket.on('close', () => {
      if (!this.#isClosing) this.#options.onBroken(`connection ${this.number} was closed`)
    })
    this.#socket = socket
    return promise
  }

  close(): void {
    this.#isClosing = true
    this.#socket?.resetAndDestroy()
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
    const length = this.#request.length
    let at = this.#partialBytes === 0 ? 0 : this.#complete(buffer, bytes, nowMs)
    while (bytes - at >= length) {
      this.#finish(buffer, at, nowMs)
      at += length
    }
    if (at < bytes) this.#partialBytes += buffer.copy(this.#partial, this.#partialBytes, at, bytes)
    this.#options.onRoom(this)
  }

  #complete(buffer: Buffer, bytes: number, nowMs: number): number {
    const taken = buffer.copy(this.#partial, this.#partialBytes, 0, bytes)
    this.#partialBytes += taken
    if (this.#partialBytes < this.#partial.length) return bytes
    this.#partialBytes = 0
    this.#finish(this.#partial, 0, nowMs)
    return taken
  }

  #finish(buffer: Buffer, at: number, nowMs: number): void {
    const { wire, depth, latency, onBroken } = this.#options
    const id = buffer.readUInt32BE(at + wire.idAt)
    const slot = id % depth
    if (this.#ids[slot] !== id || this.#isBusy[slot] === 0) {
      onBroken(`connection ${this.number}: a reply with the unknown id ${id}`)
    } else if (!this.#isExpected(buffer, at, id)) {
      onBroken(`connection ${this.number}: reply ${id} is not what was asked for`)
    } else {
      latency.add(nowMs - this.#startedMs[slot]!)
      this.#isBusy[slot] = 0
      this.freeSlots.push(slot)
    }
  }

  #isExpected(buffer: Buffer, at: number, id: number): boolean {
    const reply = this.#reply
    const end = reply.length
    stamp(this.#options.wire, reply, { at: 0, length: end, mark: this.number, id })
    return reply.compare(buffer, at, at + end) === 0
  }
}
