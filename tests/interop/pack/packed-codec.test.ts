import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { runMeltemi } from '@meltemi/cli'
import { ROOT } from '../../../scripts/workspace.ts'

const ORAS = join(ROOT, '.tmp/bin/oras')
const PYTHON = join(ROOT, '.tmp/cyclonedx/bin/python')
const PACKAGES: Readonly<Record<string, string>> = {
  plain: 'MIT',
  '@scope/expression': '(MIT OR Apache-2.0)',
  elsewhere: 'SEE LICENSE IN LICENSE.txt',
}

const folder = mkdtempSync(join(tmpdir(), 'meltemi-interop-pack-'))
const at = (name: string): string => join(folder, name)
after(() => rmSync(folder, { recursive: true, force: true }))

/** A codec that needs packages with licences of every form, packed as files and as a layout. */
before(async () => {
  if (!existsSync(ORAS) || !existsSync(PYTHON)) {
    throw new Error('oras or cyclonedx is missing: run scripts/setup-interop.sh oras cyclonedx')
  }
  for (const [name, license] of Object.entries(PACKAGES)) {
    mkdirSync(at(`node_modules/${name}`), { recursive: true })
    writeFileSync(at(`node_modules/${name}/package.json`), JSON.stringify({ name, version: '1.0.0', license }))
    writeFileSync(at(`node_modules/${name}/index.js`), `module.exports = '${name}'`)
  }
  writeFileSync(
    at('package.json'),
    '{ "name": "@acme/mine", "version": "1.2.3+4", "license": "MIT", "type": "module" }',
  )
  const imports = Object.keys(PACKAGES).map((name, n) => `import p${n} from '${name}'`)
  const definition = "{ name: 'mine', contract: 1, correlation: 'id', create: () => [p0, p1, p2] }"
  writeFileSync(at('codec.ts'), `${imports.join('\n')}\nexport const codecs = [${definition}]\n`)
  for (const time of [[], ['--source-date-epoch', '1700000000', '--package-version', '2.0.0']]) {
    const options = ['--out', at('dist'), '--oci', at('oci'), ...time]
    const silent = { write: () => {}, writeError: (text: string) => assert.fail(text) }
    assert.equal(await runMeltemi(['codec', 'pack', at('codec.ts'), ...options], silent), 0)
  }
})

function oras(...args: readonly string[]): string {
  return execFileSync(ORAS, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function indexOf(layout: string): readonly { digest: string; annotations: Record<string, string> }[] {
  return JSON.parse(readFileSync(at(`${layout}/index.json`), 'utf8')).manifests
}

describe('oras reads the OCI layout of a packed codec:', () => {
  test('it finds both versions, with the type and the facts of the codec', () => {
    assert.deepEqual(oras('repo', 'tags', '--oci-layout', 'oci').trim().split('\n').toSorted(), ['1.2.3_4', '2.0.0'])
    const text = oras('manifest', 'fetch', '--oci-layout', 'oci:1.2.3_4')
    const manifest = JSON.parse(text)
    assert.equal(manifest.artifactType, 'application/vnd.meltemi.codec.v1+json')
    assert.equal(digestOf(text), indexOf('oci')[0]?.digest)
    const config = oras('manifest', 'fetch-config', '--oci-layout', 'oci:1.2.3_4')
    assert.equal(digestOf(config), manifest.config.digest)
    assert.deepEqual(JSON.parse(config).codecs, [{ name: 'mine', contract: 1, correlation: 'id' }])
    const { annotations } = JSON.parse(oras('manifest', 'fetch', '--oci-layout', 'oci:2.0.0'))
    assert.equal(annotations['org.opencontainers.image.created'], '2023-11-14T22:13:20.000Z')
  })

  test('it pulls the very files that were written beside it', () => {
    oras('pull', '--oci-layout', 'oci:1.2.3_4', '--output', 'pulled')
    for (const name of ['acme-mine-1.2.3+4.mjs', 'acme-mine-1.2.3+4.cdx.json']) {
      assert.deepEqual(readFileSync(at(`pulled/${name}`)), readFileSync(at(`dist/${name}`)))
    }
    const { sha256 } = JSON.parse(readFileSync(at('dist/acme-mine-1.2.3+4.json'), 'utf8'))
    assert.equal(digestOf(readFileSync(at('pulled/acme-mine-1.2.3+4.mjs'))), `sha256:${sha256}`)
  })

  test('it copies all of it, blob by blob, to the same digest', () => {
    oras('cp', '--from-oci-layout', '--to-oci-layout', 'oci:2.0.0', 'copied:stable')
    assert.equal(indexOf('copied')[0]?.digest, indexOf('oci')[1]?.digest)
  })
})

test('the schema of CycloneDX finds nothing wrong with a bill of materials, and does with a damaged one', () => {
  const names = ['acme-mine-1.2.3+4', 'acme-mine-2.0.0', 'damaged'].map((name) => at(`dist/${name}.cdx.json`))
  const [first = '', second = '', damaged = ''] = names
  const sbom = readFileSync(first, 'utf8')
  for (const name of Object.keys(PACKAGES)) assert.ok(sbom.includes(`"name": "${name}"`), name)
  writeFileSync(damaged, sbom.replace('"type": "file"', '"type": "leaf"'))
  const args = [join(import.meta.dirname, 'validate-sbom.py'), first, second, damaged]
  const faults = execFileSync(PYTHON, args, { encoding: 'utf8' }).trim().split('\n')
  assert.deepEqual(
    faults.map((line) => line.split(' ')[0]),
    [damaged],
  )
})
