import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

/** The names between the braces of each export, without `type`. */
function publicNames(source: string): string[] {
  const lists = [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].map(([, list]) => list as string)
  return lists
    .flatMap((list) => list.split(','))
    .map((name) => name.replace(/^\s*type\s/, '').trim())
    .filter(Boolean)
}

test('the contract has at most 40 public names, each listed by hand', () => {
  const source = read('./index.ts')
  assert.doesNotMatch(source, /export \*/)
  const names = publicNames(source)
  assert.ok(names.includes('Codec') && names.includes('Metadata'))
  assert.equal(new Set(names).size, names.length)
  assert.ok(names.length <= 40, `${names.length} public names`)
})

test('the contract depends on nothing', () => {
  const { dependencies = {}, peerDependencies = {}, optionalDependencies = {} } = JSON.parse(read('../package.json'))
  assert.deepEqual({ ...dependencies, ...peerDependencies, ...optionalDependencies }, {})
})
