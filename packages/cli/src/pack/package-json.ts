/** What packing needs to know of a package.json. */

import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CommandError } from '../command-error.ts'

export interface PackageJson {
  /** The folder that the file lies in. */
  readonly directory: string
  readonly name: string | undefined
  readonly version: string | undefined
  /** An SPDX expression, mostly. */
  readonly license: string | undefined
  /** The versions of Node that it is for. */
  readonly node: string | undefined
}

const MAX_BYTES = 1 << 20

/** The nearest package.json in `directory` or above that `fits`; throws a CommandError when it cannot be read. */
export function nearestPackageJson(
  directory: string,
  fits: (found: PackageJson) => boolean = () => true,
): PackageJson | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const found = readPackageJson(at)
    if (found !== undefined && fits(found)) return found
    if (dirname(at) === at) return undefined
  }
}

function readPackageJson(directory: string): PackageJson | undefined {
  const file = join(directory, 'package.json')
  const size = statSync(file, { throwIfNoEntry: false })?.size
  if (size === undefined) return undefined
  if (size > MAX_BYTES) throw new CommandError([`${file}: ${size} bytes exceed ${MAX_BYTES}`])
  const json = parse(file)
  return {
    directory,
    name: textOf(json['name']),
    version: textOf(json['version']),
    license: licenseOf(json['license']),
    node: isObject(json['engines']) ? textOf(json['engines']['node']) : undefined,
  }
}

function parse(file: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isObject(json) ? json : {}
  } catch (error: unknown) {
    throw new CommandError([`${file}: ${error instanceof Error ? error.message : String(error)}`])
  }
}

/** Old packages have `{ "type": "MIT" }`. */
function licenseOf(value: unknown): string | undefined {
  return textOf(isObject(value) ? value['type'] : value)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
