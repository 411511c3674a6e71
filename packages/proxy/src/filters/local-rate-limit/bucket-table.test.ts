import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BucketTable, tableWords } from './bucket-table.ts'
import { Refill } from './refill.ts'

const BUCKET_WORDS = 4
const CLOSED = 0x4000_0000

function tableOf(maxBuckets: number, maxTokens = 1) {
  const scope = { perConnection: false, metadataKeys: ['a'], maxBuckets }
  const words = new Int32Array(tableWords(maxBuckets))
  const refill = new Refill({ maxTokens, tokensPerFill: 1, fillIntervalMs: 10, ...scope }, 0)
  const counts = { evicted: 0, overflowed: 0 }
  const table = new BucketTable(words, refill, {
    evicted: () => counts.evicted++,
    overflowed: () => counts.overflowed++,
  })
  const take = (key: number, nowMs: number) => {
    refill.moveTo(nowMs)
    return table.take(key, key)
  }
  return { words, counts, take }
}

test('of those that are full again the one that idles longest makes room', () => {
  const { take, counts } = tableOf(3)
  for (const [key, atMs] of [
    [1, 0],
    [2, 15],
    [3, 25],
    [1, 31],
  ] as const)
    assert.ok(take(key, atMs))
  assert.ok(take(4, 38), 'in the place of 2')
  assert.ok(!take(1, 39) && !take(4, 39), 'which are as they were')
  assert.deepEqual(counts, { evicted: 1, overflowed: 0 })
})

test('a thread that died while it gave a place holds up nobody for long', () => {
  const { take, words, counts } = tableOf(1)
  assert.ok(take(1, 0))
  words[0] = 7
  assert.ok(take(2, 500), 'out of the bucket that is shared')
  assert.deepEqual(counts, { evicted: 0, overflowed: 1 })
  // it had taken the bucket out of use, and nobody else has it
  words[2 * BUCKET_WORDS] = (words[2 * BUCKET_WORDS] as number) | CLOSED
  assert.ok(take(3, 2000) && !take(3, 2000))
  assert.deepEqual(counts, { evicted: 1, overflowed: 1 })
  assert.equal(words[0], 0)
  words[2 * BUCKET_WORDS] = (words[2 * BUCKET_WORDS] as number) | CLOSED
  assert.ok(take(3, 2001) && !take(3, 2001), 'its own')
  assert.deepEqual(counts, { evicted: 1, overflowed: 1 })
})

test('however many values there are, no more is let in than the buckets that there can be let in', () => {
  const schedule = fc.array(fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: 8 })), { maxLength: 300 })
  fc.assert(
    fc.property(schedule, fc.integer({ min: 1, max: 20 }), (requests, maxBuckets) => {
      const { take } = tableOf(maxBuckets, 2)
      const places = maxBuckets <= 16 ? maxBuckets : maxBuckets * 2
      const taken = new Map<number, number>()
      let nowMs = 0
      for (const [key, laterMs] of requests) {
        nowMs += laterMs
        if (take(key, nowMs)) taken.set(key, (taken.get(key) ?? 0) + 1)
      }
      const most = 2 + Math.floor(nowMs / 10)
      const sum = [...taken.values()].reduce((total, count) => total + count, 0)
      assert.ok(sum <= (places + 1) * most)
      // one's own, and what the shared one may have
      for (const count of taken.values()) assert.ok(count <= 2 * most)
    }),
  )
})
