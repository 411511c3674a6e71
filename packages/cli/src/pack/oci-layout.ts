/**
 * An OCI image layout on the disk, which tools copy to a registry, with an artifact that is no image:
 *
 *   DIR/oci-layout                      the version of this format
 *   DIR/index.json                      tag -> digest of the manifest
 *   DIR/blobs/sha256/<manifest>         its type, -> config and layers
 *   DIR/blobs/sha256/<config, layers>
 *
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md and manifest.md
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandError } from '../command-error.ts'
import { digestOf } from './source-file.ts'

export interface OciBlob {
  readonly mediaType: string
  readonly bytes: Uint8Array
  /** The name of the file that a client makes of it. */
  readonly title?: string
}

export interface OciArtifact {
  readonly tag: string
  readonly artifactType: string
  readonly config: OciBlob
  readonly layers: readonly OciBlob[]
  readonly annotations: Readonly<Record<string, string>>
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

const LAYOUT = { imageLayoutVersion: '1.0.0' }
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const TITLE = 'org.opencontainers.image.title'
const REF_NAME = 'org.opencontainers.image.ref.name'
const MAX_INDEX_BYTES = 1 << 20

/**
 * Adds the artifact to the layout in `directory`, which is made if it is not there, and returns the digest of its
 * manifest. An artifact of the same tag is replaced. Throws a CommandError when something else is there.
 */
export function writeOciLayout(directory: string, artifact: OciArtifact): string {
  const others = readManifests(directory).filter(({ annotations }) => annotations?.[REF_NAME] !== artifact.tag)
  mkdirSync(join(directory, 'blobs/sha256'), { recursive: true })
  const manifest = writeBlob(directory, {
    mediaType: MANIFEST_TYPE,
    bytes: jsonBytes({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      artifactType: artifact.artifactType,
      config: writeBlob(directory, artifact.config),
      layers: artifact.layers.map((layer) => writeBlob(directory, layer)),
      annotations: artifact.annotations,
    }),
  })
  const { artifactType, tag } = artifact
  const entry: Descriptor = { ...manifest, artifactType, annotations: { [REF_NAME]: tag } }
  const index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [...others, entry] }
  writeFileSync(join(directory, 'index.json'), jsonBytes(index))
  writeFileSync(join(directory, 'oci-layout'), jsonBytes(LAYOUT))
  return manifest.digest
}

/** Throws a CommandError for a folder with anything else in it. */
function readManifests(directory: string): readonly Descriptor[] {
  if (!existsSync(directory) || readdirSync(directory).length === 0) return []
  const file = join(directory, 'index.json')
  const size = statSync(file, { throwIfNoEntry: false })?.size
  if (size === undefined || !existsSync(join(directory, 'oci-layout'))) {
    throw new CommandError([`${directory} should be empty or an OCI layout, and is neither`])
  }
  if (size > MAX_INDEX_BYTES) throw new CommandError([`${file}: ${size} bytes exceed ${MAX_INDEX_BYTES}`])
  const manifests = parseIndex(file)
  if (!Array.isArray(manifests)) throw new CommandError([`${file}: 'manifests' should be an array`])
  return manifests as readonly Descriptor[]
}

function parseIndex(file: string): unknown {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly manifests?: unknown } | null)?.manifests
  } catch (error: unknown) {
    throw new CommandError([`${file}: ${error instanceof Error ? error.message : String(error)}`])
  }
}

function writeBlob(directory: string, { mediaType, bytes, title }: OciBlob): Descriptor {
  const hex = digestOf(bytes)
  writeFileSync(join(directory, 'blobs/sha256', hex), bytes)
  const descriptor = { mediaType, digest: `sha256:${hex}`, size: bytes.length }
  return title === undefined ? descriptor : { ...descriptor, annotations: { [TITLE]: title } }
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
