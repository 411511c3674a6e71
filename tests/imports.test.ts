import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, sep } from 'node:path'
import { describe, test } from 'node:test'
import { ROOT, readWorkspace } from '../scripts/workspace.ts'
import { findViolations, type Manifest } from './imports/rules.ts'

const SOURCES = ['packages/*/src/**/*.ts', 'tests/**/*.ts', 'examples/**/*.ts', 'benchmarks/**/*.ts', 'scripts/**/*.ts']

test('imports keep to the tables of the architecture', () => {
  const files = SOURCES.flatMap((glob) => globSync(glob, { cwd: ROOT })).map((file) => file.split(sep).join('/'))
  const sources = files.filter((file) => !/\/(gen|node_modules|dist)\//.test(file))
  assert.ok(sources.length > 10, 'found hardly any source file')
  const tree = new Map(sources.map((file) => [file, readFileSync(`${ROOT}/${file}`, 'utf8')]))
  const manifests = new Map(readWorkspace().map((unit) => [basename(unit.directory), unit]))
  assert.deepEqual(findViolations(tree, manifests), [])
})

const MANIFESTS = new Map<string, Manifest>([
  ['sdk', { dependencies: [], entries: ['@meltemi/sdk', '@meltemi/sdk/testing'] }],
  ['codecs', { dependencies: ['@meltemi/sdk'], entries: ['@meltemi/codecs'] }],
  ['api', { dependencies: ['yaml'], entries: ['@meltemi/api', '@meltemi/api/model'] }],
  ['proxy', { dependencies: ['@meltemi/sdk', 're2js', 'pino'], entries: ['@meltemi/proxy'] }],
])

function violationsOf(tree: Readonly<Record<string, string>>): readonly string[] {
  return findViolations(new Map(Object.entries(tree)), MANIFESTS)
}

describe('the import check finds', () => {
  const forbidden: readonly (readonly [name: string, file: string, code: string, imported: string])[] = [
    ['a package above', 'packages/codecs/src/a.ts', "import { x } from '@meltemi/proxy'", '@meltemi/proxy'],
    ['a re-export', 'packages/codecs/src/a.ts', "export * from '@meltemi/api'", '@meltemi/api'],
    ['a type-only import', 'packages/sdk/src/a.ts', "import type {\n  X,\n} from '@meltemi/api'", '@meltemi/api'],
    ['a dynamic import', 'packages/api/src/a.ts', "const x = await import('@meltemi/sdk')", '@meltemi/sdk'],
    ['an import for effect', 'packages/api/src/a.ts', "import '@meltemi/sdk'", '@meltemi/sdk'],
    ['an undeclared package of ours', 'packages/proxy/src/a.ts', "import { x } from '@meltemi/api'", '@meltemi/api'],
    [
      'a name that is not public',
      'tests/a.ts',
      "import { x } from '@meltemi/proxy/src/a.ts'",
      '@meltemi/proxy/src/a.ts',
    ],
    ['a library outside its home', 'packages/proxy/src/net/a.ts', "import { RE2JS } from 're2js'", 're2js'],
    ['a library that was not agreed', 'packages/proxy/src/net/a.ts', "import pino from 'pino'", 'pino'],
    ['a Node module in sdk', 'packages/sdk/src/a.ts', "import { readFileSync } from 'node:fs'", 'node:fs'],
    ['a Node module in the model', 'packages/api/src/model/a.ts', "import { join } from 'node:path'", 'node:path'],
    ['a missing file', 'packages/api/src/a.ts', "import { x } from './b.ts'", './b.ts'],
  ]
  for (const [name, file, code, imported] of forbidden) {
    test(name, () => {
      const found = violationsOf({ [file]: `${code}\n` })
      assert.equal(found.length, 1, found.join('\n'))
      assert.ok(found[0]?.startsWith(`${file} -> ${imported}: `), found[0])
    })
  }

  test('a folder of the proxy that imports one below it', () => {
    const found = violationsOf({
      'packages/proxy/src/net/a.ts': "import { b } from '../downstream/b.ts'\n",
      'packages/proxy/src/downstream/b.ts': "import { c } from '../util/c.ts'\n",
      'packages/proxy/src/util/c.ts': "import { top } from '../top.ts'\n",
      'packages/proxy/src/top.ts': '',
      'packages/proxy/src/other.ts': "import { b } from './downstream/b.ts'\n",
    })
    assert.deepEqual(found, [
      'packages/proxy/src/net/a.ts -> ../downstream/b.ts: net stands before downstream',
      'packages/proxy/src/util/c.ts -> ../top.ts: only the top of the proxy may use this file',
    ])
  })

  test('a relative path into another package', () => {
    const found = violationsOf({
      'tests/a.ts': "import { b } from '../packages/api/src/b.ts'\n",
      'packages/api/src/b.ts': '',
    })
    assert.deepEqual(found, ['tests/a.ts -> ../packages/api/src/b.ts: leaves its package: use the public name'])
  })

  test('sources and translations of the control plane that know each other', () => {
    const found = violationsOf({
      'packages/control-plane/src/sources/a.ts': "import { b } from '../translate/b.ts'\n",
      'packages/control-plane/src/translate/b.ts': "import { w } from '../store/world.ts'\n",
      'packages/control-plane/src/store/world.ts': '',
    })
    assert.equal(found.length, 1)
    assert.match(found[0] ?? '', /sources\/a\.ts -> \.\.\/translate\/b\.ts/)
  })

  test('a cycle between files', () => {
    const found = violationsOf({
      'packages/api/src/a.ts': "import { type B, b } from './b.ts'\n",
      'packages/api/src/b.ts': "import { C } from './c.ts'\n",
      'packages/api/src/c.ts': "export { A } from './a.ts'\n",
    })
    assert.deepEqual(found, [
      'packages/api/src/a.ts -> packages/api/src/b.ts -> packages/api/src/c.ts -> packages/api/src/a.ts: a cycle',
    ])
  })
})

test('the import check lets through what the tables allow', () => {
  const found = violationsOf({
    'packages/api/src/half.ts': "import type { Other } from './other-half.ts'\n",
    'packages/api/src/other-half.ts': "import { half } from './half.ts'\n",
    'packages/codecs/src/a.ts': "import { x } from '@meltemi/sdk'\nimport { y } from './b.ts'\n",
    'packages/codecs/src/b.ts': "import { connect } from 'node:net'\n/*\n * import { x } from '@meltemi/proxy'\n */\n",
    'packages/proxy/src/routing/match-regex.ts': "import { RE2JS } from 're2js'\n",
    'packages/sdk/src/a.test.ts': "import { test } from 'node:test'\nimport fc from 'fast-check'\n",
    'tests/b.ts': "import { x } from '@meltemi/sdk/testing'\nimport { y } from '@meltemi/api/model'\n",
  })
  assert.deepEqual(found, [])
})
