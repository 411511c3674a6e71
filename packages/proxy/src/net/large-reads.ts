import { allowGrowth, collectGarbage } from '../util/collect-garbage.ts'

export interface LargeReader {
  /** Reads nothing until `onTurn`. */
  waitForTurn(): void
  onTurn(): void
}

/**
 * Every read has a buffer of its own, mostly soon forgotten, and so has every message that comes in several. V8 would look at
 * its whole heap after 16 MB of them: a look at what is new, after so many bytes read, takes a tenth of that and keeps less
 * memory. Measured with messages of 64 KiB: half the time of what a look after 16 MB takes.
 */
const COLLECT_BYTES = 4 * 1024 * 1024
/** What was under way at two such looks is garbage until V8 looks at its whole heap, which may be so much later at most. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024
/** In one turn of the event loop, 64 KiB each. */
const READS_PER_TURN = 2

let growthBytes = MAX_GROWTH_BYTES
let garbageBytes = 0
/** Since growth was last allowed; at first it is at once. */
let grownBytes = MAX_GROWTH_BYTES

/** The garbage that large messages leave in this thread is `bytes` at most: all threads share the memory of the process. */
export function limitGarbage(bytes: number): void {
  growthBytes = Math.min(bytes, MAX_GROWTH_BYTES)
}

/**
 * Sockets that have much to read take turns, a few in each turn of the event loop, so that whoever sends little hardly waits.
 * The runtime alone would read 2 MiB from each of them before it looks at the next one.
 */
export class LargeReads {
  /** At most all sockets. */
  readonly #waiting = new Set<LargeReader>()
  readonly #nextTurn = (): void => this.#begin()
  #reads = 0

  /** A socket has read so much at once. */
  onRead(reader: LargeReader, bytes: number): void {
    collect(bytes)
    if (this.#reads === READS_PER_TURN) {
      this.#waiting.add(reader)
      reader.waitForTurn()
    } else if (this.#reads++ === 0) setImmediate(this.#nextTurn)
  }

  /** It is closed. */
  forget(reader: LargeReader): void {
    this.#waiting.delete(reader)
  }

  #begin(): void {
    this.#reads = 0
    for (const reader of this.#waiting) {
      if (this.#reads === READS_PER_TURN) return
      this.#waiting.delete(reader)
      // whether it has something to read or not
      if (this.#reads++ === 0) setImmediate(this.#nextTurn)
      reader.onTurn()
    }
  }
}

function collect(bytes: number): void {
  garbageBytes += bytes
  if (garbageBytes < COLLECT_BYTES) return
  grownBytes += garbageBytes
  garbageBytes = 0
  collectGarbage('minor')
  if (grownBytes < growthBytes) return
  grownBytes = 0
  allowGrowth(growthBytes)
}
