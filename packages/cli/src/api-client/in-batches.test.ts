import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inBatches } from './in-batches.ts'

test('many run at a time, their outcomes come in order, and what has the same key one after the other', async () => {
  const running = new Set<string>()
  let most = 0
  const items = [...Array.from({ length: 100 }, (_, n) => String(n)), 'same', 'same', 'bad', 'last']
  const outcomes: string[] = []
  const run = async (item: string): Promise<string> => {
    assert.ok(!running.has(item), item)
    running.add(item)
    most = Math.max(most, running.size)
    await new Promise((resolve) => setTimeout(resolve, Number(item) % 3))
    running.delete(item)
    if (item === 'bad') throw new Error('is bad')
    return item
  }
  for await (const outcome of inBatches(items, (item) => item, run)) {
    outcomes.push(outcome.status === 'fulfilled' ? outcome.value : String(outcome.reason))
  }
  assert.deepEqual(
    outcomes,
    items.map((item) => (item === 'bad' ? 'Error: is bad' : item)),
  )
  assert.equal(most, 32)
})

test('nothing is nothing', async () => {
  for await (const outcome of inBatches([], String, async (item) => item)) assert.fail(String(outcome))
})
