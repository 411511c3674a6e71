import type { NetworkFilter } from './envoy-filter.ts'
import type { HeaderMatch, TextMatch } from './native-routes.ts'

type Json = NetworkFilter['typed_config']['value']

/** Envoy's StringMatcher. */
export function stringMatcher({ kind, text }: TextMatch): Json {
  return kind === 'regex' ? { safeRegex: regexMatcher(text) } : { [kind]: text }
}

export function regexMatcher(regex: string): Json {
  return { googleRe2: {}, regex }
}

/** Field `headers` of a match; nothing when there are none. */
export function headerMatchers(headers: readonly HeaderMatch[]): Json {
  return headers.length === 0 ? {} : { headers: headers.map(headerMatcher) }
}

function headerMatcher({ name, value }: HeaderMatch): Json {
  if (value === undefined) return { name, presentMatch: true }
  const { kind, text } = value
  return { name, ...(kind === 'regex' ? { safeRegexMatch: regexMatcher(text) } : { [`${kind}Match`]: text }) }
}
