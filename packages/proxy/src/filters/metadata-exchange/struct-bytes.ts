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
export function decodeStruct(bytes: Buffer, depth = 1): StructFields {
  if (depth > MAX_DEPTH) throw new RangeError(`a struct is nested deeper than ${MAX_DEPTH}`)
  const fields = new Map<string, string | StructFields>()
  for (const entry of readFields(bytes)) {
    if (entry.number !== ENTRY) continue
    let key = ''
    let value: string | StructFields | undefined
    for (const part of readFields(entry.bytes)) {
      if (part.number === KEY) key = part.bytes.toString()
      else if (part.number === VALUE) value = decodeValue(part.bytes, depth)
    }
    if (value !== undefined) fields.set(key, value)
  }
  return fields
}

function decodeValue(bytes: Buffer, depth: number): string | StructFields | undefined {
  let value: string | StructFields | undefined
  for (const part of readFields(bytes)) {
    if (part.number === TEXT_VALUE) value = part.bytes.toString()
    else if (part.number === STRUCT_VALUE) value = decodeStruct(part.bytes, depth + 1)
  }
  return value
}

interface Field {
  readonly number: number
  readonly bytes: Buffer
}

/** The fields that have a length; all others are skipped. */
function readFields(bytes: Buffer): readonly Field[] {
  const fields: Field[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at)
    const wireType = tag.value & 7
    at = tag.end
    if (wireType === LENGTH_DELIMITED) {
      const length = readVarint(bytes, at)
      at = length.end + length.value
      if (at <= bytes.length) fields.push({ number: tag.value >>> 3, bytes: bytes.subarray(length.end, at) })
    } else if (wireType === VARINT) at = readVarint(bytes, at).end
    else at += FIXED_BYTES[wireType] ?? Number.POSITIVE_INFINITY
    if (at > bytes.length) throw new RangeError(`a field of wire type ${wireType} reaches beyond its message`)
  }
  return fields
}

/** Of wide values the low 32 bits. */
function readVarint(bytes: Buffer, start: number): { readonly value: number; readonly end: number } {
  let value = 0
  for (let at = start; at < Math.min(bytes.length, start + MAX_VARINT_BYTES); at++) {
    const byte = bytes[at] as number
    if (at < start + 5) value |= (byte & 0x7f) << (7 * (at - start))
    if (byte < 0x80) return { value: value >>> 0, end: at + 1 }
  }
  throw new RangeError('a varint does not end')
}
