import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress } from './format-address.ts'

test('an address of either family, or a name, with its port', () => {
  assert.deepEqual(
    [formatAddress('10.0.0.1', 80), formatAddress('::1', 0), formatAddress('a.b', 65_535)],
    ['10.0.0.1:80', '[::1]:0', 'a.b:65535'],
  )
})
