import { RE2JS } from 're2js'

/** Where something is in a text, in UTF-16 units. */
export interface Found {
  readonly start: number
  readonly end: number
}

/** What a search has found: its first group, and the second, which most patterns have inside it. */
export interface FoundGroups {
  readonly first: Found
  /** undefined: there is none, or it took no part. */
  readonly second: Found | undefined
}

/**
 * Finds an RE2 pattern with a group anywhere in a text, in linear time. Returns undefined where it is not, and where its
 * first group took no part. Throws a SyntaxError for what is not RE2.
 */
export function compileSearch(pattern: string): (text: string) => FoundGroups | undefined {
  const re2 = RE2JS.compile(pattern)
  const hasSecond = re2.groupCount() > 1
  return (text) => {
    const matcher = re2.matcher(text)
    if (!matcher.find()) return undefined
    const first = { start: matcher.start(1), end: matcher.end(1) }
    if (first.start < 0) return undefined
    const second = hasSecond ? { start: matcher.start(2), end: matcher.end(2) } : undefined
    return { first, second: second !== undefined && second.start >= 0 ? second : undefined }
  }
}
