/** Whether two codec names are the same; hyphens and underscores are. */
export function sameName(a: string, b: string): boolean {
  return a === b || a.replaceAll('-', '_') === b.replaceAll('-', '_')
}
