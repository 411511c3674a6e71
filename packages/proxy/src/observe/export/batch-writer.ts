import type { Clock, Counter } from '@meltemi/runtime'
import type { Destination, Outlet } from './outlet.ts'

const CAPACITY = 64 * 1024
/** A batch that is smaller leaves as a copy, so that the memory stays. */
const COPIED_BYTES = CAPACITY / 4
/** Of one line or span. */
const MAX_ENTRY_BYTES = 1024 * 1024
const MAX_BYTES_PER_CHARACTER = 3

export interface BatchStats {
  /** Lines or spans that are lost: too much is on its way. */
  readonly dropped: Counter
  /** Batches that left because of their age. */
  readonly flushedByTimer: Counter
}

export interface BatchWriterParts {
  readonly destination: Destination
  readonly outlet: Outlet
  readonly clock: Clock
  readonly stats: BatchStats
  /** What is written leaves so many milliseconds later, or when there is enough of it. */
  readonly flushMs: number
}

/** Gathers the lines of a log, or the spans of a collector, in one thread, and hands them out many at once. */
export class BatchWriter {
  readonly #parts: BatchWriterParts
  #buffer: Buffer<ArrayBuffer> | null = null
  #length = 0
  #count = 0
  #isTimerSet = false

  constructor(parts: BatchWriterParts) {
    this.#parts = parts
  }

  addText(text: string): void {
    const most = text.length * MAX_BYTES_PER_CHARACTER
    if (most > CAPACITY) {
      this.#addLarge(text)
      return
    }
    const buffer = this.#room(most)
    this.#length += buffer.write(text, this.#length)
    this.#added()
  }

  /** A copy of these, as one entry. */
  addBytes(bytes: Uint8Array): void {
    if (bytes.length > CAPACITY) {
      this.#sendAlone(Buffer.from(new Uint8Array(bytes).buffer))
      return
    }
    const buffer = this.#room(bytes.length)
    buffer.set(bytes, this.#length)
    this.#length += bytes.length
    this.#added()
  }

  /** One is lost before it was written. */
  lose(): void {
    this.#parts.stats.dropped.add(1)
  }

  flush(): void {
    const buffer = this.#buffer
    if (buffer === null || this.#length === 0) return
    const isCopied = this.#length < COPIED_BYTES
    const bytes = isCopied ? copyOf(buffer, this.#length) : buffer.subarray(0, this.#length)
    if (!isCopied) this.#buffer = null
    const count = this.#count
    this.#length = 0
    this.#count = 0
    this.#send(bytes, count)
  }

  /** A place with so many bytes in it, which are at most `CAPACITY`. */
  #room(bytes: number): Buffer<ArrayBuffer> {
    if (this.#length + bytes > CAPACITY) this.flush()
    this.#buffer ??= Buffer.allocUnsafeSlow(CAPACITY)
    return this.#buffer
  }

  #added(): void {
    this.#count++
    if (this.#isTimerSet) return
    this.#isTimerSet = true
    this.#parts.clock.setTimer(this.#parts.flushMs, () => {
      this.#isTimerSet = false
      if (this.#length > 0) this.#parts.stats.flushedByTimer.add(1)
      this.flush()
    })
  }

  #addLarge(text: string): void {
    if (text.length > MAX_ENTRY_BYTES) {
      this.lose()
      return
    }
    const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
    bytes.write(text)
    this.#sendAlone(bytes)
  }

  #sendAlone(bytes: Buffer<ArrayBuffer>): void {
    this.flush()
    if (bytes.length > MAX_ENTRY_BYTES) this.lose()
    else this.#send(bytes, 1)
  }

  #send(bytes: Uint8Array<ArrayBuffer>, count: number): void {
    const { destination, outlet, stats } = this.#parts
    if (!outlet.send({ destination, bytes, count })) stats.dropped.add(count)
  }
}

function copyOf(buffer: Buffer, length: number): Buffer<ArrayBuffer> {
  const copy = Buffer.allocUnsafeSlow(length)
  buffer.copy(copy, 0, 0, length)
  return copy
}
