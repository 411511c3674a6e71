import type { Clock } from '@meltemi/runtime'
import { ByteWriter } from '@meltemi/sdk'
import type { Socket } from './network.ts'

const CHUNK_BYTES = 16 * 1024
/** At most 16 MiB a thread: with many exclusive connections under way fewer would be made anew every turn (8 against 13 µs). */
const KEPT_CHUNKS = 1024
const FLUSH_BYTES = 64 * 1024
/** The runtime tells of a drain only beyond its own high-water mark, so smaller limits count as this. */
const LEAST_STUCK_BYTES = 64 * 1024

/**
 * Writes every connection of one thread once per turn of the event loop. That is where most of a proxy's time goes:
 * a system call costs more than everything done to the message.
 */
export class Flusher {
  readonly chunkBytes = CHUNK_BYTES
  readonly #clock: Clock
  readonly #flushAll = (): void => this.flush()
  readonly #chunks: Buffer[] = []
  #dirty: Outbox[] = []
  #spare: Outbox[] = []
  #isScheduled = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A chunk for a writer: one that came back, else a new one. */
  acquire(): Buffer {
    return this.#chunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)
  }

  release(chunk: Buffer): void {
    if (chunk.length === CHUNK_BYTES && this.#chunks.length < KEPT_CHUNKS) this.#chunks.push(chunk)
  }

  schedule(outbox: Outbox): void {
    this.#dirty.push(outbox)
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.setImmediate(this.#flushAll)
  }

  flush(): void {
    const dirty = this.#dirty
    this.#dirty = this.#spare
    this.#isScheduled = false
    for (let i = 0; i < dirty.length; i++) (dirty[i] as Outbox).flush()
    dirty.length = 0
    this.#spare = dirty
  }
}

/** What one connection has to send. Write into `writer`, then call `touch`. */
export class Outbox {
  readonly writer: ByteWriter
  readonly #socket: Socket
  readonly #flusher: Flusher
  #isScheduled = false
  #bytesSent = 0

  constructor(socket: Socket, flusher: Flusher) {
    this.#socket = socket
    this.#flusher = flusher
    this.writer = new ByteWriter(flusher)
  }

  /** Bytes that have not left this process. */
  get pendingBytes(): number {
    return this.writer.length + this.#socket.bufferedBytes
  }

  /** Whether the peer takes less than it is sent: so much waits in the socket that its drain will be told. */
  isStuck(limitBytes: number): boolean {
    return this.#socket.bufferedBytes > Math.max(limitBytes, LEAST_STUCK_BYTES)
  }

  /** Bytes handed to the socket so far. */
  get bytesSent(): number {
    return this.#bytesSent
  }

  /** Says that something was written; it leaves at the end of this turn, or now when it is much. */
  touch(): void {
    if (!this.#isScheduled) {
      this.#isScheduled = true
      this.#flusher.schedule(this)
    }
    if (this.writer.length >= FLUSH_BYTES) this.#send()
  }

  flush(): void {
    this.#isScheduled = false
    this.#send()
  }

  #send(): void {
    const length = this.writer.length
    if (length === 0) return
    this.#bytesSent += length
    this.#socket.write(this.writer.flush())
    const chunk = this.writer.releaseChunk()
    // a chunk the kernel has not taken yet must not be written again: it is left to the garbage collector
    if (chunk !== null && this.#socket.bufferedBytes === 0) this.#flusher.release(chunk)
  }
}
