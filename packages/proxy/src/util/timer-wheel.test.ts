import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import fc from 'fast-check'
import { type TimerNode, TimerWheel } from './timer-wheel.ts'

const TICK_MS = 10
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

class Waiter implements TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  readonly calledAt: number[] = []
  readonly #clock: FakeClock
  readonly #then: (() => void) | undefined

  constructor(clock: FakeClock, andThen?: () => void) {
    this.#clock = clock
    this.#then = andThen
  }

  onTimer(): void {
    this.calledAt.push(this.#clock.now())
    this.#then?.()
  }
}

function setUp() {
  const clock = new FakeClock()
  clock.advance(3.7)
  return { clock, wheel: new TimerWheel(clock, TICK_MS) }
}

test('every delay is kept: never early, at most two ticks late, once, in any order and mixture of delays', () => {
  const delay = fc.oneof(
    fc.nat(50),
    fc.nat(3_000),
    fc.nat(700_000),
    fc.nat(3 * DAY_MS),
    fc.double({ min: 0, max: 5_000, noNaN: true }),
  )
  const plan = fc.array(fc.record({ delay, pause: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(5_000)) }), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(plan, (steps) => {
      const { clock, wheel } = setUp()
      const waiting = steps.map(({ delay, pause }) => {
        const waiter = new Waiter(clock)
        const due = clock.now() + delay
        wheel.schedule(waiter, delay)
        clock.advance(pause)
        return { waiter, due }
      })
      clock.advance(4 * DAY_MS)
      for (const { waiter, due } of waiting) {
        assert.equal(waiter.calledAt.length, 1)
        const late = waiter.calledAt[0]! - due
        assert.ok(late >= 0 && late <= 2 * TICK_MS, `${late} ms late`)
      }
      assert.equal(wheel.size, 0)
      assert.equal(clock.pendingTimers, 0)
    }),
    { seed: 1, numRuns: 150 },
  )
})

test('a deadline that was cancelled is never called, and others in its slot are', () => {
  const { clock, wheel } = setUp()
  const waiters = Array.from({ length: 5 }, () => new Waiter(clock))
  for (const waiter of waiters) wheel.schedule(waiter, 100)
  wheel.cancel(waiters[0]!)
  wheel.cancel(waiters[2]!)
  wheel.cancel(waiters[2]!)
  wheel.cancel(waiters[4]!)
  assert.equal(wheel.size, 2)
  clock.advance(200)
  assert.deepEqual(
    waiters.map(({ calledAt }) => calledAt.length),
    [0, 1, 0, 1, 0],
  )
})

test('a deadline that is set again moves, earlier or later', () => {
  const { clock, wheel } = setUp()
  const later = new Waiter(clock)
  const earlier = new Waiter(clock)
  wheel.schedule(later, 50)
  wheel.schedule(earlier, 5_000)
  wheel.schedule(later, 1_000)
  wheel.schedule(earlier, 50)
  assert.equal(wheel.size, 2)
  clock.advance(100)
  assert.deepEqual([later.calledAt.length, earlier.calledAt.length], [0, 1])
  clock.advance(1_000)
  assert.equal(later.calledAt.length, 1)
})

test('what is called may set itself again, set others and cancel others of the same moment', () => {
  const { clock, wheel } = setUp()
  const victim = new Waiter(clock)
  const again: Waiter = new Waiter(clock, () => {
    wheel.cancel(victim)
    if (again.calledAt.length < 3) wheel.schedule(again, 0)
  })
  wheel.schedule(again, 20)
  wheel.schedule(victim, 20)
  clock.advance(100)
  assert.equal(again.calledAt.length, 3)
  assert.equal(victim.calledAt.length, 0)
  assert.equal(wheel.size, 0)
})

test('a callback that throws does not stop the wheel', () => {
  const { clock, wheel } = setUp()
  const other = new Waiter(clock)
  wheel.schedule(new Waiter(clock, () => assert.fail('broken')), 20)
  wheel.schedule(other, 20)
  assert.throws(() => clock.advance(50), /broken/)
  clock.advance(50)
  assert.equal(other.calledAt.length, 1)
})

test('the clock is asked for one timer at most, none while nothing waits, and few wake-ups for long delays', () => {
  const { clock, wheel } = setUp()
  let wakeUps = 0
  const counted = { ...bind(clock), setTimer: countCalls }
  function countCalls(delayMs: number, callback: () => void) {
    wakeUps++
    return clock.setTimer(delayMs, callback)
  }
  assert.equal(clock.pendingTimers, 0)
  const idle = new TimerWheel(counted, TICK_MS)
  idle.schedule(new Waiter(clock), HOUR_MS)
  wheel.schedule(new Waiter(clock), 500)
  wheel.schedule(new Waiter(clock), 300)
  assert.equal(clock.pendingTimers, 2)
  clock.advance(2 * HOUR_MS)
  assert.equal(clock.pendingTimers, 0)
  assert.ok(wakeUps <= 5, `${wakeUps} timers`)
})

test('the count of ticks may change its sign after 248 days and wrap around after 497', () => {
  const { clock, wheel } = setUp()
  const delays = [15, 2_000, 15_000, HOUR_MS, 3 * DAY_MS]
  for (const startDay of [190, 440]) {
    clock.advance(startDay * DAY_MS - clock.now())
    for (let step = 0; step < 30; step++) {
      const start = clock.now()
      const waiters = delays.map((delay) => {
        const waiter = new Waiter(clock)
        wheel.schedule(waiter, delay)
        return waiter
      })
      clock.advance(4 * DAY_MS)
      waiters.forEach((waiter, index) => {
        const late = waiter.calledAt[0]! - start - delays[index]!
        assert.ok(late >= 0 && late <= 2 * TICK_MS, `${late} ms late`)
      })
    }
  }
})

test('stop forgets everything, and the wheel can be used again', () => {
  const { clock, wheel } = setUp()
  const waiter = new Waiter(clock)
  for (const delay of [10, 5_000, HOUR_MS, 3 * DAY_MS]) wheel.schedule(new Waiter(clock), delay)
  wheel.schedule(waiter, 50)
  wheel.stop()
  assert.deepEqual([wheel.size, clock.pendingTimers, waiter.timerNext], [0, 0, null])
  wheel.schedule(waiter, 50)
  clock.advance(100)
  assert.equal(waiter.calledAt.length, 1)
})

test('delays beyond the reach of the wheel are cut to it, and a negative one is due at the next tick', () => {
  const { clock, wheel } = setUp()
  const far = new Waiter(clock)
  const past = new Waiter(clock)
  wheel.schedule(far, 10_000 * DAY_MS)
  wheel.schedule(past, -5)
  clock.advance(2 * TICK_MS)
  assert.equal(past.calledAt.length, 1)
  clock.advance(249 * DAY_MS)
  assert.equal(far.calledAt.length, 1)
})

test('on the real clock a delay of 30 ms takes at least 30 and ends', async () => {
  const wheel = new TimerWheel(systemClock)
  const keepAlive = setInterval(() => {}, 1_000)
  const start = performance.now()
  await new Promise<void>((resolve) => {
    wheel.schedule({ timerNext: null, timerPrev: null, timerTick: 0, onTimer: resolve }, 30)
  })
  clearInterval(keepAlive)
  assert.ok(performance.now() - start >= 30)
})

function bind(clock: FakeClock) {
  return { now: () => clock.now(), wallTime: () => clock.wallTime(), setImmediate: () => {} }
}
