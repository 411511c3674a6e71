import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@meltemi/runtime'
import { WallClock } from './wall-clock.ts'

test('times of the day are exact, and keep their distances', () => {
  const wallClock = new WallClock(systemClock)
  for (let n = 0; n < 1000; n++) {
    const before = Date.now()
    const now = systemClock.now()
    const first = wallClock.at(now)
    assert.ok(first > before - 50 && first < Date.now() + 50)
    assert.ok(Math.abs(wallClock.at(now + 0.25) - first - 0.25) < 0.01)
  }
})

test('a clock that is set is followed', () => {
  let wallMs = 1_000_000
  const clock = { ...systemClock, originMs: undefined, now: () => 5, wallTime: () => wallMs }
  const wallClock = new WallClock(clock)
  assert.equal(wallClock.at(7), 1_000_002)
  wallMs -= 1
  assert.equal(wallClock.at(7), 1_000_002)
  wallMs -= 5_000
  assert.equal(wallClock.at(7), 995_001)
})

test('a machine that stands still while the clocks are read has not set them', () => {
  let nowMs = 5
  let stalls: number[] = []
  const wallTime = () => {
    const wallMs = 1_000_000 + nowMs
    nowMs += stalls.shift() ?? 0
    return wallMs
  }
  const wallClock = new WallClock({ ...systemClock, originMs: undefined, now: () => nowMs, wallTime })
  for (const each of [[40], [40, 40], [0, 40]]) {
    stalls = each
    assert.equal(wallClock.at(7), 1_000_007)
  }
})
