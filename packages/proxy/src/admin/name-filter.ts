import { compilePattern } from '../routing/match-pattern.ts'

const MAX_PATTERN_LENGTH = 512
const MAX_TOTAL_MS = 250

export type NameFilter = (name: string) => boolean

/** What is wrong with a request; its message is for the one who sent it. */
export class FilterError extends Error {}

export interface NameFilterOptions {
  /** The pattern is for the whole name, not for a part of it. */
  readonly isWhole?: boolean
  readonly maxTotalMs?: number
}

/**
 * Names that contain a match of an RE2 pattern. Such a pattern cannot backtrack, but many names times a large pattern
 * can still take long, so a filter gives up (FilterError) after a quarter of a second of matching.
 */
export function createNameFilter(pattern: string, options: NameFilterOptions = {}): NameFilter {
  const { isWhole = false, maxTotalMs = MAX_TOTAL_MS } = options
  if (pattern.length > MAX_PATTERN_LENGTH)
    throw new FilterError(`a filter has at most ${MAX_PATTERN_LENGTH} characters`)
  if (/^[\w:/-]*$/.test(pattern)) return (name) => (isWhole ? name === pattern : name.includes(pattern))
  const isFound = compile(pattern, isWhole)
  let spentMs = 0
  return (name) => {
    const startedMs = performance.now()
    const isMatch = isFound(name)
    spentMs += performance.now() - startedMs
    if (spentMs > maxTotalMs) throw new FilterError('the filter takes too long')
    return isMatch
  }
}

function compile(pattern: string, isWhole: boolean): NameFilter {
  try {
    // Alone first, or `a)(b` would become a pattern.
    const isMatch = compilePattern(pattern)
    if (isWhole) return isMatch
    return compilePattern(`[\\w\\W]*(?:${pattern})[\\w\\W]*`)
  } catch (error: unknown) {
    throw new FilterError(`the filter is ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
