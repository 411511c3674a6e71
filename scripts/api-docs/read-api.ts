/**
 * Reads the exports of a package from its source. It asks the compiler that checks the types, by an interface that its
 * makers call unstable: package.json has its exact version.
 */

import { basename, join } from 'node:path'
import type { SourceFile } from 'typescript/unstable/ast'
import { API, type Project } from 'typescript/unstable/sync'
import { ROOT } from '../workspace.ts'
import type { ApiFile } from './api.ts'
import { readEntry } from './read-entry.ts'

/** What `entry`, a file of a package, exports, by the file that declares it; throws when it cannot be read. */
export function readApi(packageFolder: string, entry: string): readonly ApiFile[] {
  const api = new API({ cwd: ROOT })
  try {
    const config = join(ROOT, packageFolder, 'tsconfig.build.json')
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    if (project === undefined) throw new Error(`${config}: no project`)
    return readFiles(project, join(ROOT, packageFolder, entry))
  } finally {
    api.close()
  }
}

function readFiles(project: Project, entry: string): readonly ApiFile[] {
  const { checker, program } = project
  const source = program.getSourceFile(entry)
  const module = source && checker.getSymbolAtLocation(source)
  if (module === undefined) throw new Error(`${entry}: no module`)
  const exported = checker.getExportsOfModule(module).map((symbol) => {
    // where a constant and the type of its values have one name, the constant comes first
    const [declaration] = checker.getAliasedSymbol(symbol).declarations
    const node = declaration?.resolve(project)
    if (node === undefined) throw new Error(`${entry}: ${symbol.name} is not declared`)
    return { name: symbol.name, node }
  })
  const byFile = Map.groupBy(exported, ({ node }): SourceFile => node.getSourceFile())
  return [...byFile].map(([{ fileName }, declared]) => ({
    name: basename(fileName, '.ts'),
    entries: declared
      .toSorted((a, b) => a.node.pos - b.node.pos)
      .map(({ name, node }) => readEntry(name, node, project)),
  }))
}
