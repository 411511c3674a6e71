/** A value with `*`, each of which stands for any characters, also none. */
export class Wildcard {
  /** As it was written. */
  readonly pattern: string
  readonly #parts: readonly string[]
  readonly #fixedLength: number

  constructor(pattern: string) {
    this.pattern = pattern
    this.#parts = pattern.split('*')
    this.#fixedLength = this.#parts.reduce((length, part) => length + part.length, 0)
  }

  /** Time linear in the text for each star: no backtracking. */
  matches(text: string): boolean {
    const first = this.#parts[0] ?? ''
    const last = this.#parts.at(-1) ?? ''
    // Also keeps the first and the last part from overlapping.
    if (text.length < this.#fixedLength || !text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let at = first.length
    for (let index = 1; index < this.#parts.length - 1; index++) {
      const part = this.#parts[index] ?? ''
      const found = text.indexOf(part, at)
      if (found < 0 || found + part.length > end) return false
      at = found + part.length
    }
    return true
  }
}
