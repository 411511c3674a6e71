import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '@meltemi/runtime/testing'
import { Debouncer } from './debouncer.ts'

function debouncer(): { clock: FakeClock; calls: number[]; it: Debouncer } {
  const clock = new FakeClock()
  const calls: number[] = []
  const it = new Debouncer({ quietMs: 100, maxDelayMs: 1_000, clock }, () => calls.push(clock.now()))
  return { clock, calls, it }
}

test('changes close together are told once, when it has been quiet', () => {
  const { clock, calls, it } = debouncer()
  it.poke()
  clock.advance(60)
  it.poke()
  assert.ok(it.isPending)
  clock.advance(99)
  assert.deepEqual(calls, [])
  clock.advance(1)
  assert.deepEqual(calls, [160])
  assert.ok(!it.isPending)
  clock.advance(10_000)
  assert.equal(calls.length, 1)
})

test('changes that never end are told in time all the same', () => {
  const { clock, calls, it } = debouncer()
  for (let ms = 0; ms < 3_000; ms += 20) {
    it.poke()
    clock.advance(20)
  }
  assert.deepEqual(calls, [1_000, 2_000, 3_000])
})

test('nothing is told after the end, and no timer is left', () => {
  const { clock, calls, it } = debouncer()
  it.poke()
  it.close()
  it.poke()
  it.flush()
  clock.advance(5_000)
  assert.deepEqual(calls, [])
  assert.equal(clock.pendingTimers, 0)
})

test('a flush does not wait, and takes what waited along', () => {
  const { clock, calls, it } = debouncer()
  it.poke()
  it.flush()
  clock.advance(5_000)
  assert.deepEqual(calls, [0])
})
