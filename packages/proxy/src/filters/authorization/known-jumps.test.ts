import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KnownJumps, UNKNOWN } from './known-jumps.ts'

test('what is known of a value stays known, and says nothing of another one', () => {
  const known = new KnownJumps(2)
  known.of('read')[1] = 7
  assert.deepEqual([...known.of('read')], [UNKNOWN, 7])
  assert.deepEqual([...known.of('write')], [UNKNOWN, UNKNOWN])
  assert.deepEqual([...known.of(undefined)], [UNKNOWN, UNKNOWN])
  known.of(undefined)[0] = -1
  assert.deepEqual([...known.of(undefined)], [-1, UNKNOWN])
  assert.deepEqual([...known.of('')], [UNKNOWN, UNKNOWN])
})

test('values that clients invent take no more room than there is, and the longest none', () => {
  for (const [tests, most] of [
    [1, 256],
    [1000, 16],
    [100_000, 1],
  ] as const) {
    const known = new KnownJumps(tests)
    for (let n = 0; n < 1000; n++) {
      known.of(`value ${n}`)[0] = n
      assert.ok(known.size <= most)
      assert.equal(known.of(`value ${n}`)[0], n)
      assert.equal(known.of('x'.repeat(257) + n)[0], UNKNOWN)
    }
  }
})
