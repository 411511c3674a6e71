import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom, SeededRandom } from './random.ts'

test('equal seeds give equal sequences, other seeds others', () => {
  const take = (seed: number) => {
    const random = new SeededRandom(seed)
    return Array.from({ length: 10 }, () => random.u32())
  }
  assert.deepEqual(take(7), take(7))
  assert.notDeepEqual(take(7), take(8))
  assert.notDeepEqual(take(7), take(7 + 2 ** 32))
})

test('numbers are evenly spread over [0, 1)', () => {
  const random = new SeededRandom(1)
  const buckets = new Array<number>(10).fill(0)
  for (let draw = 0; draw < 100_000; draw++) {
    const value = random.next()
    assert.ok(value >= 0 && value < 1)
    buckets[Math.floor(value * 10)]! += 1
  }
  for (const count of buckets) assert.ok(Math.abs(count - 10_000) < 500, buckets.join())
})

test('the system seeds each generator differently', () => {
  assert.notEqual(createRandom().u32(), createRandom().u32())
})
