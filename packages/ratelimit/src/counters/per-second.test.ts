import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CounterError, type CounterStore, type Hit } from './counter.ts'
import { PerSecondCounters } from './per-second.ts'

function store(add: CounterStore['add']): CounterStore {
  return { add, isReady: true, close: () => {} }
}

const away = store(() => Promise.reject(new CounterError('away')))
const counting = store((hits) => hits.map((hit) => hit.hits))
const hit = (lengthS: number, hits: number): Hit => ({ key: `${lengthS}`, hits, startS: 0, lengthS })

test('each counter is where its window belongs, in the order of the hits', async () => {
  const tens = store((hits) => hits.map((each) => each.hits * 10))
  assert.deepEqual(await new PerSecondCounters(tens, counting).add([hit(60, 1), hit(1, 2), hit(3600, 3)]), [1, 20, 3])
})

test('a store that is away fails only what is for it', async () => {
  assert.deepEqual(await new PerSecondCounters(away, counting).add([hit(60, 1)]), [1])
  assert.deepEqual(await new PerSecondCounters(counting, away).add([hit(1, 1)]), [1])
  await assert.rejects(new PerSecondCounters(away, counting).add([hit(60, 1), hit(1, 1)]), CounterError)
})
