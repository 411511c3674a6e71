/** A power of two. With all of them in use a thread keeps 16 KiB of characters. */
const SLOTS = 256
/** Longer ones are made anew each time. */
const MAX_BYTES = 64

const slots: string[] = new Array<string>(SLOTS).fill('')

/**
 * Bytes [start, end) as text, read as UTF-8. Names of services and methods are the same few in most messages: what is ASCII
 * and was read before need not be made again, and is the same string, which V8 compares quickest. What lies outside of the
 * bytes counts as not there.
 */
export function textOf(bytes: Buffer, start: number, end: number): string {
  const length = end - start
  if (length <= 0 || length > MAX_BYTES) return bytes.toString('utf8', start, end)
  const middle = bytes[start + (length >> 1)] as number
  // also where bytes that are asked for are not there: then it is slot 0, and nothing in it is the same
  const slot = (length + 7 * (bytes[start] as number) + 13 * middle + 31 * (bytes[end - 1] as number)) & (SLOTS - 1)
  const known = slots[slot] as string
  if (known.length === length && isSame(known, bytes, start)) return known
  const text = bytes.toString('utf8', start, end)
  // any other one has fewer characters than bytes, or such as no byte is equal to
  if (text.length === length) slots[slot] = text
  return text
}

function isSame(text: string, bytes: Buffer, start: number): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== bytes[start + at]) return false
  return true
}
