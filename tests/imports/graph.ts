/** The import graph of a set of source files, read from their import statements. */

import { posix } from 'node:path'

/** Source text by path, relative to the root of the repository, with forward slashes. */
export type SourceTree = ReadonlyMap<string, string>

export interface Import {
  readonly from: string
  /** As written, for example `../net/socket.ts` or `@meltemi/sdk`. */
  readonly specifier: string
  /** Gone when the program runs. */
  readonly isTypeOnly: boolean
  /** The imported file, for relative ones. */
  readonly target: string | undefined
}

// Statements start a line (the formatter sees to that), so text in comments, which starts with an asterisk, is not read.
const STATIC_IMPORT = /^(?:import|export)\s(?:[^'";]*?\sfrom\s+)?['"]([^'"\n]+)['"]/gm
const DYNAMIC_IMPORT = /\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g

/** Every import of every file, type-only ones included: a type is knowledge as well. */
export function readImports(tree: SourceTree): readonly Import[] {
  return [...tree].flatMap(([from, text]) =>
    [...text.matchAll(STATIC_IMPORT), ...text.matchAll(DYNAMIC_IMPORT)].map((match) => {
      const specifier = match[1] as string
      const target = specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : undefined
      return { from, specifier, isTypeOnly: /^(?:import|export) type\s/.test(match[0]), target }
    }),
  )
}

/**
 * Cycles among relative imports, each as `a -> b -> a`, once. Files that name each other's types are no cycle: two
 * halves of one thing may know each other, as long as one of them can be loaded first.
 */
export function findCycles(imports: readonly Import[]): readonly string[] {
  const targets = new Map<string, string[]>()
  for (const { from, target, isTypeOnly } of imports) {
    if (target !== undefined && !isTypeOnly) targets.set(from, [...(targets.get(from) ?? []), target])
  }
  const cycles: string[] = []
  const finished = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    if (finished.has(file)) return
    const at = path.indexOf(file)
    if (at >= 0) {
      cycles.push([...path.slice(at), file].join(' -> '))
      return
    }
    path.push(file)
    for (const target of targets.get(file) ?? []) visit(target)
    path.pop()
    finished.add(file)
  }
  for (const file of targets.keys()) visit(file)
  return cycles
}
