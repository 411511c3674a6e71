import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createSbom, type SbomSubject } from './sbom.ts'
import type { SourceFile } from './source-file.ts'

interface Component {
  readonly type: string
  readonly name: string
  readonly version?: string
  readonly 'bom-ref'?: string
  readonly purl?: string
  readonly licenses?: readonly { readonly expression?: string; readonly license?: { readonly name: string } }[]
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
  readonly components?: readonly Component[]
}

interface Sbom {
  readonly bomFormat: string
  readonly specVersion: string
  readonly serialNumber: string
  readonly version: number
  readonly metadata: { readonly timestamp?: string; readonly component: Component; readonly tools: unknown }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

const DIGEST = '0123456789abcdef'.repeat(4)

/** A file of a package, or of the project itself. */
function source(owner: string | undefined, path: string, more: Partial<SourceFile> = {}): SourceFile {
  const [, name, version] = /^(.+)@([^@]*)$/.exec(owner ?? '') ?? []
  const json = { directory: '/x', name, version, license: 'MIT', node: undefined }
  const bundledAs = `${owner ?? ''}/${path}`
  return {
    bundledAs,
    isIncluded: true,
    imports: [],
    owner: owner === undefined ? undefined : json,
    path,
    stableName: bundledAs,
    sha256: DIGEST,
    ...more,
  }
}

function sbomOf(sources: readonly SourceFile[], more: Partial<SbomSubject> = {}): Sbom {
  const subject = { name: 'mine', version: '1.0.0', license: undefined, sha256: DIGEST, timestamp: undefined }
  return JSON.parse(JSON.stringify(createSbom({ ...subject, sources, meltemi: '0.1.0', ...more }))) as Sbom
}

const licenseOf = (license: string | undefined) => sbomOf([], { license }).metadata.component.licenses

test('a bill of materials has what CycloneDX 1.6 requires, and references that hold', () => {
  const sbom = sbomOf(
    [
      source(undefined, 'codec.ts', { imports: ['@a/b@1.0.0/i.js', 'node:fs'] }),
      source('@a/b@1.0.0', 'i.js', { imports: ['c@2.0.0/i.js'] }),
      source('c@2.0.0', 'i.js'),
    ],
    { license: 'MIT', timestamp: '2024-01-01T00:00:00.000Z' },
  )
  assert.deepEqual([sbom.bomFormat, sbom.specVersion, sbom.version], ['CycloneDX', '1.6', 1])
  assert.match(sbom.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.match(sbom.metadata.timestamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  const all = [sbom.metadata.component, ...sbom.components]
  for (const component of all.flatMap((each) => [each, ...(each.components ?? [])])) checkComponent(component)
  const refs = all.map((component) => component['bom-ref'])
  assert.equal(new Set(refs).size, refs.length)
  assert.deepEqual(
    sbom.dependencies.map(({ ref }) => ref),
    refs,
  )
  for (const { dependsOn } of sbom.dependencies) for (const ref of dependsOn) assert.ok(refs.includes(ref), ref)
})

function checkComponent(component: Component): void {
  const { type, name, hashes = [], licenses = [] } = component
  assert.ok(['library', 'file'].includes(type))
  assert.ok(name.length > 0)
  for (const { alg, content } of hashes) assert.ok(alg === 'SHA-256' && /^[0-9a-f]{64}$/.test(content))
  for (const { expression, license } of licenses) assert.equal(typeof (expression ?? license?.name), 'string')
  if (component.purl !== undefined) assert.match(component.purl, /^pkg:npm\/(?:%40[\w.-]+\/)?[\w.-]+@[\w.-]+$/)
}

test('packages are listed by name with their URL and files, and by whom they are imported', () => {
  const sbom = sbomOf([
    source('z@2.0.0', 'b.js', { imports: ['@a/b@1.0.0/i.js', 'z@2.0.0/a.js'] }),
    source('z@2.0.0', 'a.js'),
    source(undefined, 'codec.ts', { imports: ['z@2.0.0/b.js'] }),
    source('@a/b@1.0.0', 'i.js'),
  ])
  assert.deepEqual(
    sbom.components.map(({ purl, components }) => [purl, components?.map(({ name }) => name)]),
    [
      ['pkg:npm/%40a/b@1.0.0', ['i.js']],
      ['pkg:npm/z@2.0.0', ['a.js', 'b.js']],
    ],
  )
  assert.deepEqual(sbom.dependencies, [
    { ref: 'mine@1.0.0', dependsOn: ['pkg:npm/z@2.0.0'] },
    { ref: 'pkg:npm/%40a/b@1.0.0', dependsOn: [] },
    { ref: 'pkg:npm/z@2.0.0', dependsOn: ['pkg:npm/%40a/b@1.0.0'] },
  ])
})

test('a package of which nothing is in the module is not listed', () => {
  const { components, dependencies } = sbomOf([
    source(undefined, 'codec.ts', { imports: ['types@1.0.0/i.ts', 'used@1.0.0/i.ts'] }),
    source('types@1.0.0', 'i.ts', { isIncluded: false }),
    source('used@1.0.0', 'i.ts', { isIncluded: false, imports: ['used@1.0.0/a.ts'] }),
    source('used@1.0.0', 'a.ts'),
  ])
  assert.deepEqual(
    components.map(({ name, components: files }) => [name, files?.length]),
    [['used', 1]],
  )
  assert.deepEqual(dependencies[0]?.dependsOn, ['pkg:npm/used@1.0.0'])
})

test('a package that lies in two folders is one', () => {
  const { components } = sbomOf([source('c@1.0.0', 'i.js'), source('c@1.0.0', 'i.js', { bundledAs: 'deep/c/i.js' })])
  assert.equal(components.length, 1)
})

describe('a licence is an expression of SPDX, or else a name:', () => {
  for (const expression of ['MIT', '(MIT OR Apache-2.0)', 'GPL-2.0-only WITH Classpath-exception-2.0']) {
    test(expression, () => assert.deepEqual(licenseOf(expression), [{ expression }]))
  }
  for (const name of ['SEE LICENSE IN LICENSE.txt', 'UNLICENSED', 'MIT, mostly']) {
    test(name, () => assert.deepEqual(licenseOf(name), [{ license: { name } }]))
  }
  test('or not there at all', () => assert.equal(licenseOf(undefined), undefined))
})
