// Programs of others: on PATH, where Debian keeps daemons, or where scripts/setup-interop.sh put them.

import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

const REPOSITORY = join(import.meta.dirname, '../..')

/** The path of the program, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [
    join(REPOSITORY, '.tmp/bin'),
    ...(process.env['PATH'] ?? '').split(':'),
    '/usr/sbin',
    '/usr/local/sbin',
  ]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** What the pattern's first group finds in the program's output; undefined when there is no program. */
export function readVersion(program: string | undefined, args: readonly string[], pattern: RegExp): string | undefined {
  if (program === undefined) return undefined
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown version'
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
