import type { AttributeMatch, AttributesMatch, MatchConfig, MetadataMatcher } from '@meltemi/api'

/** Attributes in the order of their names, so that the same rules always give the same bytes. Throws for one without a value. */
export function translateMatch(match: AttributesMatch | undefined): MatchConfig {
  const attributes = Object.entries(match?.attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  return { metadata: attributes.map(([name, attribute]) => translateAttribute(name, attribute)) }
}

function translateAttribute(name: string, attribute: AttributeMatch | null): MetadataMatcher {
  return { name, test: translateTest(name, attribute), invert: false, treatMissingAsEmpty: false }
}

/** Nothing, or the expression `*`, is any value, as long as there is one; so is an empty text. */
function translateTest(name: string, attribute: AttributeMatch | null): MetadataMatcher['test'] {
  if (attribute === null || attribute.regex === '*') return { kind: 'present', present: true }
  const { exact, prefix, regex } = attribute
  if (exact !== undefined) return { kind: exact === '' ? 'prefix' : 'exact', text: exact, ignoreCase: false }
  if (prefix !== undefined) return { kind: 'prefix', text: prefix, ignoreCase: false }
  if (regex !== undefined) return { kind: 'regex', pattern: regex }
  throw new TypeError(`attribute ${JSON.stringify(name)} says neither exact nor prefix nor regex`)
}
