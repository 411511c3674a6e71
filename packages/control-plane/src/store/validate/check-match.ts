import { type AttributesMatch, type ResourcePath, type ResourceProblems, regexFault } from '@meltemi/api/resource'
import type { Loose } from './loose.ts'

/** Names of attributes, and the regular expressions that their values are compared with. */
export function checkMatch(
  match: Loose<AttributesMatch> | undefined,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  for (const [name, test] of Object.entries(match?.attributes ?? {})) {
    const here = [...path, 'attributes', name]
    if (name === '')
      problems.error({
        code: 'invalid-value',
        path: here,
        message: 'expected the name of a property',
        isAboutKey: true,
      })
    checkRegex(test?.regex, [...here, 'regex'], problems)
  }
}

function checkRegex(regex: string | undefined, path: ResourcePath, problems: ResourceProblems): void {
  const fault = regex === undefined || regex === '' ? undefined : regexFault(regex)
  if (fault === undefined) return
  const fix = regex === '*' ? 'write .* for any value' : undefined
  problems.error({ code: 'invalid-regex', path, message: `${JSON.stringify(regex)} is not RE2: ${fault}`, fix })
}
