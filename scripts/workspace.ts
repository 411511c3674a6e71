/** What the scripts need to know of the npm workspace. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT: string = fileURLToPath(new URL('..', import.meta.url))

export interface WorkspacePackage {
  readonly name: string
  readonly directory: string
  /** Names of all packages it declares as run-time dependencies. */
  readonly dependencies: readonly string[]
  /** Public entry points, as an importer writes them. */
  readonly entries: readonly string[]
  /** The versions of Node it says it runs on, as in `engines`; empty when it says nothing. */
  readonly nodeRange: string
}

/** Every package below `packages/`, sorted by folder name. */
export function readWorkspace(): readonly WorkspacePackage[] {
  const parent = join(ROOT, 'packages')
  return readdirSync(parent)
    .sort()
    .map((folder) => join(parent, folder))
    .filter((directory) => existsSync(join(directory, 'package.json')))
    .map(readPackage)
}

function readPackage(directory: string): WorkspacePackage {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    name: string
    dependencies?: Record<string, string>
    exports?: Record<string, unknown>
    engines?: { node?: string }
  }
  return {
    name: manifest.name,
    directory,
    dependencies: Object.keys(manifest.dependencies ?? {}),
    entries: Object.keys(manifest.exports ?? {}).map((path) => join(manifest.name, path)),
    nodeRange: manifest.engines?.node ?? '',
  }
}
