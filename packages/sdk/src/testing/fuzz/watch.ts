/** Sees what a codec reads: where fields are is learned from this, and reading without end is stopped by it. */

import { ReceiveBuffer } from '../../index.ts'
import { Fault } from './fault.ts'

/** Something the codec looked at. Positions count from the first byte of the connection. */
export type Sight =
  | { readonly kind: 'number'; readonly at: number; readonly bytes: number; readonly isLittle: boolean }
  /** A position that it asked for, jumped to or named as a border. */
  | { readonly kind: 'edge'; readonly at: number }
  | { readonly kind: 'text'; readonly start: number; readonly end: number }

const MAX_SIGHTS = 4096

export class Watch {
  reads = 0
  maxReads: number = Number.POSITIVE_INFINITY
  /** Where the message that is being decoded begins. */
  base = 0
  /** Kept when somebody wants to learn from them. */
  sights: Sight[] | undefined

  restart(maxReads: number, sights?: Sight[]): void {
    this.reads = 0
    this.maxReads = maxReads
    this.base = 0
    this.sights = sights
  }

  number(at: number, bytes: number, isLittle: boolean): void {
    this.count()
    this.#add({ kind: 'number', at, bytes, isLittle })
    this.edge(at)
  }

  edge(at: number): void {
    this.#add({ kind: 'edge', at })
  }

  text(start: number, end: number): void {
    this.#add({ kind: 'text', start, end })
    this.edge(end)
  }

  count(): void {
    if (++this.reads > this.maxReads) throw readsFault(this)
  }

  #add(sight: Sight): void {
    if (this.sights !== undefined && this.sights.length < MAX_SIGHTS) this.sights.push(sight)
  }
}

export function readsFault({ maxReads }: Watch): Fault {
  return new Fault('reads', 'decode reads far more often than there are bytes', `more than ${maxReads} times`)
}

const READS = [
  ['u8', 1, false],
  ['i8', 1, false],
  ['u16', 2, false],
  ['i16', 2, false],
  ['u32', 4, false],
  ['i32', 4, false],
  ['u16le', 2, true],
  ['u32le', 4, true],
  ['i64', 8, false],
] as const

/** A buffer that tells `watch` of all that is read from it. */
export function watchedBuffer(watch: Watch, maxMessageBytes: number): ReceiveBuffer {
  const buffer = new ReceiveBuffer(maxMessageBytes)
  const original = ReceiveBuffer.prototype
  for (const [name, bytes, isLittle] of READS) {
    const read: (i: number) => unknown = original[name]
    const watched = (i: number): unknown => {
      watch.number(watch.base + i, bytes, isLittle)
      return read.call(buffer, i)
    }
    Object.assign(buffer, { [name]: watched })
  }
  buffer.has = (n) => {
    watch.count()
    watch.edge(watch.base + n)
    return original.has.call(buffer, n)
  }
  buffer.indexOf = (byte, from) => {
    watch.count()
    const found = original.indexOf.call(buffer, byte, from)
    if (found >= 0) watch.text(watch.base + from, watch.base + found)
    return found
  }
  buffer.take = (n) => {
    watch.edge(watch.base + n)
    const taken = original.take.call(buffer, n)
    if (watch.sights !== undefined) watchMessage(watch, taken)
    watch.base += n
    return taken
  }
  return buffer
}

/*
 * What `take` returned is a view of the one chunk that all bytes of a watched connection came in, and so are its
 * subarrays: a position is the offset in that chunk. Their methods are replaced by way of their prototype.
 */

interface WatchedMessage extends Buffer {
  watch: Watch
  chunkStart: number
}

const READ_METHOD = /^read(?:Big)?U?[Ii]nt(8|16|32|64)?(BE|LE)?$/
const watchedMethods = createWatchedMethods()

function watchMessage(watch: Watch, message: Buffer): void {
  mark(message, watch, message.byteOffset - watch.base)
}

function mark(view: Buffer, watch: Watch, chunkStart: number): void {
  Object.setPrototypeOf(view, watchedMethods)
  Object.assign(view, { watch, chunkStart })
}

function createWatchedMethods(): object {
  const original = Buffer.prototype
  const methods = Object.create(original) as Record<string, unknown>
  for (const name of Object.getOwnPropertyNames(original)) {
    const [whole, bits, order] = READ_METHOD.exec(name) ?? []
    if (whole === undefined) continue
    const read = original[name as 'readIntBE']
    methods[name] = function (this: WatchedMessage, offset = 0, bytes = 0): unknown {
      const width = bits === undefined ? bytes : Number(bits) / 8
      this.watch.number(this.byteOffset - this.chunkStart + offset, width, order === 'LE')
      return read.call(this, offset, bytes)
    }
  }
  methods['toString'] = function (
    this: WatchedMessage,
    encoding?: BufferEncoding,
    start = 0,
    end = this.length,
  ): string {
    const from = this.byteOffset - this.chunkStart
    this.watch.text(from + start, from + end)
    return original.toString.call(this, encoding, start, end)
  }
  for (const name of ['subarray', 'slice'] as const) {
    methods[name] = function (this: WatchedMessage, start = 0, end = this.length): Buffer {
      const part = original.subarray.call(this, start, end) as Buffer
      const from = part.byteOffset - this.chunkStart
      this.watch.text(from, from + part.length)
      mark(part, this.watch, this.chunkStart)
      return part
    }
  }
  return methods
}
