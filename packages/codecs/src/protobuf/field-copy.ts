import type { ByteWriter, MessageId } from '@meltemi/sdk'
import { FieldReader } from './field-reader.ts'
import { writeInt64 } from './varint.ts'

/**
 * Writes the fields of a protobuf message anew, but for those that are dropped or replaced on the way. All others,
 * also unknown ones, are the same bytes as before:
 *
 *   | copied | current field | not looked at |
 *            #from           #fields.end
 */
export class FieldCopy {
  readonly fields: FieldReader = new FieldReader()
  readonly #bytes: Buffer
  readonly #out: ByteWriter
  readonly #end: number
  /** What lies before has been written or dropped. */
  #from: number

  /** Of the message at bytes [start, end). */
  constructor(bytes: Buffer, start: number, end: number, out: ByteWriter) {
    this.#bytes = bytes
    this.#out = out
    this.#from = start
    this.#end = end
    this.fields.start(bytes, start, end)
  }

  /** Goes to the next field; false behind the last one, when all that was not dropped is written. */
  next(): boolean {
    if (this.fields.next()) return true
    this.#out.bytes(this.#bytes, this.#from, this.#end)
    return false
  }

  /** Leaves out the current field; what is written now stands in its place. */
  drop(): void {
    this.#out.bytes(this.#bytes, this.#from, this.fields.tagAt)
    this.#from = this.fields.end
  }

  /** Gives the current field another integer, 0 too: a field that is there stays. */
  replace(value: MessageId): void {
    this.drop()
    this.#out.varint(this.fields.tag)
    writeInt64(value, this.#out)
  }
}

/** Writes a field with an integer, unless it is 0: what a field means that is not there. */
export function writeInteger(tag: number, value: MessageId, out: ByteWriter): void {
  if (value === 0) return
  out.varint(tag)
  writeInt64(value, out)
}

/** Writes a field with what `inner` holds. */
export function writeEmbedded(tag: number, inner: ByteWriter, out: ByteWriter): void {
  out.varint(tag).varint(inner.length)
  for (const part of inner.flush()) out.bytes(part)
}
