import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Wildcard } from './wildcard.ts'

test('a star stands for any characters, also none', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'b', '*') }),
      fc.string({ unit: fc.constantFrom('a', 'b') }),
      (pattern, text) => {
        const oracle = new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 's')
        assert.equal(
          new Wildcard(`${pattern}*`).matches(text),
          new RegExp(`${oracle.source.slice(0, -1)}.*$`, 's').test(text),
        )
        if (pattern.includes('*'))
          assert.equal(new Wildcard(pattern).matches(text), oracle.test(text), `${pattern} ${text}`)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('a pattern of many stars does not take long on a text that it almost matches', () => {
  const startMs = performance.now()
  assert.equal(new Wildcard(`${'*a'.repeat(500)}*b*c`).matches(`${'a'.repeat(100_000)}c`), false)
  assert.ok(performance.now() - startMs < 2_000)
})
