import type { Random } from '../../util/random.ts'

/**
 * Earliest deadline first: whoever is chosen comes back after 1/weight of virtual time, so that the choices are
 * spread as evenly as the weights allow. A binary heap of indexes; choosing costs O(log n) and allocates nothing.
 */
export class WeightedSchedule {
  readonly #deadlines: Float64Array
  readonly #heap: Uint32Array

  /** The phases are random, so that workers do not choose in step. */
  constructor(weights: readonly number[], random: Random) {
    this.#deadlines = Float64Array.from(weights, (weight) => random.next() / weight)
    this.#heap = Uint32Array.from(weights, (_, index) => index)
    for (let slot = (weights.length >> 1) - 1; slot >= 0; slot--) this.#siftDown(slot)
  }

  /** The index whose turn it is; there must be one. */
  peek(): number {
    return this.#heap[0] as number
  }

  /** Puts the index whose turn it was back, with its weight of now. */
  advance(weight: number): void {
    const index = this.#heap[0] as number
    this.#deadlines[index] = (this.#deadlines[index] as number) + 1 / weight
    this.#siftDown(0)
  }

  #siftDown(from: number): void {
    const heap = this.#heap
    const deadlines = this.#deadlines
    const moving = heap[from] as number
    const deadline = deadlines[moving] as number
    let slot = from
    for (let child = 2 * slot + 1; child < heap.length; child = 2 * slot + 1) {
      const right = child + 1
      if (right < heap.length && this.#deadlineAt(right) < this.#deadlineAt(child)) child = right
      if (deadline <= this.#deadlineAt(child)) break
      heap[slot] = heap[child] as number
      slot = child
    }
    heap[slot] = moving
  }

  #deadlineAt(slot: number): number {
    return this.#deadlines[this.#heap[slot] as number] as number
  }
}
