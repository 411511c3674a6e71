/** Where numbers, texts and messages lie in a connection's bytes, as far as watching the codec has told. */

export interface Range {
  readonly start: number
  readonly end: number
}

/**
 * A number that the codec reads. `length`: positions that the codec asks for later move with it, by `unit` bytes for
 * each one, the nearest of them from `reach` on. `fixed`: another value is refused. `id`: it becomes an id.
 */
export interface NumberField {
  readonly at: number
  /** 1 to 8. */
  readonly bytes: number
  readonly isLittle: boolean
  readonly role: 'plain' | 'length' | 'id' | 'fixed'
  readonly unit: number
  readonly reach: number
}

export interface Layout {
  readonly numbers: readonly NumberField[]
  readonly texts: readonly Range[]
  readonly messages: readonly Range[]
}

export const NO_LAYOUT: Layout = { numbers: [], texts: [], messages: [] }

/** The field's value, not negative. */
export function readNumber(bytes: Buffer, field: NumberField): bigint {
  let value = 0n
  for (let n = 0; n < field.bytes; n++) value = (value << 8n) | BigInt(bytes[placeOf(field, n)] ?? 0)
  return value
}

/** Writes as many low bits of `value` as the field has. */
export function writeNumber(bytes: Buffer, field: NumberField, value: bigint): void {
  let rest = BigInt.asUintN(8 * field.bytes, value)
  for (let n = field.bytes - 1; n >= 0; n--, rest >>= 8n) bytes[placeOf(field, n)] = Number(rest & 0xffn)
}

/** The layout after bytes [start, end) were replaced by `length` others: what they touched is forgotten. */
export function moved(layout: Layout, { start, end }: Range, length: number): Layout {
  const by = length - (end - start)
  const shift = (at: number): number => (at >= end ? at + by : at)
  const isWhole = (from: number, to: number): boolean => to <= start || from >= end
  const movedRange = (range: Range): Range => ({ start: shift(range.start), end: shift(range.end) })
  return {
    numbers: layout.numbers
      .filter(({ at, bytes }) => isWhole(at, at + bytes))
      .map((field) => ({ ...field, at: shift(field.at), reach: shift(field.reach) })),
    // of a range whose inside changed the borders are still right
    texts: layout.texts.filter((text) => isBorder(text, start, end)).map(movedRange),
    messages: layout.messages.filter((message) => isBorder(message, start, end)).map(movedRange),
  }
}

function isBorder(range: Range, start: number, end: number): boolean {
  const isOutside = range.end <= start || range.start >= end
  return isOutside || (range.start <= start && range.end >= end)
}

/** Where byte `n` of the field lies, counted from the most significant one. */
function placeOf({ at, bytes, isLittle }: NumberField, n: number): number {
  return isLittle ? at + bytes - 1 - n : at + n
}
