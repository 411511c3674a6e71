import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '@meltemi/runtime/testing'
import { Needs } from './needs.ts'

function start() {
  const clock = new FakeClock()
  const over: string[] = []
  return { clock, over, needs: new Needs(clock, (need) => over.push(need)) }
}

test('a need is over when its time is, counted from when it was first there', () => {
  const { clock, over, needs } = start()
  needs.set(new Map([['a', 1000]]))
  clock.advance(600)
  needs.set(
    new Map([
      ['a', 1000],
      ['b', 1000],
    ]),
  )
  clock.advance(400)
  assert.deepEqual(over, ['a'])
  assert.deepEqual([needs.isOver('a'), needs.isOver('b')], [true, false])
  assert.deepEqual(needs.open, ['b'])
})

test('it stays over for as long as it is there, and begins anew when it comes back', () => {
  const { clock, needs } = start()
  needs.set(new Map([['a', 1000]]))
  clock.advance(1000)
  needs.set(new Map([['a', 1000]]))
  assert.equal(needs.isOver('a'), true)
  needs.set(new Map())
  needs.set(new Map([['a', 1000]]))
  assert.equal(needs.isOver('a'), false)
})

test('one of time 0 is never over, unless it is given up', () => {
  const { clock, over, needs } = start()
  needs.set(new Map([['a', 0]]))
  clock.advance(1_000_000)
  assert.deepEqual(needs.open, ['a'])
  needs.giveUp('a')
  needs.giveUp('b')
  assert.deepEqual([needs.open, needs.isOver('a'), needs.isOver('b'), over], [[], true, false, []])
})

test('none leaves a timer behind', () => {
  const { clock, needs } = start()
  needs.set(
    new Map([
      ['a', 1000],
      ['b', 2000],
    ]),
  )
  needs.giveUp('a')
  needs.close()
  assert.equal(clock.pendingTimers, 0)
})
