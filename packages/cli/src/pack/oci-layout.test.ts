import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type OciArtifact, writeOciLayout } from './oci-layout.ts'
import { digestOf } from './source-file.ts'

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

const folder = mkdtempSync(join(tmpdir(), 'meltemi-oci-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const artifact = (tag: string, text: string): OciArtifact => ({
  tag,
  artifactType: 'application/vnd.test.v1+json',
  config: { mediaType: 'application/vnd.test.config.v1+json', bytes: Buffer.from('{}') },
  layers: [{ mediaType: 'text/plain', bytes: Buffer.from(text), title: 'a.txt' }],
  annotations: { 'org.opencontainers.image.version': tag },
})

/** The blob that a descriptor names, whose digest and size it has to have. */
function readBlob(directory: string, { digest, size }: Descriptor): Buffer {
  const [algorithm, hex = ''] = digest.split(':')
  const bytes = readFileSync(join(directory, 'blobs', algorithm ?? '', hex))
  assert.deepEqual([digestOf(bytes), bytes.length], [hex, size])
  return bytes
}

function manifestsOf(directory: string): readonly Descriptor[] {
  const { schemaVersion, mediaType, manifests } = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8'))
  assert.deepEqual([schemaVersion, mediaType], [2, 'application/vnd.oci.image.index.v1+json'])
  return manifests as readonly Descriptor[]
}

test('an artifact is found by its tag, and every blob by its digest', () => {
  const directory = join(folder, 'new/oci')
  const digest = writeOciLayout(directory, artifact('1.0.0', 'hello'))
  assert.equal(readFileSync(join(directory, 'oci-layout'), 'utf8'), '{"imageLayoutVersion":"1.0.0"}')
  const [entry, ...others] = manifestsOf(directory)
  assert.ok(entry !== undefined)
  assert.deepEqual(others, [])
  assert.equal(entry.digest, digest)
  assert.equal(entry.artifactType, 'application/vnd.test.v1+json')
  assert.deepEqual(entry.annotations, { 'org.opencontainers.image.ref.name': '1.0.0' })
  const manifest = JSON.parse(String(readBlob(directory, entry)))
  assert.equal(manifest.schemaVersion, 2)
  assert.equal(manifest.mediaType, entry.mediaType)
  assert.equal(manifest.artifactType, entry.artifactType)
  assert.deepEqual(manifest.annotations, { 'org.opencontainers.image.version': '1.0.0' })
  assert.equal(String(readBlob(directory, manifest.config)), '{}')
  assert.equal(String(readBlob(directory, manifest.layers[0])), 'hello')
  assert.deepEqual(manifest.layers[0].annotations, { 'org.opencontainers.image.title': 'a.txt' })
  assert.equal(readdirSync(join(directory, 'blobs/sha256')).length, 3)
})

test('a layout takes several tags, and a tag that is written again moves', () => {
  const directory = join(folder, 'several')
  writeOciLayout(directory, artifact('1.0.0', 'one'))
  const second = writeOciLayout(directory, artifact('2.0.0', 'two'))
  const first = writeOciLayout(directory, artifact('1.0.0', 'another one'))
  const found = manifestsOf(directory).map(({ digest, annotations }) => [Object.values(annotations ?? {})[0], digest])
  assert.deepEqual(found, [
    ['2.0.0', second],
    ['1.0.0', first],
  ])
})

test('a folder with anything else in it is left alone', () => {
  const other = join(folder, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'notes.txt'), '')
  assert.throws(() => writeOciLayout(other, artifact('1', '')), /should be empty or an OCI layout, and is neither$/)
  assert.deepEqual(readdirSync(other), ['notes.txt'])
  const broken = join(folder, 'broken')
  writeOciLayout(broken, artifact('1', ''))
  for (const text of ['{', 'null', '{ "manifests": 1 }']) {
    writeFileSync(join(broken, 'index.json'), text)
    assert.throws(() => writeOciLayout(broken, artifact('1', '')), { name: 'CommandError', message: /index\.json: / })
  }
})
