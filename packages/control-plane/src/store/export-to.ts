/** `exportTo` with names instead of `.`; nothing means everywhere. */
export function normalExport(exportTo: readonly string[] | undefined, namespace: string): readonly string[] {
  if (exportTo === undefined || exportTo.length === 0) return ['*']
  return exportTo.filter((entry) => entry !== '~').map((entry) => (entry === '.' ? namespace : entry))
}

export function isExported(exportTo: readonly string[], namespace: string): boolean {
  return exportTo.some((entry) => entry === '*' || entry === namespace)
}
