import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, describe, test } from 'node:test'
import { CommandError } from '../command-error.ts'
import { type PackedCodec, type PackOptions, packCodec } from './pack-codec.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-pack-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let projects = 0

/** A new project with these files; returns its folder. */
function project(files: Readonly<Record<string, string>>): string {
  const directory = join(folder, `project-${++projects}`)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  return directory
}

function pack(directory: string, options: Partial<PackOptions> = {}): Promise<PackedCodec> {
  return packCodec({
    file: join(directory, 'codec.ts'),
    out: join(directory, 'dist'),
    oci: undefined,
    codec: undefined,
    name: undefined,
    version: undefined,
    sourceDateEpoch: undefined,
    ...options,
  })
}

/** The lines of the refusal, without the folder; nothing may have been written. */
async function refusal(files: Readonly<Record<string, string>>, options: Partial<PackOptions> = {}): Promise<string> {
  const directory = project(files)
  const fault = await pack(directory, options).then(
    () => assert.fail('it was packed'),
    (error: unknown) => error,
  )
  assert.ok(fault instanceof CommandError, String(fault))
  assert.equal(existsSync(join(directory, 'dist')), false)
  return fault.lines.join('\n').replaceAll(`${directory}/`, '')
}

/** What an expression is, of the exports of the module alone in an empty folder, with nothing but Node. */
function evaluate(packed: PackedCodec, expression: string): unknown {
  const directory = project({ 'alone.mjs': readFileSync(packed.files.module, 'utf8') })
  const script = `const { codecs, filters } = await import(process.argv[1]); console.log(JSON.stringify(${expression}))`
  const args = ['--input-type=module', '--eval', script, join(directory, 'alone.mjs')]
  return JSON.parse(execFileSync(process.execPath, args, { cwd: directory, encoding: 'utf8', env: {} }))
}

function json(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
}

/** A codec whose `create` returns an expression, for tests of what is packed. */
function codec(value: string, imports = '', name = 'test.mine'): string {
  return `${imports}
import { type CodecDefinition, ProtocolError } from '@meltemi/sdk'
export const codecs: CodecDefinition[] = [
  { name: '${name}', contract: 1, correlation: 'id', create: () => (${value}) as never },
]
export const error = new ProtocolError('x')
`
}

const PACKAGE = JSON.stringify({ name: '@acme/my-codec', version: '1.2.3', license: 'MIT', type: 'module' })
const VALUE = 'JSON.stringify(codecs[0].create())'

/** A project with helper files and packages of both formats; its codec's `create` returns what all of them say. */
const LARGE: Readonly<Record<string, string>> = {
  'package.json': PACKAGE,
  'codec.ts': codec(
    '[helper, table, left, right, again]',
    [
      "import { helper } from './lib/helper.ts'",
      "import table from './table.json' with { type: 'json' }",
      "import left from 'left'",
      "import { right } from '@scope/right'",
      "import again from './index.ts'",
    ].join('\n'),
  ),
  'index.ts': "export default { again: import.meta.url.startsWith('file:') }",
  'lib/helper.ts': 'export enum Kind { A = 7 }\nexport const helper: Kind = Kind.A',
  'table.json': '{ "rows": [1, 2] }',
  'node_modules/left/package.json': JSON.stringify({ name: 'left', version: '2.0.0', license: '(MIT OR Apache-2.0)' }),
  'node_modules/left/index.js':
    "const { format } = require('util')\nmodule.exports = format('%s', require('./dep.js'))",
  'node_modules/left/dep.js': "/*! kept */ module.exports = 'left'",
  'node_modules/left/unused.js': "module.exports = 'unused'",
  'node_modules/@scope/right/package.json': JSON.stringify({
    name: '@scope/right',
    version: '0.1.0-a',
    license: 'SEE LICENSE IN x',
    exports: './esm/index.js',
  }),
  'node_modules/@scope/right/esm/package.json': '{ "type": "module" }',
  'node_modules/@scope/right/esm/index.js': "import left from 'left'\nexport const right = 'right of ' + left",
}
const LARGE_VALUE = [7, { rows: [1, 2] }, 'left', 'right of left', { again: true }]

test('the codec of docs/write-a-codec.md becomes one module that needs nothing else, in seconds', async () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../../../docs/write-a-codec.md'), 'utf8')
  const directory = project({ 'codec.ts': /^```ts\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '' })
  const startMs = performance.now()
  const packed = await pack(directory)
  assert.ok(performance.now() - startMs < 10_000)
  assert.deepEqual(packed.codecs, [{ name: 'example.codec.mine', contract: 1, correlation: 'id' }])
  assert.deepEqual(evaluate(packed, 'Object.keys(codecs[0].create())'), ['decode', 'encode', 'onError'])
  assert.deepEqual(readdirSync(join(directory, 'dist')), [
    'example.codec.mine-0.0.0.cdx.json',
    'example.codec.mine-0.0.0.json',
    'example.codec.mine-0.0.0.mjs',
  ])
})

test('helper files, JSON and packages of both formats go into the module', async () => {
  const packed = await pack(project(LARGE))
  assert.deepEqual(evaluate(packed, VALUE), JSON.stringify(LARGE_VALUE))
  const code = readFileSync(packed.files.module, 'utf8')
  assert.match(code, /^\/\/ left@2\.0\.0\/dep\.js$/m)
  assert.match(code, /\/\*! kept \*\//)
  assert.doesNotMatch(code, /unused/)
})

test('the manifest tells name, version, digest, size and what the module brings', async () => {
  const filter = "{ name: 'f', typeUrl: 'test.F', parse: () => null, create: () => ({}) }"
  const directory = project({
    'package.json': PACKAGE,
    'codec.ts': `${codec('{}')}\nexport const filters = [${filter}]`,
  })
  const packed = await pack(directory)
  const bytes = readFileSync(packed.files.module)
  assert.deepEqual(json(packed.files.manifest), {
    schemaVersion: 1,
    name: '@acme/my-codec',
    version: '1.2.3',
    file: 'acme-my-codec-1.2.3.mjs',
    sha256: packed.sha256,
    size: bytes.length,
    codecs: [{ name: 'test.mine', contract: 1, correlation: 'id' }],
    filters: [{ name: 'f', typeUrl: 'test.F' }],
    sdk: json(resolve(import.meta.dirname, '../../package.json'))['version'],
    engines: { node: '>=22.19' },
    sbom: 'acme-my-codec-1.2.3.cdx.json',
  })
  const line = `${packed.sha256}  ${packed.files.module}\n`
  assert.match(execFileSync('sha256sum', ['-c'], { input: line, encoding: 'utf8' }), /: OK$/m)
})

test('the same sources give the same bytes in any folder, and no path of the machine is in them', async () => {
  const first = project(LARGE)
  // deeper, and with its packages beside it as in a workspace
  const second = join(folder, 'elsewhere/with a space/deeper/project')
  cpSync(first, second, { recursive: true })
  cpSync(join(second, 'node_modules'), join(second, '../../node_modules'), { recursive: true })
  rmSync(join(second, 'node_modules'), { recursive: true })
  const bytesOf = async (directory: string): Promise<readonly string[]> => {
    const packed = await pack(directory, { oci: join(directory, 'oci') })
    const blobs = readdirSync(join(directory, 'oci/blobs/sha256'))
    const texts = Object.values(packed.files).map((file) => readFileSync(file, 'utf8'))
    return [...texts, ...blobs, readFileSync(join(directory, 'oci/index.json'), 'utf8'), packed.oci?.digest ?? '']
  }
  const bytes = await bytesOf(first)
  assert.deepEqual(await bytesOf(second), bytes)
  const root = resolve(import.meta.dirname, '../../../..')
  for (const text of bytes)
    for (const path of [folder, root, '../', 'node_modules']) assert.ok(!text.includes(path), path)
})

test('a module with several codecs is packed with all of them, or with the one that is asked for', async () => {
  const definition = (name: string) => `{ name: '${name}', contract: 1, correlation: 'order', create: () => ({}) }`
  const files = { 'codec.ts': `export const codecs = [${definition('a')}, ${definition('b')}]` }
  const directory = project(files)
  const names = async (options: Partial<PackOptions>) => (await pack(directory, options)).codecs.map(({ name }) => name)
  assert.deepEqual(await names({}), ['a', 'b'])
  assert.deepEqual(await names({ codec: 'b' }), ['b'])
  assert.match(await refusal(files, { codec: 'c', file: join(directory, 'codec.ts') }), /codec\.ts has no codec 'c'$/)
})

test('name and version can be given, and become the names of files', async () => {
  const directory = project({ 'package.json': PACKAGE, 'codec.ts': codec('{}') })
  const packed = await pack(directory, { name: '../my näme', version: '2.0.0-rc.1+5' })
  assert.deepEqual([packed.name, packed.version], ['../my näme', '2.0.0-rc.1+5'])
  assert.equal(packed.files.module, join(directory, 'dist/my-n-me-2.0.0-rc.1+5.mjs'))
  assert.equal(await refusal({ 'codec.ts': codec('{}') }, { version: '../1' }), "version '../1' should be like 1.2.3")
})

test('a time is stated only when it is given', async () => {
  const directory = project({ 'codec.ts': codec('{}') })
  const timeOf = async (options: Partial<PackOptions>) => {
    const packed = await pack(directory, options)
    return (json(packed.files.sbom)['metadata'] as { timestamp?: string }).timestamp
  }
  assert.equal(await timeOf({}), undefined)
  assert.equal(await timeOf({ sourceDateEpoch: 1_700_000_000 }), '2023-11-14T22:13:20.000Z')
})

test('an optional package that is not installed is reported, and its importer goes on without it', async () => {
  const optional = "let found = true; try { require('absent') } catch { found = false }; module.exports = { found }"
  const packed = await pack(
    project({
      'codec.ts': codec('optional', "import optional from 'optional'"),
      'node_modules/optional/package.json': '{ "name": "optional", "version": "1.0.0" }',
      'node_modules/optional/index.js': optional,
    }),
  )
  assert.deepEqual(packed.missing, ['absent'])
  assert.equal(evaluate(packed, VALUE), '{"found":false}')
})

test('what the module prints while it is loaded is not printed here', async () => {
  const directory = project({ 'codec.ts': codec('{}', "console.log('loud')") })
  const args = ['--conditions=meltemi-source', resolve(import.meta.dirname, '../main.ts'), 'codec', 'pack', 'codec.ts']
  const said = execFileSync(process.execPath, args, { cwd: directory, encoding: 'utf8' })
  assert.match(
    said,
    /^packed test\.mine 0\.0\.0, \d+ bytes: codec test\.mine, contract 1\nwrote dist\/.*\n\w{64} {2}dist\/.*\n$/,
  )
})

describe('refused, with nothing written:', () => {
  const native = { 'node_modules/native/package.json': '{ "name": "native" }', 'native.node': '' }
  const refused: readonly (readonly [title: string, files: Readonly<Record<string, string>>, expected: RegExp])[] = [
    ['a syntax error', { 'codec.ts': 'export const a = 1\nexport const b = = 2' }, /^codec\.ts:2:18: Unexpected "="$/],
    [
      'an error in a helper file',
      { 'codec.ts': codec('x', "import { x } from './lib/x.ts'"), 'lib/x.ts': '\n\nexport const y = 1' },
      /^codec\.ts:1:10: No matching export in "lib\/x\.ts" for import "x"$/,
    ],
    [
      'a package that is not installed',
      { 'codec.ts': codec('x', "import x from 'absent'") },
      /^codec\.ts:1:\d+: Could not resolve "absent"$/,
    ],
    [
      'a native add-on',
      {
        ...native,
        'codec.ts': codec('native', "import native from 'native'"),
        'node_modules/native/index.js': "module.exports = require('../../native.node')",
      },
      /^node_modules\/native\/index\.js:1:\d+: native\.node is not JavaScript, and a packed codec is nothing else$/,
    ],
    [
      'an import of whatever name',
      { 'codec.ts': codec('import(String(process.argv[2]))') },
      /^codec\.ts:4:\d+: This "import" .* not be bundled.*: a packed codec imports nothing when it runs$/,
    ],
    [
      'a require of whatever name, in a package',
      {
        'codec.ts': codec('dynamic', "import dynamic from 'dynamic'"),
        'node_modules/dynamic/index.js': '\nmodule.exports = (name) => require(name)',
      },
      /^node_modules\/dynamic\/index\.js:2:\d+: .*: a packed codec imports nothing when it runs$/,
    ],
    [
      'a path that a package asks for',
      {
        'codec.ts': codec('p', "import p from 'p'"),
        'node_modules/p/index.js': "module.exports = () => require.resolve('x')",
      },
      /^codec\.ts: require\.resolve: a packed codec imports nothing when it runs$/,
    ],
    [
      'an import from the network',
      { 'codec.ts': codec('x', "import x from 'https://example.com/x.js'") },
      /^codec\.ts: import of https:\/\/example\.com\/x\.js: a packed codec imports nothing when it runs$/,
    ],
    [
      'a codec of another contract',
      { 'codec.ts': codec('{}').replace('contract: 1', 'contract: 2 as never') },
      /^codec\.ts \(packed\): codecs\[0\]: codec 'test\.mine' is written for contract 2, .* upgrade the proxy/,
    ],
    [
      'a module without codecs',
      { 'codec.ts': 'export const x = 1' },
      /^codec\.ts \(packed\): .*neither 'codecs' nor 'filters'/,
    ],
    [
      'an empty list of codecs',
      { 'codec.ts': 'export const codecs = []' },
      /^codec\.ts brings neither a codec nor a filter$/,
    ],
    [
      'a file that it reads when it is loaded',
      {
        'codec.ts': codec(
          '{}',
          "import { readFileSync } from 'node:fs'\nreadFileSync(new URL('./a.txt', import.meta.url))",
        ),
        'a.txt': '',
      },
      /^codec\.ts \(packed\): module cannot be loaded: Error: ENOENT: no such file or directory, open 'a\.txt'/,
    ],
    [
      'a module that ends its process',
      { 'codec.ts': 'process.exit(0)' },
      /^codec\.ts \(packed\): it ends the thread that loads it$/,
    ],
    ['a package.json that is none', { 'package.json': '{', 'codec.ts': codec('{}') }, /^package\.json: /],
  ]
  for (const [title, files, expected] of refused) {
    test(title, async () => assert.match(await refusal(files), expected))
  }

  test('a file that is not there', async () => {
    assert.match(await refusal({ 'other.ts': '' }), /^codec\.ts: module does not exist$/)
  })

  test('a folder for the OCI layout that has something else in it', async () => {
    const files = { 'codec.ts': codec('{}') }
    const oci = project(files)
    assert.match(await refusal(files, { oci }), /should be empty or an OCI layout, and is neither$/)
  })
})
