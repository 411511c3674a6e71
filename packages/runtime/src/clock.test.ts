import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from './clock.ts'

test('a timer of years is not taken for one of no time', async () => {
  let calls = 0
  const timer = systemClock.setTimer(2 ** 40, () => {
    calls++
  })
  await sleep(20)
  timer.cancel()
  assert.equal(calls, 0)
})
