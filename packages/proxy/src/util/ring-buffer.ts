const INITIAL_SLOTS = 8

/**
 * A first-in-first-out queue with a bound. Grows by doubling, never shrinks; push and shift do not allocate
 * otherwise.
 *
 *   slots   . . c d e . . .
 *               ^head    length 3
 */
export class RingBuffer<T> {
  readonly #maxLength: number
  #slots: (T | undefined)[] = new Array(INITIAL_SLOTS).fill(undefined)
  #head = 0
  #length = 0

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  get length(): number {
    return this.#length
  }

  get maxLength(): number {
    return this.#maxLength
  }

  /** False, and nothing is kept, when the queue is full. */
  push(item: T): boolean {
    if (this.#length >= this.#maxLength) return false
    if (this.#length === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item
    this.#length++
    return true
  }

  /** Takes the oldest out; undefined when empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#length--
    return item
  }

  /** The one that came `index` places after the oldest; undefined beyond the end. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#length) return undefined
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)]
  }

  clear(): void {
    this.#slots = new Array(INITIAL_SLOTS).fill(undefined)
    this.#head = 0
    this.#length = 0
  }

  #grow(): void {
    const slots: (T | undefined)[] = new Array(this.#slots.length * 2).fill(undefined)
    for (let index = 0; index < this.#length; index++) slots[index] = this.at(index)
    this.#slots = slots
    this.#head = 0
  }
}
