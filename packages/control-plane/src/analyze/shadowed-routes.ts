import { type AttributeMatch, keyOf, type MetaRoute, type MetaRouter, regexFits } from '@meltemi/api'
import type { StatusNote } from '../store/world.ts'

/** By name of the property, in lower case: names are compared without case. */
type Tests = ReadonlyMap<string, readonly AttributeMatch[]>

/**
 * Routes that no message comes to, because an earlier one takes all messages that they are for. Routes behind one without
 * a match are left to validation.
 */
export function shadowedRoutes(router: MetaRouter): readonly StatusNote[] {
  const tests = (router.spec.routes ?? []).map(testsOf)
  const catchAll = tests.findIndex((each) => each.size === 0)
  const looked = catchAll < 0 ? tests : tests.slice(0, catchAll)
  return looked.flatMap((narrow, index) => {
    const by = looked.findIndex((broad, other) => other < index && isCovered(narrow, broad))
    if (by < 0) return []
    return [
      {
        key: keyOf(router),
        severity: 'warning' as const,
        code: 'shadowed-route' as const,
        path: ['spec', 'routes', index],
        message: `no message comes to this route: an earlier one, routes[${by}], takes all that it is for`,
        fix: 'move it before that one, or delete it',
      },
    ]
  })
}

function testsOf({ match }: MetaRoute): Tests {
  const tests = new Map<string, AttributeMatch[]>()
  for (const [name, test] of Object.entries(match?.attributes ?? {})) {
    const key = name.toLowerCase()
    tests.set(key, [...(tests.get(key) ?? []), test])
  }
  return tests
}

/** Each test of the broad one must hold wherever all of the narrow one do. Says false when in doubt. */
function isCovered(narrow: Tests, broad: Tests): boolean {
  return [...broad].every(([name, tests]) =>
    tests.every((test) => narrow.get(name)?.some((narrower) => implies(narrower, test)) ?? false),
  )
}

function implies(narrow: AttributeMatch, broad: AttributeMatch): boolean {
  // An empty one holds for any value.
  if (broad.exact === '' || broad.prefix === '') return true
  if (narrow.regex !== undefined) return narrow.regex === broad.regex
  const exact = narrow.exact === '' ? undefined : narrow.exact
  if (exact !== undefined) return holds(broad, exact)
  return narrow.prefix !== undefined && broad.prefix !== undefined && narrow.prefix.startsWith(broad.prefix)
}

function holds({ exact, prefix, regex }: AttributeMatch, value: string): boolean {
  if (exact !== undefined) return value === exact
  if (prefix !== undefined) return value.startsWith(prefix)
  return regex !== undefined && regexFits(regex, value)
}
