/**
 * A protobuf field `map<string, string>`, or with bytes as values: each pair is a field of its own, and of equal keys
 * the last one counts.
 *
 *   | tag | length | 0a | key length | key | 12 | value length | value |
 */

import { type ByteWriter, type Metadata, type Mutation, ProtocolError } from '@meltemi/sdk'
import type { FieldCopy } from './field-copy.ts'
import { FieldReader } from './field-reader.ts'
import { varintBytes } from './varint.ts'

/** More cost time that grows with their square; real ones have a handful. */
const MAX_PAIRS = 256
const KEY_TAG = 0x0a
const VALUE_TAG = 0x12
const NO_KEYS: ReadonlySet<string> = new Set()

/** Reads the pairs of one message; made once and used for many. */
export class TextMapReader {
  key = ''
  valueAt = 0
  valueEnd = 0
  readonly #entry = new FieldReader()
  readonly #reserved: ReadonlySet<string>
  #pairs = 0

  /**
   * `reserved`: keys, in lower case, of pairs that are passed over: what a message is routed and allowed by must not be
   * overwritten by what a client says beside it.
   */
  constructor(reserved: ReadonlySet<string>) {
    this.#reserved = reserved
  }

  /** Another message begins. */
  start(): void {
    this.#pairs = 0
  }

  /** Makes the pair on which `fields` stand routable. Throws ProtocolError when it is none, or one too many. */
  readInto(metadata: Metadata, fields: FieldReader): void {
    this.read(metadata.message, fields)
    if (++this.#pairs > MAX_PAIRS) throw new ProtocolError(`protobuf map has more than ${MAX_PAIRS} pairs`)
    if (this.#reserved.has(this.key.toLowerCase())) return
    metadata.setSlice(this.key, this.valueAt, this.valueEnd)
  }

  read(bytes: Buffer, fields: FieldReader): void {
    const entry = this.#entry.start(bytes, fields.valueAt, fields.end)
    this.key = ''
    this.valueAt = 0
    this.valueEnd = 0
    while (entry.next()) {
      if (entry.tag === KEY_TAG) this.key = bytes.toString('utf8', entry.valueAt, entry.end)
      else if (entry.tag === VALUE_TAG) {
        this.valueAt = entry.valueAt
        this.valueEnd = entry.end
      }
    }
  }
}

/** Applies a mutation to the pairs of one message while its fields are copied. */
export class TextMapMutation {
  readonly #mutation: Mutation
  readonly #entry = new TextMapReader(NO_KEYS)
  #pairs = 0

  constructor(mutation: Mutation) {
    this.#mutation = mutation
  }

  /** Drops the pair on which the copy stands, if its key gets another value or none. */
  take(bytes: Buffer, copy: FieldCopy): void {
    this.#entry.read(bytes, copy.fields)
    if (hasKey(this.#mutation, this.#entry.key)) copy.drop()
    else this.#pairs++
  }

  /** Writes the new pairs as fields with this tag. Throws when there are more than another proxy would read. */
  write(tag: number, out: ByteWriter): void {
    const mutation = this.#mutation
    for (let n = 0; n < mutation.size; n++) {
      const value = mutation.value(n)
      if (value === undefined) continue
      if (++this.#pairs > MAX_PAIRS) throw new RangeError(`more than ${MAX_PAIRS} pairs`)
      writePair(tag, mutation.key(n), value, out)
    }
  }
}

function hasKey(mutation: Mutation, key: string): boolean {
  for (let n = 0; n < mutation.size; n++) if (mutation.key(n) === key) return true
  return false
}

function writePair(tag: number, key: string, value: string, out: ByteWriter): void {
  const keyBytes = Buffer.byteLength(key)
  const valueBytes = Buffer.byteLength(value)
  out.varint(tag).varint(2 + varintBytes(keyBytes) + keyBytes + varintBytes(valueBytes) + valueBytes)
  out.varint(KEY_TAG).varint(keyBytes).utf8(key)
  out.varint(VALUE_TAG).varint(valueBytes).utf8(value)
}
