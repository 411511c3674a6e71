/**
 * google.protobuf.Struct, as far as proxies use it to tell who they are: texts, and structs of them.
 *
 *   Struct  { 1: entry … }     entry { 1: key, 2: Value }     Value { 3: text } or { 5: Struct }
 */
import { ProtoWriter } from '../../util/proto-writer.ts'

/** By key; other kinds of values are left out. */
export interface StructFields extends ReadonlyMap<string, string | StructFields> {}

const ENTRY = 1
const KEY = 1
const VALUE = 2
const TEXT_VALUE = 3
const STRUCT_VALUE = 5

const LENGTH_DELIMITED = 2
/** Bytes of a value by wire type; a varint tells its own. */
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 }
const VARINT = 0
const MAX_VARINT_BYTES = 10
const MAX_DEPTH = 4

/** Deterministic: entries in the order of their keys' bytes, as the reference writes them. */
export function encodeStruct(fields: StructFields): Buffer {
  const entries = [...fields].map(([key, value]) => ({ key: Buffer.from(key), value }))
  entries.sort((a, b) => Buffer.compare(a.key, b.key))
  const out = new ProtoWriter()
  for (const { key, value } of entries) {
    const entry = new ProtoWriter()
    entry.raw(KEY, key)
    entry.raw(VALUE, encodeValue(value))
    out.raw(ENTRY, entry.bytes)
  }
  return out.bytes
}

function encodeValue(value: string | StructFields): Buffer {
  const out = new ProtoWriter()
  if (typeof value === 'string') out.text(TEXT_VALUE, value)
  else out.raw(STRUCT_VALUE, encodeStruct(value))
  return out.bytes
}

/** Throws RangeError for what is no Struct, or is nested deeper than anybody nests it. */
export function decodeStruct(bytes: Buffer): StructFields {
  return new StructReader(bytes).struct(0, bytes.length, 1)
}

/** Where an entry belongs. */
interface Place {
  readonly fields: Map<string, string | StructFields>
  readonly depth: number
}

/** Works in place, without an object for each field: of a peer's metadata there are about a hundred. */
class StructReader {
  readonly #bytes: Buffer
  /** The field that `#next` has found: its number, and its bytes. */
  #number = 0
  #start = 0
  #end = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  struct(start: number, end: number, depth: number): StructFields {
    if (depth > MAX_DEPTH) throw new RangeError(`a struct is nested deeper than ${MAX_DEPTH}`)
    const place = { fields: new Map<string, string | StructFields>(), depth }
    for (let at = start; this.#next(at, end); ) {
      at = this.#end
      if (this.#number === ENTRY) this.#entry(this.#start, at, place)
    }
    return place.fields
  }

  #entry(start: number, end: number, { fields, depth }: Place): void {
    let key = ''
    let value: string | StructFields | undefined
    for (let at = start; this.#next(at, end); ) {
      at = this.#end
      if (this.#number === KEY) key = this.#text()
      else if (this.#number === VALUE) value = this.#value(this.#start, at, depth)
    }
    if (value !== undefined) fields.set(key, value)
  }

  #value(start: number, end: number, depth: number): string | StructFields | undefined {
    let value: string | StructFields | undefined
    for (let at = start; this.#next(at, end); ) {
      at = this.#end
      if (this.#number === TEXT_VALUE) value = this.#text()
      else if (this.#number === STRUCT_VALUE) value = this.struct(this.#start, at, depth + 1)
    }
    return value
  }

  #text(): string {
    return this.#bytes.toString('utf8', this.#start, this.#end)
  }

  /** Finds the next field that has a length, all others are skipped; false: there is none up to `end`. */
  #next(from: number, end: number): boolean {
    for (let at = from; at < end; ) {
      const tag = this.#varint(at, end)
      const wireType = tag & 7
      at = this.#end
      if (wireType === LENGTH_DELIMITED) {
        const length = this.#varint(at, end)
        this.#number = tag >>> 3
        this.#start = this.#end
        at = this.#end + length
      } else if (wireType === VARINT) {
        this.#varint(at, end)
        at = this.#end
      } else at += FIXED_BYTES[wireType] ?? Number.POSITIVE_INFINITY
      if (at > end) throw new RangeError(`a field of wire type ${wireType} reaches beyond its message`)
      this.#end = at
      if (wireType === LENGTH_DELIMITED) return true
    }
    return false
  }

  /** Leaves its end in `#end`. Of wide values the low 32 bits. */
  #varint(start: number, end: number): number {
    let value = 0
    for (let at = start; at < Math.min(end, start + MAX_VARINT_BYTES); at++) {
      const byte = this.#bytes[at] as number
      if (at < start + 5) value |= (byte & 0x7f) << (7 * (at - start))
      if (byte < 0x80) {
        this.#end = at + 1
        return value >>> 0
      }
    }
    throw new RangeError('a varint does not end')
  }
}
