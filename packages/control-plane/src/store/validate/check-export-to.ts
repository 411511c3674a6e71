import type { ResourcePath, ResourceProblems } from '@meltemi/api/resource'

/** `exportTo`: no namespace twice, of which `.` is the own; `*` and `~` stand alone. */
export function checkExportTo(
  exportTo: readonly string[] | undefined,
  namespace: string,
  problems: ResourceProblems,
): void {
  if (exportTo === undefined) return
  const seen = new Set<string>()
  for (const [index, entry] of exportTo.entries()) {
    const path: ResourcePath = ['spec', 'exportTo', index]
    const name = entry === '.' ? namespace : entry
    if (seen.has(name)) problems.error({ code: 'duplicate-value', path, message: `${entry} is there already` })
    seen.add(name)
    if ((entry === '*' || entry === '~') && exportTo.length > 1)
      problems.error({
        code: 'conflicting-fields',
        path,
        message: `${entry} must stand alone`,
        fix: 'leave out the others',
      })
  }
}
