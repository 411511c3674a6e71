import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tryParseDuration } from './duration.ts'

test('durations are those of Go', () => {
  const cases = { '0s': 0, '100ms': 100, '60s': 60_000, '1m30s': 90_000, '1.5h': 5_400_000, '500us': 0.5, '1µs': 0.001 }
  for (const [text, ms] of Object.entries(cases)) assert.equal(tryParseDuration(text), ms, text)
})

test('anything else is none', () => {
  for (const text of ['', '5', 's', '-1s', '1 s', '1d', '1s ', '.5s', '1.s', '1e3s'])
    assert.equal(tryParseDuration(text), undefined, text)
})
