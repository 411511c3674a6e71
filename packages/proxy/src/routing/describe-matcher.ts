import type { MetadataMatcher, StringMatch } from '@meltemi/api/model'

/** Which values a matcher accepts, in words that end a sentence such as "the key should have …". */
export function describeMatcher(matcher: MetadataMatcher): string {
  const { test, invert, treatMissingAsEmpty } = matcher
  const missing = treatMissingAsEmpty ? ', none counting as ""' : ''
  if (test.kind === 'present') return `${test.present === invert ? 'no value' : 'any value'}${missing}`
  return `${invert ? 'a value other than ' : ''}${describeTest(test)}${missing}`
}

function describeTest(test: Exclude<MetadataMatcher['test'], { readonly kind: 'present' }>): string {
  if (test.kind === 'range') return `a whole number from ${test.start} to ${test.end - 1n}`
  return describeText(test)
}

function describeText(match: StringMatch): string {
  if (match.kind === 'regex') return `one that matches ${JSON.stringify(match.pattern)} as a whole`
  const { kind, ignoreCase } = match
  const text = `${JSON.stringify(match.text)}${ignoreCase ? ' in any case' : ''}`
  switch (kind) {
    case 'exact':
      return text
    case 'prefix':
      return `one that begins with ${text}`
    case 'suffix':
      return `one that ends with ${text}`
    case 'contains':
      return `one that contains ${text}`
    default:
      return kind satisfies never
  }
}
