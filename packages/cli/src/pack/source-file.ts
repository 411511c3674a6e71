/** The files that a bundle is made of, each with the package that it belongs to. */

import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { dirname, relative, resolve, sep } from 'node:path'
import { nearestPackageJson, type PackageJson } from './package-json.ts'

/** A file as the bundler knows it. */
export interface BundledFile {
  /** Its path relative to the project, as the bundler writes it. */
  readonly bundledAs: string
  /** Whether anything of it is in the bundle; else it only led to other files. */
  readonly isIncluded: boolean
  /** `bundledAs` of what it imports. */
  readonly imports: readonly string[]
}

export interface SourceFile extends BundledFile {
  /** The package that it belongs to; undefined: the project itself. */
  readonly owner: PackageJson | undefined
  /** Relative to its package, with `/`. */
  readonly path: string
  /** Names it whatever the place of its package: `left-pad@1.3.0/index.js`. */
  readonly stableName: string
  /** Of its bytes, in hex. */
  readonly sha256: string
}

/** Finds owner and digest of each file; what the bundler made up itself is left out. */
export function describeSources(files: readonly BundledFile[], project: string): readonly SourceFile[] {
  return files.flatMap((bundled) => {
    const file = resolve(project, bundled.bundledAs)
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return []
    const owner = ownerOf(file, project)
    const path = relative(owner?.directory ?? project, file)
      .split(sep)
      .join('/')
    const stableName = owner === undefined ? path : `${owner.name}@${owner.version ?? ''}/${path}`
    return [{ ...bundled, owner, path, stableName, sha256: digestOf(readFileSync(file)) }]
  })
}

/** sha256 in hex. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Folders of packages may have a package.json without a name, for their format only. */
function ownerOf(file: string, project: string): PackageJson | undefined {
  const owner = nearestPackageJson(dirname(file), ({ name }) => name !== undefined)
  if (owner === undefined) return undefined
  return isBelow(file, project) && isBelow(project, owner.directory) ? undefined : owner
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`)
}
