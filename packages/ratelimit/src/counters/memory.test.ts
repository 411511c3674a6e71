import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MergedRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { MemoryCounters } from './memory.ts'

function setUp(maxKeys = 3) {
  const clock = new FakeClock()
  const metrics = new MergedRegistry()
  const counters = new MemoryCounters({ maxKeys, clock, metrics })
  const hit = (key: string, hits = 1, startS = 600, lengthS = 60) => counters.add([{ key, hits, startS, lengthS }])[0]
  const stat = (name: string) => {
    const metric = metrics.read().find((each) => each.name === name)
    return metric?.kind === 'histogram' ? undefined : metric?.value
  }
  return { clock, counters, hit, stat }
}

test('a counter lives as long as its window, and another unit has another one', () => {
  const { hit } = setUp()
  assert.equal(hit('a', 2), 2)
  assert.equal(hit('a', 0), 2)
  assert.equal(hit('a', 1, 600, 3600), 1)
  assert.equal(hit('a', 1, 660), 1)
  assert.equal(hit('a', 1, 600, 3600), 2)
})

test('the counter that was used longest ago goes when there are too many, and that is counted', () => {
  const { hit, stat } = setUp()
  for (const key of ['a', 'b', 'c', 'a', 'd']) hit(key)
  assert.equal(stat('ratelimit.memory.evicted'), 1)
  assert.equal(hit('a'), 3)
  assert.equal(hit('b'), 1)
})

test('a clock that goes back by less than a window gives nobody a new one; one that was far ahead does', () => {
  const { hit } = setUp()
  assert.equal(hit('a', 5, 660), 5)
  assert.equal(hit('a', 1, 600), 6)
  assert.equal(hit('a', 1, 60), 1)
})

test('what has ended is forgotten without another request', () => {
  const { clock, hit, stat, counters } = setUp()
  const startS = Math.floor(clock.wallTime() / 60_000) * 60
  hit('a', 1, startS)
  hit('a', 1, startS, 3_600)
  clock.advance(10_000)
  assert.equal(stat('ratelimit.memory.keys'), 2)
  clock.advance(60_000)
  assert.equal(stat('ratelimit.memory.keys'), 1)
  counters.close()
  assert.equal(clock.pendingTimers, 0)
})
