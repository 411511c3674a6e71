import { RE2JS } from 're2js'
import type { MatchConfig, MetadataMatcher, StringMatch } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

/** Reads a RouteMatch; undefined matches everything, as an empty one does. */
export function convertMatch(match: ConfigMessage | undefined): MatchConfig {
  return { metadata: (match?.messages('metadata') ?? []).map(convertMatcher) }
}

/** Reads a HeaderMatcher, whose header is a key of the metadata. */
export function convertMatcher(matcher: ConfigMessage): MetadataMatcher {
  return {
    name: matcher.text('name'),
    test: convertTest(matcher),
    invert: matcher.flag('invert_match') ?? false,
    treatMissingAsEmpty: matcher.flag('treat_missing_header_as_empty') ?? false,
  }
}

function convertTest(matcher: ConfigMessage): MetadataMatcher['test'] {
  if (matcher.has('string_match')) return convertStringMatch(matcher.message('string_match'))
  if (matcher.has('safe_regex_match')) return convertRegex(matcher.message('safe_regex_match'))
  if (matcher.has('range_match')) return convertRange(matcher.message('range_match'))
  if (matcher.has('present_match')) return { kind: 'present', present: matcher.flag('present_match') ?? false }
  if (matcher.has('exact_match')) return convertExact(matcher.text('exact_match'))
  for (const kind of ['prefix', 'suffix', 'contains'] as const) {
    if (matcher.has(`${kind}_match`)) return { kind, text: matcher.text(`${kind}_match`), ignoreCase: false }
  }
  return { kind: 'present', present: true }
}

/** An empty `exact_match` of the old form matches any value, as an empty prefix does. */
function convertExact(text: string): StringMatch {
  return { kind: text === '' ? 'prefix' : 'exact', text, ignoreCase: false }
}

/** Reads a StringMatcher; undefined, or one that is empty, is the empty text. */
export function convertStringMatch(matcher: ConfigMessage | undefined): StringMatch {
  const ignoreCase = matcher?.flag('ignore_case') ?? false
  if (matcher?.has('safe_regex')) {
    if (ignoreCase) matcher.error('ignore_case', 'has no effect on safe_regex, write (?i) into the expression')
    return convertRegex(matcher.message('safe_regex'))
  }
  for (const kind of ['prefix', 'suffix', 'contains'] as const) {
    if (matcher?.has(kind)) return { kind, text: matcher.text(kind), ignoreCase }
  }
  return { kind: 'exact', text: matcher?.text('exact') ?? '', ignoreCase }
}

function convertRegex(matcher: ConfigMessage | undefined): StringMatch {
  const pattern = matcher?.text('regex') ?? ''
  matcher?.message('google_re2')
  const fault = regexFault(pattern)
  if (fault !== undefined) matcher?.error('regex', fault)
  return { kind: 'regex', pattern }
}

/** What is wrong with a regular expression in RE2 syntax; undefined: nothing. */
export function regexFault(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** How many groups a regular expression in RE2 syntax has. Throws for one that is not valid. */
export function regexGroups(pattern: string): number {
  return RE2JS.compile(pattern).groupCount()
}

/** Whether a regular expression in RE2 syntax fits the whole text. Throws for one that is not valid. */
export function regexFits(pattern: string, text: string): boolean {
  return RE2JS.compile(pattern).matches(text)
}

function convertRange(range: ConfigMessage | undefined): MetadataMatcher['test'] {
  const start = range?.bigint('start') ?? 0n
  const end = range?.bigint('end') ?? 0n
  if (start >= end) range?.warning('end', `no number is at least ${start} and less than ${end}`)
  return { kind: 'range', start, end }
}
