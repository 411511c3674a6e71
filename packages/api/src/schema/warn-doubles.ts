import type { SourceNode } from '../document/source-node.ts'
import type { ProblemList } from './problem-list.ts'

/** Warns of each key that is there twice, at any depth of a value that no schema says more about; the last one wins. */
export function warnDoubles(problems: ProblemList, node: SourceNode, path: string): void {
  if (node.kind === 'list') {
    for (const [index, item] of node.items.entries()) warnDoubles(problems, item, `${path}[${index}]`)
  }
  if (node.kind !== 'map') return
  const seen = new Set<string>()
  for (const { key, keyPlace, value } of node.entries) {
    const inside = path === '' ? key : `${path}.${key}`
    if (seen.has(key))
      problems.warning({ path: inside, place: keyPlace }, `${key} is set more than once, the last one wins`)
    seen.add(key)
    warnDoubles(problems, value, inside)
  }
}
