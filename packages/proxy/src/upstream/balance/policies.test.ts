import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadBalancerConfig } from '@meltemi/api'
import fc from 'fast-check'
import { SeededRandom } from '../../util/random.ts'
import type { Balanceable, PickContext } from './picker.ts'
import { createBalancer } from './policies.ts'

interface TestEndpoint extends Balanceable {
  activeRequests: number
}

const roundRobin: LoadBalancerConfig = { kind: 'round-robin' }
const leastRequest: LoadBalancerConfig = { kind: 'least-request', choiceCount: 2 }
const random: LoadBalancerConfig = { kind: 'random' }
const ringHash: LoadBalancerConfig = {
  kind: 'ring-hash',
  minimumRingSize: 64,
  maximumRingSize: 1024,
  useHostname: false,
}
const maglev: LoadBalancerConfig = { kind: 'maglev', tableSize: 251, useHostname: false }
const peakEwma: LoadBalancerConfig = { kind: 'peak-ewma', decayMs: 1000, defaultReplyMs: 10, penalty: 1_000_000 }
const all = [roundRobin, leastRequest, random, ringHash, maglev, peakEwma]

function endpoints(...weights: number[]): TestEndpoint[] {
  return weights.map((weight, index) => ({
    address: `10.0.0.${index}:80`,
    hostname: '',
    weight,
    healthySinceMs: 0,
    latency: null,
    activeRequests: 0,
  }))
}

function toolsOf(seed: number) {
  return { random: new SeededRandom(seed), turn: { nowMs: 0 } }
}

function context(seed: number, tried: PickContext['tried'] = null): PickContext {
  return { hasHash: false, hashHigh: 0, hashLow: 0, criteria: null, tried, random: new SeededRandom(seed) }
}

function countPicks(config: LoadBalancerConfig, from: readonly Balanceable[], picks: number): number[] {
  const picker = createBalancer(config, toolsOf(1)).build(from)
  const counts = from.map(() => 0)
  const using = context(2)
  for (let pick = 0; pick < picks; pick++) counts[from.indexOf(picker.pick(using)!)]! += 1
  return counts
}

for (const config of all) {
  test(`${config.kind}: without endpoints there is no pick`, () => {
    assert.equal(createBalancer(config, toolsOf(1)).build([]).pick(context(1)), undefined)
  })

  test(`${config.kind}: equal weights get equal shares`, () => {
    const counts = countPicks(config, endpoints(1, 1, 1, 1), 10_000)
    for (const count of counts) assert.ok(Math.abs(count - 2_500) < 160, counts.join())
  })

  test(`${config.kind}: endpoints that were tried are avoided while there is another, and never when there is none`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 12 }),
        fc.nat(),
        fc.tuple(fc.boolean(), fc.nat(0xffffffff), fc.nat(0xffffffff)),
        (weights, seed, [hasHash, hashHigh, hashLow]) => {
          const from = endpoints(...weights)
          const picker = createBalancer(config, toolsOf(seed)).build(from)
          const tried: Balanceable[] = []
          const using = { ...context(seed, tried), hasHash, hashHigh, hashLow }
          for (const _ of from) tried.push(picker.pick(using)!)
          assert.equal(new Set(tried).size, from.length)
          assert.ok(from.includes(picker.pick(using) as TestEndpoint))
        },
      ),
      { seed: 1, numRuns: 60 },
    )
  })
}

for (const config of [roundRobin, leastRequest, random, ringHash, maglev]) {
  test(`${config.kind}: weights of 20 and 80 split 10,000 picks within 1.6 points`, () => {
    const [light, heavy] = countPicks(config, endpoints(20, 80), 10_000)
    assert.ok(Math.abs(light! - 2_000) <= 160, `${light} and ${heavy}`)
  })
}

test('round-robin: weights are kept exactly over every whole cycle', () => {
  const counts = countPicks(roundRobin, endpoints(1, 2, 5), 800)
  for (const [index, expected] of [100, 200, 500].entries()) {
    assert.ok(Math.abs(counts[index]! - expected) <= 1, counts.join())
  }
})

test('round-robin: a new set of endpoints goes on where the last one was, not at its start', () => {
  const balancer = createBalancer(roundRobin, toolsOf(3))
  const from = endpoints(1, 1, 1)
  const picked = Array.from({ length: 6 }, () => balancer.build(from).pick(context(1))?.address)
  assert.deepEqual(picked.slice(0, 3), picked.slice(3))
  assert.equal(new Set(picked).size, 3)
})

test('round-robin: workers start at different endpoints', () => {
  const from = endpoints(...new Array<number>(50).fill(1))
  const firsts = [1, 2, 3, 4].map((seed) => createBalancer(roundRobin, toolsOf(seed)).build(from).pick(context(1)))
  assert.ok(new Set(firsts).size > 1)
})

test('least-request: the busier of two is picked only when the other was not drawn', () => {
  const from = endpoints(1, 1)
  from[0]!.activeRequests = 10
  const [busy] = countPicks(leastRequest, from, 10_000)
  assert.ok(Math.abs(busy! - 2_500) < 160, `${busy}`)
})

test('least-request: with unequal weights a share shrinks with the requests under way', () => {
  const from = endpoints(10, 20)
  from[1]!.activeRequests = 3
  const [free, busy] = countPicks(leastRequest, from, 3_000)
  assert.ok(Math.abs(free! - 2_000) < 10, `${free} and ${busy}`)
})

test('hash policies pick at random by weight when the message has no hash', () => {
  for (const config of [ringHash, maglev]) {
    const counts = countPicks(config, endpoints(1, 3), 4_000)
    assert.ok(Math.abs(counts[0]! - 1_000) < 100, counts.join())
  }
})
