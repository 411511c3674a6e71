import type { SourceNode } from '../document/source-node.ts'
import type { ResourcePath } from './resource-path.ts'
import type { ResourceProblems } from './resource-problems.ts'

/** The value of a field; undefined where there is none, or what is read is no mapping. Of two the last one counts. */
export function fieldOf(node: SourceNode | undefined, key: string): SourceNode | undefined {
  return node?.kind === 'map' ? node.entries.findLast((entry) => entry.key === key)?.value : undefined
}

/** The text of a field; undefined where there is none. */
export function textOf(node: SourceNode, key: string): string | undefined {
  const field = fieldOf(node, key)
  return field?.kind === 'scalar' && typeof field.value === 'string' && field.value !== '' ? field.value : undefined
}

export function reportDuplicates(node: SourceNode, path: ResourcePath, problems: ResourceProblems): void {
  if (node.kind === 'list') {
    for (const [index, item] of node.items.entries()) reportDuplicates(item, [...path, index], problems)
  }
  if (node.kind !== 'map') return
  const seen = new Set<string>()
  for (const { key, value } of node.entries) {
    const here = [...path, key]
    if (seen.has(key))
      problems.warning({
        code: 'duplicate-key',
        path: here,
        message: 'is given twice, the last one counts',
        isAboutKey: true,
      })
    seen.add(key)
    reportDuplicates(value, here, problems)
  }
}
