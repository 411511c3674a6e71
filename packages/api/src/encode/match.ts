import type { HeaderMatcherSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts'
import type { StringMatcherSchema } from '../gen/envoy/type/matcher/v3/string_pb.ts'
import type { MatchConfig, MetadataMatcher, StringMatch } from '../model/index.ts'
import type { Init } from './init.ts'

type HeaderMatcherInit = Init<typeof HeaderMatcherSchema>
type Specifier = NonNullable<HeaderMatcherInit['headerMatchSpecifier']>
type TextMatch = StringMatch & { kind: 'exact' | 'prefix' | 'suffix' | 'contains' }

/** Matchers as HeaderMatchers, in the forms that Aeraki writes wherever these can say it. */
export function matchersInit(match: MatchConfig): HeaderMatcherInit[] {
  return match.metadata.map((matcher) => ({
    name: matcher.name,
    headerMatchSpecifier: specifierInit(matcher.test),
    invertMatch: matcher.invert,
    treatMissingHeaderAsEmpty: matcher.treatMissingAsEmpty,
  }))
}

function specifierInit(test: MetadataMatcher['test']): Specifier {
  switch (test.kind) {
    case 'present':
      return { case: 'presentMatch', value: test.present }
    case 'range':
      return { case: 'rangeMatch', value: { start: test.start, end: test.end } }
    case 'regex':
      return { case: 'safeRegexMatch', value: regexInit(test.pattern) }
    default:
      return textInit(test)
  }
}

/** An empty `exact_match` is read as "any value", and the other forms may not be empty. */
function textInit(test: TextMatch): Specifier {
  const { kind, text, ignoreCase } = test
  if (text === '' && kind === 'prefix' && !ignoreCase) return { case: 'exactMatch', value: '' }
  if (text === '' || ignoreCase) return { case: 'stringMatch', value: stringInit(test) }
  return { case: `${kind}Match`, value: text }
}

function stringInit({ kind, text, ignoreCase }: TextMatch): Init<typeof StringMatcherSchema> {
  return { matchPattern: { case: kind, value: text }, ignoreCase }
}

function regexInit(regex: string) {
  return { regex, engineType: { case: 'googleRe2' as const, value: {} } }
}
