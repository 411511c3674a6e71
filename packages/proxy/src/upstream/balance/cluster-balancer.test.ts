import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LoadBalancerConfig } from '@meltemi/api'
import fc from 'fast-check'
import { SeededRandom } from '../../util/random.ts'
import { type BalanceConfig, ClusterBalancer } from './cluster-balancer.ts'
import type { Placed } from './picker.ts'
import { countedStats, countPicks, placed, request, several, sumOf } from './testing/placed.ts'
import type { LocalZones, ZoneAwareConfig } from './zone-aware.ts'

const LEAVES: readonly LoadBalancerConfig[] = [
  { kind: 'round-robin' },
  { kind: 'least-request', choiceCount: 2 },
  { kind: 'random' },
  { kind: 'ring-hash', minimumRingSize: 1024, maximumRingSize: 4096, useHostname: false },
  { kind: 'maglev', tableSize: 1021, useHostname: false },
  { kind: 'peak-ewma', decayMs: 1000, defaultReplyMs: 10, penalty: 1_000_000 },
]

const turn = { nowMs: 1_000_000 }

function balancerOf(config: Partial<BalanceConfig> = {}) {
  const stats = countedStats()
  const tools = { random: new SeededRandom(3), turn }
  const balancer = new ClusterBalancer(
    { loadBalancer: { kind: 'round-robin' }, panicThresholdPercent: 50, ...config },
    tools,
    stats,
  )
  return { balancer, stats }
}

/** Chi-square of what was counted against what was expected, over the parts that expect something. */
function chiSquare(counted: readonly number[], expected: readonly number[]): number {
  return counted.reduce((sum, count, at) => sum + (count - expected[at]!) ** 2 / expected[at]!, 0)
}

for (const loadBalancer of LEAVES) {
  describe(`priorities: ${loadBalancer.kind}`, () => {
    test('while the first can take everything it gets everything', () => {
      const { balancer } = balancerOf({ loadBalancer })
      const endpoints = [...several(4, 'a'), ...several(4, 'b', { priority: 1 })]
      endpoints[0]!.healthy = false
      const counts = countPicks(balancer.build(endpoints), 2_000)
      assert.equal(sumOf(counts, 'a'), 2_000)
      assert.equal(counts.get('a0'), undefined)
    })

    test('with half of the first healthy it gets 70 %, by chi-square', () => {
      const { balancer, stats } = balancerOf({ loadBalancer })
      const endpoints = [...several(10, 'a'), ...several(10, 'b', { priority: 1 })]
      for (const each of endpoints.slice(0, 5)) each.healthy = false
      const counts = countPicks(balancer.build(endpoints), 10_000)
      // 10.83: once in a thousand runs; the seed makes it always the same run
      assert.ok(chiSquare([sumOf(counts, 'a'), sumOf(counts, 'b')], [7_000, 3_000]) < 10.83, `${[...counts]}`)
      for (const each of endpoints.slice(0, 5)) assert.equal(counts.get(each.address), undefined)
      assert.equal(stats.counts.get('panic'), undefined)
    })

    test('degraded ones are used when the healthy ones are too few, and alone when there are no others', () => {
      const { balancer } = balancerOf({ loadBalancer })
      const endpoints = [...several(5, 'a'), ...several(5, 'b', { degraded: true })]
      const counts = countPicks(balancer.build(endpoints), 10_000)
      assert.ok(chiSquare([sumOf(counts, 'a'), sumOf(counts, 'b')], [7_000, 3_000]) < 10.83, `${[...counts]}`)
      const alone = countPicks(balancer.build(several(3, 'd', { degraded: true })), 300)
      assert.equal(sumOf(alone, 'd'), 300)
    })

    test('in panic all endpoints are used, and that is counted', () => {
      const { balancer, stats } = balancerOf({ loadBalancer })
      const endpoints = several(10, 'a', { healthy: false })
      for (const each of endpoints.slice(0, 3)) each.healthy = true
      const counts = countPicks(balancer.build(endpoints), 5_000)
      assert.equal(counts.size, 10)
      assert.equal(stats.counts.get('panic'), 5_000)
    })

    test('with a threshold of 0 nothing healthy means nothing', () => {
      const { balancer, stats } = balancerOf({ loadBalancer, panicThresholdPercent: 0 })
      const counts = countPicks(balancer.build(several(3, 'a', { healthy: false })), 10)
      assert.deepEqual([...counts], [['-', 10]])
      assert.equal(stats.counts.get('panic'), undefined)
    })
  })
}

test('equal hashes go to equal priorities and endpoints', () => {
  for (const loadBalancer of LEAVES.filter(({ kind }) => kind === 'ring-hash' || kind === 'maglev')) {
    const { balancer } = balancerOf({ loadBalancer })
    const endpoints = [...several(10, 'a'), ...several(10, 'b', { priority: 1 })]
    for (const each of endpoints.slice(0, 5)) each.healthy = false
    const picker = balancer.build(endpoints)
    const random = new SeededRandom(5)
    let first = 0
    for (let key = 0; key < 2_000; key++) {
      const context = { ...request(random), hasHash: true, hashHigh: random.u32(), hashLow: random.u32() }
      const [one, two] = [picker.pick(context), picker.pick(context)]
      assert.equal(one, two)
      if (one?.priority === 0) first++
    }
    assert.ok(Math.abs(first - 1_400) < 80, `${first}`)
  }
})

const X = { region: 'r', zone: 'x', subZone: '' }
const Y = { region: 'r', zone: 'y', subZone: '' }

function xAndY(healthyX: number): Placed[] {
  const x = several(100, 'x', { locality: X, localityWeight: 1 })
  for (const each of x.slice(healthyX)) each.healthy = false
  return [...x, ...several(100, 'y', { locality: Y, localityWeight: 2 })]
}

describe('localities by weight', () => {
  // as Envoy documents it, for weights of 1 and 2
  const cases: readonly (readonly [number, number])[] = [
    [100, 1 / 3],
    [72, 1 / 3],
    [69, 0.966 / 2.966],
    [50, 0.7 / 2.7],
    [25, 0.35 / 2.35],
    [0, 0],
  ]
  for (const [healthyX, share] of cases) {
    test(`with ${healthyX} % of the lighter one healthy it gets ${(100 * share).toFixed(0)} %`, () => {
      const { balancer } = balancerOf({ localityLb: { kind: 'weighted' }, panicThresholdPercent: 0 })
      const counts = countPicks(balancer.build(xAndY(healthyX)), 3_000)
      assert.ok(Math.abs(sumOf(counts, 'x') - 3_000 * share) <= 2, `${sumOf(counts, 'x')}`)
      assert.equal(sumOf(counts, 'x') + sumOf(counts, 'y'), 3_000)
    })
  }

  test('without weights all endpoints are alike', () => {
    const { balancer } = balancerOf({ localityLb: { kind: 'weighted' } })
    const endpoints = [...several(1, 'x', { locality: X }), ...several(3, 'y', { locality: Y })]
    assert.equal(sumOf(countPicks(balancer.build(endpoints), 400), 'x'), 100)
  })

  test('a cluster that does not ask for it does not tell localities apart', () => {
    const { balancer } = balancerOf()
    assert.equal(sumOf(countPicks(balancer.build(xAndY(100)), 400), 'x'), 200)
  })

  test('policies that hash give a locality its part of the keys', () => {
    for (const loadBalancer of LEAVES.filter(({ kind }) => kind === 'ring-hash' || kind === 'maglev')) {
      const { balancer } = balancerOf({ loadBalancer, localityLb: { kind: 'weighted' } })
      const endpoints = [
        ...several(2, 'x', { locality: X, localityWeight: 3 }),
        ...several(6, 'y', { locality: Y, localityWeight: 1 }),
      ]
      const picker = balancer.build(endpoints)
      const random = new SeededRandom(9)
      let inX = 0
      for (let key = 0; key < 4_000; key++) {
        const context = { ...request(random), hasHash: true, hashHigh: random.u32(), hashLow: random.u32() }
        if (picker.pick(context)?.locality === X) inX++
      }
      assert.ok(Math.abs(inX - 3_000) < 250, `${loadBalancer.kind}: ${inX}`)
      assert.ok(Math.abs(sumOf(countPicks(picker, 4_000), 'x') - 3_000) < 120)
    }
  })

  test('every priority has its own', () => {
    const { balancer } = balancerOf({ localityLb: { kind: 'weighted' } })
    const endpoints = [
      ...several(2, 'a', { healthy: false }),
      ...several(2, 'x', { priority: 1, locality: X, localityWeight: 1 }),
      ...several(2, 'y', { priority: 1, locality: Y, localityWeight: 4 }),
    ]
    const counts = countPicks(balancer.build(endpoints), 1_000)
    assert.ok(Math.abs(sumOf(counts, 'x') - 200) <= 2, `${[...counts]}`)
    assert.equal(sumOf(counts, 'x') + sumOf(counts, 'y'), 1_000)
  })
})

describe('zones', () => {
  const zones = (own: string, counts: Readonly<Record<string, number>>): LocalZones => {
    const all = new Map(Object.entries(counts).map(([zone, count]) => [`r/${zone}/`, count]))
    return { own: `r/${own}/`, total: all, healthy: all }
  }
  const zoneAware: ZoneAwareConfig = {
    kind: 'zone-aware',
    routingEnabledPercent: 100,
    minClusterSize: 2,
    failTrafficOnPanic: false,
  }
  const endpoints = (x: number, y: number) => [...several(x, 'x', { locality: X }), ...several(y, 'y', { locality: Y })]

  test('where the own zone can take all of its requests it gets them', () => {
    const { balancer, stats } = balancerOf({ localityLb: zoneAware })
    const picker = balancer.build(endpoints(5, 5), zones('x', { x: 2, y: 2 }))
    assert.equal(sumOf(countPicks(picker, 1_000), 'x'), 1_000)
    assert.equal(stats.counts.get('all directly'), 1_000)
  })

  test('where it cannot, the rest goes to where there is capacity', () => {
    const { balancer, stats } = balancerOf({ localityLb: zoneAware })
    // half of the requests come from here, and a quarter of the endpoints are here
    const picker = balancer.build(endpoints(2, 6), zones('x', { x: 2, y: 2 }))
    const counts = countPicks(picker, 10_000)
    assert.ok(chiSquare([sumOf(counts, 'x'), sumOf(counts, 'y')], [5_000, 5_000]) < 10.83, `${[...counts]}`)
    assert.equal((stats.counts.get('sampled') ?? 0) + (stats.counts.get('cross zone') ?? 0), 10_000)
    assert.ok(Math.abs((stats.counts.get('sampled') ?? 0) - 5_000) < 200)
  })

  test('all proxies together give every endpoint the same', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 8 })), {
          minLength: 2,
          maxLength: 4,
        }),
        (sizes) => {
          const locality = (at: number) => ({ region: 'r', zone: `${at}`, subZone: '' })
          const all = sizes.flatMap(([, count], at) => several(count, `${at}:`, { locality: locality(at) }))
          const proxies = Object.fromEntries(sizes.map(([count], at) => [`${at}`, count]))
          const total = new Array<number>(sizes.length).fill(0)
          for (const [at, [count]] of sizes.entries()) {
            const { balancer } = balancerOf({ localityLb: zoneAware })
            const counts = countPicks(
              balancer.build(all, zones(`${at}`, proxies)),
              2_000 * count,
              request(new SeededRandom(at)),
            )
            for (const other of sizes.keys()) total[other]! += sumOf(counts, `${other}:`)
          }
          const picks = total.reduce((sum, each) => sum + each, 0)
          for (const [at, [, count]] of sizes.entries()) {
            assert.ok(Math.abs(total[at]! / picks - count / all.length) < 0.03, `${total} for ${sizes.join(' ')}`)
          }
        },
      ),
      { numRuns: 40, seed: 4 },
    )
  })

  test('are not told apart in small clusters, where nobody knows the own one, or as many requests as not asked for', () => {
    const local = zones('x', { x: 2, y: 2 })
    const inX = (config: Partial<ZoneAwareConfig>, from?: LocalZones) => {
      const { balancer } = balancerOf({ localityLb: { ...zoneAware, ...config } })
      return sumOf(countPicks(balancer.build(endpoints(5, 5), from), 1_000), 'x')
    }
    assert.equal(inX({ minClusterSize: 11 }, local), 500)
    assert.equal(inX({}), 500)
    assert.equal(inX({}, zones('z', { x: 2, y: 2 })), 500)
    const half = inX({ routingEnabledPercent: 50 }, local)
    assert.ok(Math.abs(half - 750) < 40, `${half}`)
  })

  test('panic fails where that is wanted', () => {
    const { balancer, stats } = balancerOf({ localityLb: { ...zoneAware, failTrafficOnPanic: true } })
    const sick = several(10, 'x', { locality: X, healthy: false })
    assert.deepEqual([...countPicks(balancer.build(sick), 10)], [['-', 10]])
    assert.equal(stats.counts.get('panic'), 10)
  })

  test('a proxy whose like are mostly unhealthy does not know where requests come from', () => {
    const local = zones('x', { x: 2, y: 2 })
    const sick = { ...local, healthy: new Map([['r/x/', 1]]) }
    const { balancer } = balancerOf({ localityLb: zoneAware })
    assert.equal(sumOf(countPicks(balancer.build(endpoints(5, 5), sick), 1_000), 'x'), 500)
  })
})

test('a turn goes on where it was when endpoints change, in every part', () => {
  const { balancer } = balancerOf({ localityLb: { kind: 'weighted' } })
  const endpoints = several(3, 'x', { locality: X, localityWeight: 1 })
  const context = request(new SeededRandom(1))
  const picked = Array.from({ length: 6 }, () => balancer.build(endpoints).pick(context)?.address)
  assert.deepEqual(picked.slice(0, 3), picked.slice(3))
  assert.equal(new Set(picked).size, 3)
})

test('whatever the endpoints are, a picker picks one of them that may be picked, or none', () => {
  const endpoint = fc.record({
    weight: fc.integer({ min: 1, max: 5 }),
    healthy: fc.boolean(),
    degraded: fc.boolean(),
    priority: fc.nat(3),
    locality: fc.constantFrom(undefined, X, Y),
    localityWeight: fc.nat(3),
  })
  fc.assert(
    fc.property(
      fc.array(endpoint, { maxLength: 12 }),
      fc.constantFrom(...LEAVES),
      fc.constantFrom(0, 50),
      fc.boolean(),
      (given, loadBalancer, panicThresholdPercent, isWeighted) => {
        const endpoints = given.map((changes, at) => placed(`e${at}`, changes))
        const { balancer } = balancerOf({
          loadBalancer,
          panicThresholdPercent,
          ...(isWeighted ? { localityLb: { kind: 'weighted' } } : {}),
        })
        const picker = balancer.build(endpoints)
        const hasUsable = endpoints.some(({ healthy }) => healthy)
        for (let pick = 0; pick < 20; pick++) {
          const picked = picker.pick(request(new SeededRandom(pick)))
          const mustPick = hasUsable || (panicThresholdPercent > 0 && endpoints.length > 0)
          assert.equal(picked !== undefined, mustPick)
          if (picked !== undefined && panicThresholdPercent === 0) assert.ok(picked.healthy)
        }
      },
    ),
  )
})
