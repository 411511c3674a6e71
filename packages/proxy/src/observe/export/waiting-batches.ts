import type { WaitingBatch } from './sink.ts'

/** Batches in the order in which they came, up to a number of bytes. */
export class WaitingBatches {
  readonly #maxBytes: number
  #batches: WaitingBatch[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0
  }

  /** False: there is no room. One that is larger than all the room is taken when nothing else waits. */
  add(batch: WaitingBatch): boolean {
    const { length } = batch.bytes
    if (this.#bytes > 0 && this.#bytes + length > this.#maxBytes) return false
    this.#batches.push(batch)
    this.#bytes += length
    return true
  }

  /** The first ones, at least one, of at most so many bytes together. They count as waiting until `settle`. */
  first(maxBytes: number): readonly WaitingBatch[] {
    let bytes = 0
    let count = 0
    for (const batch of this.#batches) {
      bytes += batch.bytes.length
      if (count > 0 && bytes > maxBytes) break
      count++
    }
    return this.#batches.slice(0, count)
  }

  /** These, which are the first ones, are dealt with. False: they were before. */
  settle(batches: readonly WaitingBatch[]): boolean {
    if (this.#batches[0] !== batches[0]) return false
    this.#batches = this.#batches.slice(batches.length)
    for (const batch of batches) {
      this.#bytes -= batch.bytes.length
      batch.done()
    }
    return true
  }
}
