/** The oldest Node that the packages promise to run on (`engines`), to try them with. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, type WorkspacePackage } from './workspace.ts'

/**
 * The first version that the `engines` of all packages allow, such as `22.19.0`. Throws when they differ. Left out is
 * what only creates projects: that runs on whatever Node a machine has.
 */
export function oldestNodeVersion(units: readonly WorkspacePackage[]): string {
  const ranges = new Set(units.filter(({ name }) => name.startsWith('@meltemi/')).map((unit) => unit.nodeRange))
  const [range = ''] = ranges
  const version = /^>=(\d+)\.(\d+)$/.exec(range)
  if (ranges.size !== 1 || version === null) {
    throw new Error(`every package should have one and the same engines.node, '>=MAJOR.MINOR', got ${[...ranges]}`)
  }
  return `${version[1]}.${version[2]}.0`
}

/** Path of that Node's command; the first call brings it from the registry into an ignored folder. */
export function bringNode(version: string): string {
  const name = `node-${process.platform}-${process.arch}`
  const folder = join(ROOT, `.tmp/node-${version}`)
  const command = join(folder, 'node_modules', name, 'bin/node')
  if (existsSync(command)) return command
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const options = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline']
  execFileSync('npm', ['install', ...options, `${name}@${version}`], { cwd: folder, stdio: ['ignore', 2, 2] })
  return command
}
