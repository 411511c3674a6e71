/** Control characters, separators, and what turns the direction of writing: they could forge lines or drive a terminal. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu
/** Words that need no quotes. */
const WORD = /^[^\s"=]+$/

/** Text of a capture, as it can be printed in a line: quoted where it is not one word. */
export function quoteText(text: string): string {
  const safe = text.replaceAll(UNSAFE, (found) => `\\u{${(found.codePointAt(0) as number).toString(16)}}`)
  return safe === text && WORD.test(text) ? text : `"${safe.replaceAll('"', '\\"')}"`
}

/** Text of our own with parts of a capture in it, in one line. */
export function plainLine(text: string): string {
  return text.replaceAll(UNSAFE, ' ')
}

const ROW_BYTES = 16
const HALF_ROW_BYTES = 8

/** `0000  68 65 …  |he…|`, sixteen bytes a line; `at`: the position of the first one. */
export function hexDump(bytes: Buffer, at = 0): string[] {
  const lines: string[] = []
  for (let from = 0; from < bytes.length; from += ROW_BYTES) {
    const row = bytes.subarray(from, from + ROW_BYTES)
    const pairs = row.toString('hex').match(/../g) as string[]
    const halves = [pairs.slice(0, HALF_ROW_BYTES).join(' '), pairs.slice(HALF_ROW_BYTES).join(' ')].join('  ')
    const text = row.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.')
    lines.push(`${(at + from).toString(16).padStart(4, '0')}  ${halves.padEnd(ROW_BYTES * 3)}  |${text}|`)
  }
  return lines
}

const NS_PER_S = 1_000_000_000n
/** Above it a Date ends. */
const MAX_DATE_S = 8_640_000_000_000n

/** UTC with nine digits, or `-`. */
export function formatTime(timeNs: bigint | undefined): string {
  if (timeNs === undefined) return '-'
  const fraction = ((timeNs % NS_PER_S) + NS_PER_S) % NS_PER_S
  const seconds = (timeNs - fraction) / NS_PER_S
  if (seconds > MAX_DATE_S || seconds < -MAX_DATE_S) return '-'
  const date = new Date(Number(seconds) * 1000).toISOString().replace(/\.\d+Z$/, '')
  return `${date}.${fraction.toString().padStart(9, '0')}Z`
}

/** Milliseconds as a number with all digits that the capture has. */
export function milliseconds(ns: bigint): number {
  return Number(ns) / 1_000_000
}
