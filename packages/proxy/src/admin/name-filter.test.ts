import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNameFilter, FilterError } from './name-filter.ts'

test('a pattern is found anywhere, in RE2 syntax', () => {
  const names = ['cluster.a.cx_total', 'cluster.b.cx_active', 'listener.a.cx_total']
  const found = (pattern: string) => names.filter(createNameFilter(pattern))
  assert.deepEqual(found(''), names)
  assert.deepEqual(found('cx_total'), ['cluster.a.cx_total', 'listener.a.cx_total'])
  assert.deepEqual(found('^cluster.*(total|active)$'), ['cluster.a.cx_total', 'cluster.b.cx_active'])
  assert.deepEqual(found('a|b.cx_active'), names)
})

test('a pattern for whole names has to fit from the first letter to the last', () => {
  const names = ['outbound|80||a.b', 'outbound', 'bound']
  const found = (pattern: string) => names.filter(createNameFilter(pattern, { isWhole: true }))
  assert.deepEqual(found('bound'), ['bound'])
  assert.deepEqual(found('out.*'), ['outbound|80||a.b', 'outbound'])
  assert.deepEqual(found('out'), [])
  assert.deepEqual(found('.*80.*|bound'), ['outbound|80||a.b', 'bound'])
})

test('what RE2 has not is an error that says so', () => {
  for (const pattern of ['(', 'a)(b', '(?!x)', '\\1', '(?<=a)b', 'x{1001}', 'x'.repeat(513)]) {
    assert.throws(() => createNameFilter(pattern), FilterError, pattern)
  }
})

test('patterns that make others hang take milliseconds', () => {
  const name = `${'x'.repeat(5000)}!`
  const startedMs = performance.now()
  for (const pattern of ['^(x+)+$', '(x*)*y', '(x|xx)+$', '(.*)*(.*)*y'])
    assert.equal(createNameFilter(pattern, { maxTotalMs: 10_000 })(name), false)
  assert.ok(performance.now() - startedMs < 2000)
})

test('a filter gives up when its time is over', () => {
  const filter = createNameFilter('(x+x+)+y', { maxTotalMs: 0 })
  assert.throws(() => filter('x'.repeat(1000)), FilterError)
})
