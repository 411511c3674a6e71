/**
 * Names that came before on this connection, so that the same ones need not be made of bytes again: interfaces, methods
 * and keys of attachments are the same few in every message.
 */

const SLOTS = 64
/** Longer ones are made anew each time, so that a connection keeps 8 KiB at most. */
const MAX_BYTES = 128

export class Names {
  readonly #slots: string[] = new Array<string>(SLOTS).fill('')

  /** These bytes, which are ASCII, as a string. */
  of(bytes: Buffer, start: number, end: number): string {
    const length = end - start
    if (length === 0) return ''
    if (length > MAX_BYTES) return bytes.toString('latin1', start, end)
    const middle = bytes[start + (length >> 1)] as number
    const slot = (length + 7 * (bytes[start] as number) + 13 * middle + 31 * (bytes[end - 1] as number)) % SLOTS
    const known = this.#slots[slot] as string
    if (known.length === length && isSame(known, bytes, start)) return known
    const name = bytes.toString('latin1', start, end)
    this.#slots[slot] = name
    return name
  }
}

function isSame(name: string, bytes: Buffer, start: number): boolean {
  for (let n = 0; n < name.length; n++) if (name.charCodeAt(n) !== bytes[start + n]) return false
  return true
}
