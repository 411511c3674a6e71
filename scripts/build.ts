/** Builds every package to JavaScript and d.ts under `dist`, each after those it depends on. Web pages go along as they are. */

import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, globSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { ROOT, readWorkspace, type WorkspacePackage } from './workspace.ts'

for (const unit of inDependencyOrder(readWorkspace())) build(unit)

function build(unit: WorkspacePackage): void {
  rmSync(join(unit.directory, 'dist'), { recursive: true, force: true })
  copyFileSync(join(ROOT, 'LICENSE'), join(unit.directory, 'LICENSE'))
  const { status } = spawnSync('tsc', ['-p', join(unit.directory, 'tsconfig.build.json')], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}` },
  })
  if (status !== 0) throw new Error(`${unit.name} does not compile`)
  for (const page of globSync('src/**/page', { cwd: unit.directory })) {
    cpSync(join(unit.directory, page), join(unit.directory, 'dist', relative('src', page)), { recursive: true })
  }
  process.stdout.write(`built ${unit.name}\n`)
}

function inDependencyOrder(units: readonly WorkspacePackage[]): readonly WorkspacePackage[] {
  const ordered: WorkspacePackage[] = []
  const visit = (unit: WorkspacePackage): void => {
    if (ordered.includes(unit)) return
    for (const needed of units) if (unit.dependencies.includes(needed.name)) visit(needed)
    ordered.push(unit)
  }
  for (const unit of units) visit(unit)
  return ordered
}
