/** Makes one file of a codec that runs wherever a proxy does, and writes down what is in it. */

import { existsSync, mkdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CommandError } from '../command-error.ts'
import { bundle } from './bundle.ts'
import { checkPacked, type PackedContents } from './check-packed.ts'
import { writeOciLayout } from './oci-layout.ts'
import { nearestPackageJson } from './package-json.ts'
import { createPackedFiles, type PackedFile, type PackedFiles, type PackedNaming } from './packed-files.ts'

export interface PackOptions extends PackedNaming {
  readonly file: string
  /** Folder of the three files; made if it is not there. */
  readonly out: string
  /** Folder of an OCI layout; undefined: none is written. */
  readonly oci: string | undefined
  /** Only this one of the module's codecs. */
  readonly codec: string | undefined
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

const ARTIFACT_TYPE = 'application/vnd.meltemi.codec.v1+json'
const CONFIG_TYPE = 'application/vnd.meltemi.codec.config.v1+json'
const MODULE_TYPE = 'application/vnd.meltemi.codec.module.v1+javascript'
const SBOM_TYPE = 'application/vnd.cyclonedx+json'

/** Bundles, checks, and only then writes. The same sources give the same bytes. Throws a CommandError otherwise. */
export async function packCodec(options: PackOptions): Promise<PackedCodec> {
  if (!existsSync(options.file)) throw new CommandError([`${options.file}: module does not exist`])
  const file = realpathSync(options.file)
  const project = nearestPackageJson(dirname(file))
  const bundled = await bundle({ file, project: project?.directory ?? dirname(file), codec: options.codec })
  const contents = await checkPacked(bundled.code, options.file)
  assertContents(contents, options)
  const packed = createPackedFiles({ bundled, contents, project }, options)
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

function writeOci(directory: string, packed: PackedFiles): { tag: string; digest: string } {
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
