import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FakeClock } from '@meltemi/runtime/testing'
import { IdleCollector } from './idle-collector.ts'

const MIB = 1024 * 1024

function setUp() {
  let collected = 0
  const collector = new IdleCollector(() => void collected++)
  return (...mebibytes: readonly number[]) => {
    for (const each of mebibytes) collector.sample(each * MIB, 2 * each * MIB)
    return collected
  }
}

test('what stays after a flood is collected, once the thread idles', () => {
  const sample = setUp()
  assert.equal(sample(20, 20, 90, 140, 100), 0)
  assert.equal(sample(100, 100, 100, 100, 100), 1)
  assert.equal(sample(22, 22, 22, 22, 22, 22, 22), 1)
})

test('a thread that is at work is left alone', () => {
  const sample = setUp()
  const saw = Array.from({ length: 100 }, (_, n) => 20 + (n % 10) * 6)
  assert.equal(sample(...saw), 0)
})

test('little garbage is not worth it, and what cannot be collected is asked for once', () => {
  const sample = setUp()
  assert.equal(sample(20, ...new Array<number>(20).fill(45)), 0)
  assert.equal(sample(...new Array<number>(50).fill(80)), 1)
  assert.equal(sample(...new Array<number>(10).fill(120)), 2)
})

test('after a minute of rest V8 gives back what it keeps to be quick, and again when that has grown', () => {
  const collected: string[] = []
  const collector = new IdleCollector((kind) => void collected.push(kind))
  const rest = (seconds: number, heapMib: number) => {
    for (let n = 0; n < seconds; n++) collector.sample((20 + (n % 2)) * MIB, heapMib * MIB)
    return collected.length
  }
  collector.sample(30 * MIB, 80 * MIB)
  assert.equal(rest(60, 80), 0)
  assert.equal(rest(1, 80), 1)
  assert.deepEqual(collected, ['last-resort'])
  assert.equal(rest(1000, 25), 1)
  collector.sample(40 * MIB, 60 * MIB)
  assert.equal(rest(100, 60), 2)
})

test('large heaps, whose collection takes long, are collected for the sake of a large part only', () => {
  const sample = setUp()
  assert.equal(sample(500, ...new Array<number>(100).fill(740)), 0)
  assert.equal(sample(...new Array<number>(10).fill(760)), 1)
})

test('who works within the minute does not rest', () => {
  const collected: string[] = []
  const collector = new IdleCollector((kind) => void collected.push(kind))
  for (let n = 0; n < 1000; n++) collector.sample((n % 30 === 0 ? 24 : 20) * MIB, 200 * MIB)
  assert.deepEqual(collected, [])
})

test('samples its thread once a second until it is stopped', () => {
  const ballast = Array.from({ length: 200_000 }, (_, n) => ({ n, name: `number ${n}` }))
  const clock = new FakeClock()
  const collected: string[] = []
  const collector = new IdleCollector((kind) => void collected.push(kind))
  collector.start(clock)
  clock.advance(59_000)
  assert.deepEqual(collected, [])
  clock.advance(2000)
  assert.deepEqual(collected, ['last-resort'])
  assert.equal(clock.pendingTimers, 1)
  collector.stop()
  assert.equal(clock.pendingTimers, 0)
  assert.equal(ballast.length, 200_000)
})

test('V8 itself collects what is not used', async () => {
  const used = () => process.memoryUsage().arrayBuffers
  const collector = new IdleCollector()
  const before = used()
  collector.sample(before, 0)
  fill()
  const held = used()
  assert.ok(held - before > 40 * MIB, `${held - before} bytes are held`)
  for (let n = 0; n < 8; n++) collector.sample(held, 0)
  // and frees it on threads of its own
  for (let waits = 0; held - used() <= 40 * MIB && waits < 250; waits++) await sleep(20)
  assert.ok(held - used() > 40 * MIB, `${held - used()} bytes were collected`)
})

function fill(): void {
  const garbage = Array.from({ length: 48 }, () => Buffer.allocUnsafeSlow(MIB))
  assert.equal(garbage.length, 48)
}
