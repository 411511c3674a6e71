import { RE2JS } from 're2js'

const MAX_PATTERN_LENGTH = 512
const MAX_TOTAL_MS = 250

export type NameFilter = (name: string) => boolean

/** What is wrong with a request; its message is for the one who sent it. */
export class FilterError extends Error {}

/**
 * Names that contain a match of an RE2 pattern. Such a pattern cannot backtrack, but many names times a large pattern
 * can still take long, so a filter gives up (FilterError) after a quarter of a second of matching.
 */
export function createNameFilter(pattern: string, maxTotalMs = MAX_TOTAL_MS): NameFilter {
  if (pattern.length > MAX_PATTERN_LENGTH)
    throw new FilterError(`a filter has at most ${MAX_PATTERN_LENGTH} characters`)
  if (/^[\w:/-]*$/.test(pattern)) return (name) => name.includes(pattern)
  const regex = compile(pattern)
  let spentMs = 0
  return (name) => {
    const startedMs = performance.now()
    const isMatch = regex.test(name)
    spentMs += performance.now() - startedMs
    if (spentMs > maxTotalMs) throw new FilterError('the filter takes too long')
    return isMatch
  }
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (error: unknown) {
    throw new FilterError(`the filter is no RE2 pattern: ${error instanceof Error ? error.message : String(error)}`)
  }
}
