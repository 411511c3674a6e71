import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backoff } from './backoff.ts'
import type { Random } from './random.ts'

const almostOne: Random = { next: () => 1 - 2 ** -32, u32: () => 0 }
const zero: Random = { next: () => 0, u32: () => 0 }

test('waits are drawn below a bound that doubles from 500 ms to 30 s', () => {
  const longest = new Backoff(almostOne)
  const waits = Array.from({ length: 9 }, () => longest.next())
  assert.deepEqual(waits, [499, 999, 1999, 3999, 7999, 15_999, 29_999, 29_999, 29_999])
  const shortest = new Backoff(zero)
  assert.deepEqual([shortest.next(), shortest.next()], [0, 0])
})

test('after a success the bound is the first one again', () => {
  const backoff = new Backoff(almostOne)
  backoff.next()
  backoff.next()
  backoff.reset()
  assert.equal(backoff.next(), 499)
})
