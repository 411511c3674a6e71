import type { ProblemList } from '../schema/problem-list.ts'
import { MAX_DEPTH } from './document-bounds.ts'
import type { Place, SourceEntry, SourceNode } from './source-node.ts'

/**
 * Reads JSON with places, many times faster than as YAML; files that machines write can be large. Returns undefined when
 * the text is not JSON, without a problem: it may still be YAML.
 */
export function tryParseJson(text: string, problems: ProblemList): SourceNode | undefined {
  if (!/^\s*\{/.test(text)) return undefined
  try {
    JSON.parse(text)
  } catch {
    return undefined // as YAML it gives a message with a place
  }
  return new JsonReader(text, problems).read(0)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const NEWLINE = 0x0a

/** Walks through text that is known to be JSON, so nothing can be missing. */
class JsonReader {
  readonly #text: string
  readonly #problems: ProblemList
  #at = 0
  #line = 1
  #lineStart = 0
  #isOver = false

  constructor(text: string, problems: ProblemList) {
    this.#text = text
    this.#problems = problems
  }

  read(depth: number): SourceNode {
    this.#skipSpace()
    const place = this.#place()
    this.#checkDepth(depth, place)
    const first = this.#text[this.#at]
    if (first === '{') return { kind: 'map', place, entries: this.#readEntries(depth) }
    if (first === '[') return { kind: 'list', place, items: this.#readItems(depth) }
    return { kind: 'scalar', place, value: first === '"' ? this.#readString() : this.#readWord() }
  }

  #checkDepth(depth: number, place: Place): void {
    if (this.#isOver || depth <= MAX_DEPTH) return
    this.#problems.error({ path: '', place }, `the document has more than ${MAX_DEPTH} levels of nesting`)
    this.#isOver = true
    // The rest is not read.
    this.#at = this.#text.length
  }

  #readEntries(depth: number): readonly SourceEntry[] {
    const entries: SourceEntry[] = []
    this.#at += 1
    while (this.#isBefore('}')) {
      const keyPlace = this.#place()
      const key = this.#readString()
      this.#skipSpace()
      this.#at += 1
      entries.push({ key, keyPlace, value: this.read(depth + 1) })
    }
    return entries
  }

  #readItems(depth: number): readonly SourceNode[] {
    const items: SourceNode[] = []
    this.#at += 1
    while (this.#isBefore(']')) items.push(this.read(depth + 1))
    return items
  }

  /** Steps over a comma to the next element, or over the end. */
  #isBefore(end: string): boolean {
    this.#skipSpace()
    if (this.#text[this.#at] === ',') {
      this.#at += 1
      this.#skipSpace()
    }
    if (this.#at >= this.#text.length) return false
    if (this.#text[this.#at] !== end) return true
    this.#at += 1
    return false
  }

  #readString(): string {
    const start = this.#at
    let end = start + 1
    while (this.#text.charCodeAt(end) !== QUOTE) end += this.#text.charCodeAt(end) === BACKSLASH ? 2 : 1
    this.#at = end + 1
    return JSON.parse(this.#text.slice(start, this.#at)) as string
  }

  /** A number, true, false or null; whole numbers as bigint, so that none is rounded. */
  #readWord(): number | bigint | boolean | null {
    const start = this.#at
    while (this.#at < this.#text.length && !/[\s,\]}]/.test(this.#text.charAt(this.#at))) this.#at += 1
    const word = this.#text.slice(start, this.#at)
    if (/^-?\d+$/.test(word)) return BigInt(word)
    return word === '' ? null : (JSON.parse(word) as number | boolean | null)
  }

  #skipSpace(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code > 0x20) return
      if (code !== NEWLINE) continue
      this.#line += 1
      this.#lineStart = this.#at + 1
    }
  }

  #place(): Place {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 }
  }
}
