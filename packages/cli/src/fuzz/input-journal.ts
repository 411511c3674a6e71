import { openSync, readFileSync, writeSync } from 'node:fs'
import type { FuzzInput } from '@meltemi/sdk/testing'

const MAX_BYTES = 2 * 1024 * 1024
/** | u32 length of the JSON | u32 length of the bytes | JSON: all but the bytes | bytes | */
const HEAD_BYTES = 8

/**
 * Writes into a file what is tried at the moment: when a codec ends its process (by using up all memory, say) this
 * tells with what.
 */
export class InputJournal {
  readonly #file: number
  readonly #buffer = Buffer.alloc(MAX_BYTES)

  constructor(path: string) {
    this.#file = openSync(path, 'w')
  }

  /** Notes an input; of one that is too long for it that there is none. */
  write({ bytes, layout: _, ...others }: FuzzInput): void {
    const buffer = this.#buffer
    const text = JSON.stringify(others)
    const start = HEAD_BYTES + Buffer.byteLength(text)
    const isShort = start + bytes.length <= buffer.length
    buffer.writeUInt32LE(isShort ? start - HEAD_BYTES : 0, 0)
    buffer.writeUInt32LE(bytes.length, 4)
    if (isShort) {
      buffer.write(text, HEAD_BYTES)
      bytes.copy(buffer, start)
    }
    writeSync(this.#file, buffer, 0, isShort ? start + bytes.length : HEAD_BYTES, 0)
  }
}

/** The input that was noted last; undefined when there is none. */
export function readJournal(path: string): FuzzInput | undefined {
  const content = readFileSync(path)
  const textBytes = content.length < HEAD_BYTES ? 0 : content.readUInt32LE(0)
  if (textBytes === 0) return undefined
  const start = HEAD_BYTES + textBytes
  const noted: unknown = JSON.parse(content.toString('utf8', HEAD_BYTES, start))
  const bytes = content.subarray(start, start + content.readUInt32LE(4))
  return { ...(noted as Omit<FuzzInput, 'bytes' | 'layout'>), bytes, layout: NO_LAYOUT }
}

const NO_LAYOUT: FuzzInput['layout'] = { numbers: [], texts: [], messages: [] }
