import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '@meltemi/runtime/testing'
import { TimerWheel } from '../util/timer-wheel.ts'
import { TurnClock } from '../util/turn-clock.ts'
import { Deadlines } from './deadlines.ts'
import type { ListenerContext } from './listener-context.ts'

function setUp(config: { idleTimeoutMs?: number; partialMessageTimeoutMs?: number }) {
  const clock = new FakeClock()
  const thread = { turn: new TurnClock(clock), timers: new TimerWheel(clock) }
  const listener = { thread, config: { idleTimeoutMs: 0, partialMessageTimeoutMs: 0, ...config } }
  const ended: string[] = []
  const owner = {
    isIdle: true,
    onIdleTimeout: () => void ended.push(`idle ${clock.now()}`),
    onPartialMessageTimeout: () => void ended.push(`partial ${clock.now()}`),
  }
  const deadlines = new Deadlines(owner, listener as unknown as ListenerContext)
  const turn = (afterMs: number) => {
    clock.advance(afterMs)
    return thread.turn.refresh()
  }
  return { clock, owner, deadlines, turn, ended }
}

test('an idle client ends; one with something under way does not, and gets the whole time afterwards', () => {
  const { clock, owner, deadlines, turn, ended } = setUp({ idleTimeoutMs: 1000 })
  owner.isIdle = false
  turn(5500)
  assert.deepEqual(ended, [])
  owner.isIdle = true
  deadlines.lastActivityMs = clock.now()
  turn(900)
  assert.deepEqual(ended, [])
  turn(200)
  assert.equal(ended.length, 1)
  assert.match(ended[0] ?? '', /^idle 65\d\d$/)
})

test('a message begun has a deadline from its first byte, whatever drips in', () => {
  const { deadlines, turn, ended } = setUp({ partialMessageTimeoutMs: 1000 })
  for (let n = 0; n < 9; n++) {
    deadlines.lastActivityMs = turn(100)
    deadlines.watchPartial(true)
  }
  assert.deepEqual(ended, [])
  turn(300)
  assert.match(ended.join(), /^partial 11\d\d$/)
})

test('each whole message begins the time anew', () => {
  const { deadlines, turn, ended } = setUp({ partialMessageTimeoutMs: 1000 })
  for (let n = 0; n < 20; n++) {
    deadlines.lastActivityMs = turn(500)
    deadlines.onMessage()
    deadlines.watchPartial(true)
  }
  deadlines.watchPartial(false)
  turn(5000)
  assert.deepEqual(ended, [])
})

test('the time in which a client was not read does not count', () => {
  const { deadlines, turn, ended } = setUp({ partialMessageTimeoutMs: 1000 })
  deadlines.lastActivityMs = turn(100)
  deadlines.watchPartial(true)
  deadlines.watchPartial(false)
  turn(60_000)
  deadlines.watchPartial(true)
  turn(900)
  assert.deepEqual(ended, [])
  turn(200)
  assert.equal(ended.length, 1)
})

test('nothing is left of a client that is gone', () => {
  const { clock, deadlines, turn, ended } = setUp({ idleTimeoutMs: 1000, partialMessageTimeoutMs: 1000 })
  deadlines.watchPartial(true)
  deadlines.cancel()
  turn(5000)
  assert.deepEqual([ended, clock.pendingTimers], [[], 0])
})
