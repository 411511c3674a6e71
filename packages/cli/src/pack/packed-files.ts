/** The files of a packed codec: the module, and what is written down about it. */

import { CommandError } from '../command-error.ts'
import type { Bundle } from './bundle.ts'
import type { PackedContents } from './check-packed.ts'
import { nearestPackageJson, type PackageJson } from './package-json.ts'
import { createSbom } from './sbom.ts'
import { digestOf } from './source-file.ts'

export interface PackedFiles {
  readonly name: string
  readonly version: string
  readonly license: string | undefined
  /** Of the module, in hex. */
  readonly sha256: string
  /** ISO 8601; undefined: no time is stated. */
  readonly created: string | undefined
  readonly module: PackedFile
  readonly manifest: PackedFile
  readonly sbom: PackedFile
}

export interface PackedFile {
  readonly name: string
  readonly bytes: Buffer
}

export interface PackedSubject {
  readonly bundled: Bundle
  readonly contents: PackedContents
  readonly project: PackageJson | undefined
}

/** What is said instead of what package.json says. */
export interface PackedNaming {
  readonly name: string | undefined
  readonly version: string | undefined
  /** Seconds since 1970; undefined: no time is stated. */
  readonly sourceDateEpoch: number | undefined
}

const MANIFEST_SCHEMA_VERSION = 1
const VERSION = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/
const MAX_FILE_NAME = 100

/** Names the files, and makes manifest and bill of materials. Throws a CommandError for a version that is none. */
export function createPackedFiles({ bundled, contents, project }: PackedSubject, naming: PackedNaming): PackedFiles {
  const name = naming.name ?? project?.name ?? [...contents.codecs, ...contents.filters][0]?.name ?? ''
  const version = naming.version ?? project?.version ?? '0.0.0'
  if (!VERSION.test(version)) throw new CommandError([`version '${version}' should be like 1.2.3`])
  const created = naming.sourceDateEpoch === undefined ? undefined : isoTime(naming.sourceDateEpoch)
  const own = nearestPackageJson(import.meta.dirname)
  const base = `${fileNameOf(name)}-${version}`
  const module = { name: `${base}.mjs`, bytes: Buffer.from(bundled.code) }
  const sha256 = digestOf(module.bytes)
  const license = project?.license
  const meltemi = own?.version ?? ''
  const manifest = {
    schemaVersion: MANIFEST_SCHEMA_VERSION,
    name,
    version,
    file: module.name,
    sha256,
    size: module.bytes.length,
    ...contents,
    sdk: meltemi, // all packages of Meltemi have one version
    engines: { node: own?.node },
    sbom: `${base}.cdx.json`,
  }
  const sbom = createSbom({ name, version, license, sha256, sources: bundled.sources, timestamp: created, meltemi })
  return {
    name,
    version,
    license,
    sha256,
    created,
    module,
    manifest: { name: `${base}.json`, bytes: jsonBytes(manifest) },
    sbom: { name: manifest.sbom, bytes: jsonBytes(sbom) },
  }
}

/** `@scope/name` becomes `scope-name`, as `npm pack` has it; names of codecs may be any text. */
function fileNameOf(name: string): string {
  const plain = name.replaceAll(/[^\w.]+/g, '-').replaceAll(/^[.-]+|-+$/g, '')
  return plain.slice(0, MAX_FILE_NAME) || 'codec'
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`)
}
