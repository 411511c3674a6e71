import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileJsonPath } from './json-path.ts'

const RESOURCE = {
  metadata: { name: 'a', labels: { 'example.com/tier': 'one' } },
  spec: { hosts: ['a.b', 'c.d'] },
  status: { conditions: [{ type: 'Other', status: 'True' }, { type: 'Accepted', status: 'False' }, 7, null] },
}

test('names, indexes and comparisons lead to what they name', () => {
  const cases: readonly (readonly [path: string, expected: unknown])[] = [
    ['.metadata.name', 'a'],
    ['.spec.hosts', ['a.b', 'c.d']],
    ['.spec.hosts[1]', 'c.d'],
    [".metadata.labels['example.com/tier']", 'one'],
    ['.status.conditions[?(@.type=="Accepted")].status', 'False'],
    [".status.conditions[?(@.type == 'Other')].status", 'True'],
  ]
  for (const [path, expected] of cases) assert.deepEqual(compileJsonPath(path)(RESOURCE), expected, path)
})

test('a path that leads nowhere finds nothing', () => {
  for (const path of [
    '.absent.deep',
    '.spec.hosts[9]',
    '.spec[0]',
    '.status.conditions[?(@.type=="No")].status',
    '.constructor',
  ]) {
    assert.equal(compileJsonPath(path)(RESOURCE), undefined, path)
    assert.equal(compileJsonPath(path)(undefined), undefined, path)
  }
})

test('what is no such path is refused', () => {
  for (const path of ['spec', '.spec..a', '.a[', '.a[*]', '..a', '.a[?(@.b>1)]']) {
    assert.throws(() => compileJsonPath(path), /cannot be read$/, path)
  }
})
