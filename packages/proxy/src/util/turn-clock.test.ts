import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '@meltemi/runtime/testing'
import { TurnClock } from './turn-clock.ts'

test('time stands still within a turn and moves where the next begins', () => {
  const clock = new FakeClock()
  clock.advance(5)
  const turn = new TurnClock(clock)
  clock.advance(10)
  assert.equal(turn.nowMs, 5)
  assert.equal(turn.refresh(), 15)
  assert.equal(turn.nowMs, 15)
})
