import type { ResourcePath, ResourceProblems } from '@meltemi/api/resource'

/** Reports values that stand in a list before; undefined ones are left out. */
export function checkUnique(
  values: readonly (string | number | undefined)[],
  pathOf: (index: number) => ResourcePath,
  problems: ResourceProblems,
): void {
  const seen = new Set<string | number>()
  for (const [index, value] of values.entries()) {
    if (value === undefined) continue
    if (seen.has(value))
      problems.error({ code: 'duplicate-value', path: pathOf(index), message: `${value} is there already` })
    seen.add(value)
  }
}
