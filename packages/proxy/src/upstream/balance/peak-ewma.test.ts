import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '../../util/random.ts'
import { PeakLatency } from './peak-latency.ts'
import { createBalancer } from './policies.ts'
import { countPicks, placed, request, several } from './testing/placed.ts'

const DECAY_MS = 1_000
const POLICY = { kind: 'peak-ewma', decayMs: DECAY_MS, defaultReplyMs: 10, penalty: 1_000_000 } as const

function known(elapsedMs: number, nowMs = 0): PeakLatency {
  const latency = new PeakLatency(DECAY_MS)
  latency.observe(elapsedMs, nowMs)
  return latency
}

test('a slower reply counts at once and in full, a quicker one by how long ago the last was', () => {
  const latency = known(10)
  latency.observe(200, 1)
  assert.equal(latency.estimate(1), 200)
  latency.observe(20, 1)
  assert.equal(latency.estimate(1), 200, 'no time has passed')
  latency.observe(20, 1 + DECAY_MS)
  const expected = 200 / Math.E + 20 * (1 - 1 / Math.E)
  assert.ok(Math.abs(latency.estimate(1 + DECAY_MS) - expected) < 1e-9)
})

test('without replies the estimate fades, so that who was slow is tried again', () => {
  const latency = known(500)
  assert.ok(Math.abs(latency.estimate(DECAY_MS) - 500 / Math.E) < 1e-9)
  assert.ok(latency.estimate(10 * DECAY_MS) < 0.1)
  assert.ok(latency.isKnown)
})

test('what got no reply counts when it took longer than is known', () => {
  const latency = known(100)
  latency.observeAtLeast(50, 0)
  assert.equal(latency.estimate(0), 100)
  latency.observeAtLeast(400, 0)
  assert.equal(latency.estimate(0), 400)
})

test('an estimate is never outside of what was observed', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.nat(2_000)), { minLength: 1 }), (replies) => {
      const latency = new PeakLatency(DECAY_MS)
      let nowMs = 0
      for (const [elapsedMs, laterMs] of replies) {
        nowMs += laterMs
        latency.observe(elapsedMs, nowMs)
        const estimate = latency.estimate(nowMs)
        assert.ok(estimate >= elapsedMs - 1e-9 && estimate <= 1_000 + 1e-9, `${estimate} after ${elapsedMs}`)
      }
    }),
  )
})

test('of two the one that costs less is picked: latency times the requests it would then have', () => {
  const turn = { nowMs: 0 }
  const endpoints = [placed('slow', { latency: known(30) }), placed('quick', { latency: known(10), activeRequests: 1 })]
  const picker = createBalancer(POLICY, { random: new SeededRandom(1), turn }).build(endpoints)
  assert.equal(countPicks(picker, 100).get('quick'), 100)
  endpoints[1]!.activeRequests = 3
  assert.equal(countPicks(picker, 100).get('slow'), 100)
})

test('the slowest of many gets nothing while the others are there, and the others the same', () => {
  const endpoints = several(5, 'e').map((each, at) => ({ ...each, latency: known(at === 0 ? 100 : 10) }))
  const picker = createBalancer(POLICY, { random: new SeededRandom(1), turn: { nowMs: 0 } }).build(endpoints)
  const counts = countPicks(picker, 10_000)
  assert.equal(counts.get('e0'), undefined)
  for (const count of counts.values()) assert.ok(Math.abs(count - 2_500) < 160, `${[...counts]}`)
})

test('one that has not replied yet is worth a try, and one that has requests under way and never replied is not', () => {
  const endpoints = [placed('new', {}), placed('known', { latency: known(20) })]
  const picker = createBalancer(POLICY, { random: new SeededRandom(1), turn: { nowMs: 0 } }).build(endpoints)
  assert.equal(countPicks(picker, 50).get('new'), 50)
  endpoints[0]!.activeRequests = 1
  assert.equal(countPicks(picker, 50).get('known'), 50)
})

test('who was tried already is avoided, however cheap', () => {
  const endpoints = [placed('cheap', { latency: known(1) }), placed('dear', { latency: known(100) })]
  const picker = createBalancer(POLICY, { random: new SeededRandom(1), turn: { nowMs: 0 } }).build(endpoints)
  assert.equal(picker.pick({ ...request(new SeededRandom(1)), tried: [endpoints[0]!] })?.address, 'dear')
})
