import type { FuzzInput } from './fuzz-input.ts'
import { type Layout, moved, type NumberField, type Range, readNumber, writeNumber } from './layout.ts'

/** An input under change. Its layout follows what is inserted and removed, and lengths can be made to follow too. */
export class Draft {
  #bytes: Buffer
  #layout: Layout
  readonly #origin: FuzzInput

  constructor(origin: FuzzInput) {
    this.#origin = origin
    this.#bytes = Buffer.from(origin.bytes)
    this.#layout = origin.layout
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  get layout(): Layout {
    return this.#layout
  }

  get input(): FuzzInput {
    return { ...this.#origin, bytes: this.#bytes, layout: this.#layout }
  }

  get(field: NumberField): bigint {
    return readNumber(this.#bytes, field)
  }

  set(field: NumberField, value: bigint): void {
    writeNumber(this.#bytes, field, value)
  }

  setByte(at: number, value: number): void {
    this.#bytes[at] = value
  }

  /** Replaces a range; `adjusts` says whether the lengths that span it are changed accordingly. */
  replace({ start, end }: Range, bytes: Buffer, adjusts: boolean): void {
    const by = bytes.length - (end - start)
    if (adjusts && by !== 0) for (const field of this.#layout.numbers) this.#adjust(field, { start, end }, by)
    this.#bytes = Buffer.concat([this.#bytes.subarray(0, start), bytes, this.#bytes.subarray(end)])
    this.#layout = moved(this.#layout, { start, end }, bytes.length)
  }

  #adjust(field: NumberField, { start, end }: Range, by: number): void {
    const spans = field.at + field.bytes <= start && end <= field.reach
    if (field.role !== 'length' || !spans || by % field.unit !== 0) return
    this.set(field, this.get(field) + BigInt(by / field.unit))
  }
}
