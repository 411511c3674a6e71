/** Makes one file of a codec that runs wherever a proxy does, and writes down what is in it. */

import { existsSync, mkdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CommandError } from '../command-error.ts'
import { type Bundle, bundle } from './bundle.ts'
import { checkPacked, type PackedContents } from './check-packed.ts'
import { writeOciLayout } from './oci-layout.ts'
import { nearestPackageJson, type PackageJson } from './package-json.ts'
import { createSbom } from './sbom.ts'
import { digestOf } from './source-file.ts'

export interface PackOptions {
  readonly file: string
  /** Folder of the three files; made if it is not there. */
  readonly out: string
  /** Folder of an OCI layout; undefined: none is written. */
  readonly oci: string | undefined
  /** Only this one of the module's codecs. */
  readonly codec: string | undefined
  /** Instead of those of the nearest package.json. */
  readonly name: string | undefined
  readonly version: string | undefined
  /** Seconds since 1970; undefined: no time is written anywhere. */
  readonly sourceDateEpoch: number | undefined
}

export interface PackedCodec extends PackedContents {
  readonly name: string
  readonly version: string
  /** Of the module, in hex. */
  readonly sha256: string
  /** Bytes of the module. */
  readonly size: number
  readonly files: { readonly module: string; readonly manifest: string; readonly sbom: string }
  readonly oci: { readonly tag: string; readonly digest: string } | undefined
  /** Optional packages that are not installed, and so not packed. */
  readonly missing: readonly string[]
}

/** What is written, and what is written about it. */
interface Package extends PackedContents {
  readonly name: string
  readonly version: string
  readonly license: string | undefined
  readonly sha256: string
  /** ISO 8601. */
  readonly created: string | undefined
  readonly module: PackedFile
  readonly manifest: PackedFile
  readonly sbom: PackedFile
}

interface PackedFile {
  readonly name: string
  readonly bytes: Buffer
}

const MANIFEST_SCHEMA_VERSION = 1
const ARTIFACT_TYPE = 'application/vnd.meltemi.codec.v1+json'
const CONFIG_TYPE = 'application/vnd.meltemi.codec.config.v1+json'
const MODULE_TYPE = 'application/vnd.meltemi.codec.module.v1+javascript'
const SBOM_TYPE = 'application/vnd.cyclonedx+json'
const VERSION = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/
const MAX_FILE_NAME = 100

/** Bundles, checks, and only then writes. The same sources give the same bytes. Throws a CommandError otherwise. */
export async function packCodec(options: PackOptions): Promise<PackedCodec> {
  if (!existsSync(options.file)) throw new CommandError([`${options.file}: module does not exist`])
  const file = realpathSync(options.file)
  const project = nearestPackageJson(dirname(file))
  const bundled = await bundle({ file, project: project?.directory ?? dirname(file), codec: options.codec })
  const contents = await checkPacked(bundled.code, options.file)
  assertContents(contents, options)
  const packed = describe(options, { bundled, contents, project })
  const { name, version, sha256 } = packed
  const oci = options.oci === undefined ? undefined : writeOci(options.oci, packed) // may refuse the folder
  const files = {
    module: writeInto(options.out, packed.module),
    manifest: writeInto(options.out, packed.manifest),
    sbom: writeInto(options.out, packed.sbom),
  }
  const { missing } = bundled
  return { ...contents, name, version, sha256, size: packed.module.bytes.length, files, oci, missing }
}

function assertContents({ codecs, filters }: PackedContents, { file, codec }: PackOptions): void {
  if (codec !== undefined && codecs.length === 0) throw new CommandError([`${file} has no codec '${codec}'`])
  if (codecs.length + filters.length === 0) throw new CommandError([`${file} brings neither a codec nor a filter`])
}

interface Found {
  readonly bundled: Bundle
  readonly contents: PackedContents
  readonly project: PackageJson | undefined
}

function describe(options: PackOptions, { bundled, contents, project }: Found): Package {
  const name = options.name ?? project?.name ?? [...contents.codecs, ...contents.filters][0]?.name ?? ''
  const version = options.version ?? project?.version ?? '0.0.0'
  if (!VERSION.test(version)) throw new CommandError([`version '${version}' should be like 1.2.3`])
  const created = options.sourceDateEpoch === undefined ? undefined : isoTime(options.sourceDateEpoch)
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
    ...contents,
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

function writeOci(directory: string, packed: Package): { tag: string; digest: string } {
  const annotations = {
    'org.opencontainers.image.title': packed.name,
    'org.opencontainers.image.version': packed.version,
    ...(packed.license === undefined ? {} : { 'org.opencontainers.image.licenses': packed.license }),
    ...(packed.created === undefined ? {} : { 'org.opencontainers.image.created': packed.created }),
  }
  const tag = packed.version.replaceAll('+', '_') // which tags cannot have
  const digest = writeOciLayout(directory, {
    tag,
    artifactType: ARTIFACT_TYPE,
    config: { mediaType: CONFIG_TYPE, bytes: packed.manifest.bytes },
    layers: [
      { mediaType: MODULE_TYPE, bytes: packed.module.bytes, title: packed.module.name },
      { mediaType: SBOM_TYPE, bytes: packed.sbom.bytes, title: packed.sbom.name },
    ],
    annotations,
  })
  return { tag, digest }
}

/** In one step, as a proxy may be watching the file. */
function writeInto(directory: string, { name, bytes }: PackedFile): string {
  mkdirSync(directory, { recursive: true })
  const path = join(directory, name)
  writeFileSync(`${path}.part`, bytes)
  renameSync(`${path}.part`, path)
  return path
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
