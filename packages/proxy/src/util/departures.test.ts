import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '@meltemi/runtime/testing'
import { type Departing, Departures } from './departures.ts'

function departing(isUnused = false): Departing & { isUnused: boolean; gone: number } {
  return {
    isUnused,
    gone: 0,
    leave() {
      this.gone++
    },
  }
}

test('what nobody uses goes at once, without a timer', () => {
  const clock = new FakeClock()
  const departures = new Departures(clock)
  const unused = departing(true)
  departures.add(unused)
  assert.deepEqual([unused.gone, departures.size, clock.pendingTimers], [1, 0, 0])
})

test('what is used goes soon after it is unused, once, and the timer with the last one', () => {
  const clock = new FakeClock()
  const departures = new Departures(clock)
  const [first, second] = [departing(), departing()]
  departures.add(first)
  departures.add(second)
  clock.advance(1000)
  assert.deepEqual([first.gone, second.gone, clock.pendingTimers], [0, 0, 1])
  first.isUnused = true
  clock.advance(100)
  assert.deepEqual([first.gone, second.gone, clock.pendingTimers], [1, 0, 1])
  second.isUnused = true
  clock.advance(1000)
  assert.deepEqual([first.gone, second.gone, clock.pendingTimers], [1, 1, 0])
})

test('what has a time goes when it is over', () => {
  const clock = new FakeClock()
  const departures = new Departures(clock)
  const late = departing()
  departures.add(late, 500)
  clock.advance(400)
  assert.equal(late.gone, 0)
  clock.advance(200)
  assert.equal(late.gone, 1)
})

test('a stop forgets all, and leaves no timer', () => {
  const clock = new FakeClock()
  const departures = new Departures(clock)
  const last = departing()
  departures.add(last)
  departures.stop()
  clock.advance(1000)
  assert.deepEqual([last.gone, clock.pendingTimers], [0, 0])
})
