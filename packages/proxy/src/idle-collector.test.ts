import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { IdleCollector } from './idle-collector.ts'

const MIB = 1024 * 1024

function setUp() {
  let collected = 0
  const collector = new IdleCollector(() => void collected++)
  return (...mebibytes: readonly number[]) => {
    for (const each of mebibytes) collector.sample(each * MIB)
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

test('V8 itself collects what is not used', async () => {
  const used = () => process.memoryUsage().arrayBuffers
  const collector = new IdleCollector()
  const before = used()
  collector.sample(before)
  fill()
  const held = used()
  assert.ok(held - before > 40 * MIB, `${held - before} bytes are held`)
  for (let n = 0; n < 8; n++) collector.sample(held)
  // and frees it on threads of its own
  for (let waits = 0; held - used() <= 40 * MIB && waits < 250; waits++) await sleep(20)
  assert.ok(held - used() > 40 * MIB, `${held - used()} bytes were collected`)
})

function fill(): void {
  const garbage = Array.from({ length: 48 }, () => Buffer.allocUnsafeSlow(MIB))
  assert.equal(garbage.length, 48)
}
