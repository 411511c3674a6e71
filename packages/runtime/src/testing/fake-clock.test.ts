import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from './fake-clock.ts'

test('timers run at their time and in order, also those set by others', () => {
  const clock = new FakeClock(1000)
  const log: string[] = []
  clock.setTimer(20, () => log.push(`b@${clock.now()}`))
  clock.setTimer(10, () => {
    log.push(`a@${clock.now()}`)
    clock.setTimer(10, () => log.push(`c@${clock.now()}`))
  })
  clock.setTimer(31, () => log.push('too early'))
  clock.advance(30)
  assert.deepEqual(log, ['a@10', 'b@20', 'c@20'])
  assert.deepEqual([clock.now(), clock.wallTime(), clock.pendingTimers], [30, 1030, 1])
})

test('a cancelled timer does not run, cancelling twice does no harm', () => {
  const clock = new FakeClock()
  const timer = clock.setTimer(5, () => assert.fail('was cancelled'))
  timer.cancel()
  timer.cancel()
  clock.advance(10)
  assert.equal(clock.pendingTimers, 0)
})

test('immediates run in order and before the next timer', () => {
  const clock = new FakeClock()
  const log: string[] = []
  clock.setTimer(0, () => {
    log.push('timer 1')
    clock.setImmediate(() => {
      log.push('immediate 2')
      clock.setImmediate(() => log.push('immediate 3'))
    })
  })
  clock.setTimer(0, () => log.push('timer 2'))
  clock.setImmediate(() => log.push('immediate 1'))
  clock.advance(0)
  assert.deepEqual(log, ['immediate 1', 'timer 1', 'immediate 2', 'immediate 3', 'timer 2'])
})

test('immediates without end are an error, not a hang', () => {
  const clock = new FakeClock()
  const again = () => clock.setImmediate(again)
  again()
  assert.throws(() => clock.runImmediates(), /without end/)
})
