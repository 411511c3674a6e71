import assert from 'node:assert/strict'
import { test } from 'node:test'
import { labelledName, readLabels, splitLabels } from './labelled-name.ts'

test('labels come back from a name, whatever their values are', () => {
  const values = ['', 'a', 'a"b', 'a\\', '\\n', 'a\nb', '{x="y"}', 'a,b="c"', 'ü', '\ud800', '\r\u2028 ']
  for (const first of values) {
    for (const second of values) {
      const name = labelledName('meltemi.requests_total', { service: first, method: second })
      const read = readLabels(name)
      assert.equal(read?.name, 'meltemi.requests_total')
      assert.deepEqual(
        [...(read?.labels ?? [])],
        [
          ['service', first.toWellFormed()],
          ['method', second.toWellFormed()],
        ],
      )
    }
  }
})

test('other names have no labels, also where braces are part of them', () => {
  for (const name of [
    '',
    'a.b',
    'cluster.{a="b"}.rq',
    'a{}',
    'a{b}',
    'a{b="c}',
    'a{B="c"}',
    '{a="b"}',
    'x{y}{a="b"}',
  ]) {
    assert.equal(splitLabels(name), undefined, name)
    assert.equal(readLabels(name), undefined, name)
  }
})
