import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdCorrelator, OrderCorrelator, SingleCorrelator } from './correlator.ts'

test('single: whatever comes answers the one that waits, and giving it up spoils the connection', () => {
  const correlator = new SingleCorrelator<string>()
  assert.equal(correlator.match(1, true), null)
  const ticket = correlator.add('a')
  assert.deepEqual([correlator.match(99, false), correlator.size], ['a', 1])
  assert.deepEqual([correlator.match(99, true), correlator.size], ['a', 0])
  correlator.add('b')
  assert.deepEqual([correlator.remove(), correlator.waiting, ticket > 0], [false, 0, true])
})

test('id: each ticket is an id of 31 bits that matches its own one once', () => {
  const correlator = new IdCorrelator<number>()
  const tickets = Array.from({ length: correlator.capacity }, (_, n) => correlator.add(n))
  assert.equal(new Set(tickets).size, 1024)
  assert.ok(tickets.every((ticket) => ticket >= 1024 && ticket <= 0x7fffffff))
  for (const [n, ticket] of tickets.entries()) assert.equal(correlator.match(ticket, true), n)
  for (const ticket of tickets) assert.equal(correlator.match(ticket, true), null)
  assert.equal(correlator.size, 0)
})

test('id: foreign, late and doubled ids match nobody, even when the slot is used again', () => {
  const correlator = new IdCorrelator<string>()
  const first = correlator.add('a')
  for (const id of [0, 1, -1, first + 1, first + 2 ** 32, -first, 1n << 40n]) {
    assert.equal(correlator.match(id, true), null, String(id))
  }
  assert.equal(correlator.remove(first), true)
  const second = correlator.add('b')
  assert.notEqual(first, second)
  assert.equal(correlator.match(first, true), null)
  assert.deepEqual([correlator.isOld(first), correlator.isOld(second), correlator.isOld(0)], [true, false, false])
  assert.equal(correlator.match(second, true), 'b')
})

test('id: more replies to come keep the place', () => {
  const correlator = new IdCorrelator<string>()
  const ticket = correlator.add('a')
  assert.deepEqual(
    [1, 2, 3].map((n) => correlator.match(ticket, n === 3)),
    ['a', 'a', 'a'],
  )
  assert.equal(correlator.match(ticket, true), null)
})

test('id: two million uses of one slot stay within 31 bits', () => {
  const correlator = new IdCorrelator<string>()
  for (let n = 0; n < 2 ** 21 + 2; n++) {
    const ticket = correlator.add('a')
    if (ticket < 1024 || ticket > 0x7fffffff) assert.fail(`ticket ${ticket} after ${n}`)
    correlator.remove(ticket)
  }
  assert.equal(correlator.size, 0)
})

test('order: replies go to those that wait in order, and one given up keeps its place', () => {
  const correlator = new OrderCorrelator<string>()
  const [, b] = ['a', 'b', 'c'].map((name) => correlator.add(name)) as [number, number, number]
  assert.equal(correlator.remove(b), true)
  correlator.remove(b)
  assert.deepEqual([correlator.size, correlator.waiting], [3, 2])
  assert.deepEqual(
    [1, 2, 3, 4].map((id) => correlator.match(id, true)),
    ['a', null, 'c', null],
  )
  assert.deepEqual([correlator.size, correlator.waiting], [0, 0])
})

test('order: a ticket whose reply has come removes nobody else, also around the end of the ring', () => {
  const correlator = new OrderCorrelator<number>()
  const old = correlator.add(-1)
  correlator.match(0, true)
  for (let n = 0; n < 3000; n++) {
    correlator.add(n)
    correlator.remove(old)
    assert.equal(correlator.match(0, true), n)
  }
})

test('pop empties any of them, without those that were given up', () => {
  for (const correlator of [new IdCorrelator<string>(), new OrderCorrelator<string>()]) {
    const [, second] = ['a', 'b', 'c'].map((name) => correlator.add(name)) as [number, number, number]
    correlator.remove(second)
    assert.deepEqual([correlator.pop(), correlator.pop(), correlator.pop()].sort(), ['a', 'c', null].sort())
    assert.deepEqual([correlator.size, correlator.waiting], [0, 0])
  }
})
