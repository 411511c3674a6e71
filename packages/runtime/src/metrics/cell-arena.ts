/** Where one scalar lies. */
export interface CellPlace {
  readonly cells: Float64Array
  readonly segment: SharedArrayBuffer
  readonly segmentId: number
  readonly index: number
}

/** Gives out cells one after the other, from segments of shared memory that it takes as they are needed. */
export class CellArena {
  readonly #segmentCells: number
  readonly #nextId: () => number
  #segment = new SharedArrayBuffer(0)
  #cells = new Float64Array(this.#segment)
  #segmentId = 0
  #used = 0

  /** `nextId` numbers the segments of one thread. */
  constructor(segmentCells: number, nextId: () => number) {
    this.#segmentCells = segmentCells
    this.#nextId = nextId
  }

  next(): CellPlace {
    if (this.#used === this.#cells.length) this.#begin()
    return { cells: this.#cells, segment: this.#segment, segmentId: this.#segmentId, index: this.#used++ }
  }

  #begin(): void {
    this.#segment = new SharedArrayBuffer(this.#segmentCells * Float64Array.BYTES_PER_ELEMENT)
    this.#cells = new Float64Array(this.#segment)
    this.#segmentId = this.#nextId()
    this.#used = 0
  }
}
