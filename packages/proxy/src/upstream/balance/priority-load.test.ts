import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type LevelHealth, priorityLoads } from './priority-load.ts'

function level(healthy: number, degraded = 0, total = 100): LevelHealth {
  return { total, healthy, degraded }
}

/** `healthy+degraded` of each priority, in percent. */
function shown(levels: readonly LevelHealth[], thresholdPercent = 50): readonly string[] {
  return priorityLoads(levels, thresholdPercent).map(
    ({ healthy, degraded, isPanicking }) => `${healthy}+${degraded}${isPanicking ? ' panic' : ''}`,
  )
}

describe('the numbers that Envoy gives', () => {
  const cases: readonly (readonly [string, readonly LevelHealth[], readonly string[]])[] = [
    ['72 % of P0', [level(72), level(100)], ['100+0', '0+0']],
    ['71 % of P0', [level(71), level(100)], ['99+0', '1+0']],
    ['50 % of P0', [level(50), level(100)], ['70+0', '30+0']],
    ['25 % of P0', [level(25), level(100)], ['35+0', '65+0']],
    ['none of P0', [level(0), level(100)], ['0+0', '100+0']],
    ['72 % of both', [level(72), level(72)], ['100+0', '0+0']],
    ['71 % of both', [level(71), level(71)], ['99+0', '1+0']],
    ['25 % of both, which is too few', [level(25), level(25)], ['50+0 panic', '50+0 panic']],
    ['5 % and 65 %: the first panics', [level(5), level(65)], ['8+0 panic', '92+0']],
    ['5 % of the first of three', [level(5), level(0), level(0)], ['34+0 panic', '33+0 panic', '33+0 panic']],
    ['in panic by how many there are', [level(0, 0, 1), level(0, 0, 3)], ['25+0 panic', '75+0 panic']],
    ['half degraded', [level(50, 50), level(0, 0, 0)], ['70+30', '0+0']],
    ['healthy ones of P1 before degraded ones of P0', [level(25, 25), level(25)], ['35+30', '35+0']],
    ['all degraded', [level(0, 100)], ['0+100']],
    ['a number left out', [level(0), level(0, 0, 0), level(100)], ['0+0', '0+0', '100+0']],
  ]
  for (const [name, levels, expected] of cases) test(name, () => assert.deepEqual(shown(levels), expected))

  test('what rounding leaves goes to the first priority', () => {
    assert.deepEqual(shown([level(10, 20), level(20, 10), level(10)], 0), ['16+28', '28+14', '14+0'])
  })

  test('without panic and without anything healthy all goes to the first, where there is nothing', () => {
    assert.deepEqual(shown([level(0), level(0)], 0), ['100+0', '0+0'])
  })

  test('a cluster without endpoints does not panic', () => {
    assert.deepEqual(shown([level(0, 0, 0)]), ['100+0'])
  })

  test('thresholds are whole percents', () => {
    assert.deepEqual(shown([level(49)], 49.4), ['100+0'])
    assert.deepEqual(shown([level(49)], 49.6), ['100+0 panic'])
  })
})

const health = fc
  .tuple(fc.nat(50), fc.nat(50), fc.nat(50))
  .map(([healthy, degraded, sick]) => level(healthy, degraded, healthy + degraded + sick))
const levels = fc.array(health, { minLength: 1, maxLength: 6 })
const threshold = fc.nat(100)

describe('whatever the health of the priorities', () => {
  test('their loads add up to 100', () => {
    fc.assert(
      fc.property(levels, threshold, (all, percent) => {
        const sum = priorityLoads(all, percent).reduce((total, load) => total + load.healthy + load.degraded, 0)
        assert.equal(sum, 100)
      }),
    )
  })

  test('each takes what those before it cannot, up to what it can take', () => {
    fc.assert(
      fc.property(levels, (all) => {
        const healthyOnly = all.map((each) => level(each.healthy, 0, each.total))
        const available = healthyOnly.map(({ healthy, total }) =>
          total === 0 ? 0 : Math.min(100, Math.floor((healthy * 140) / total)),
        )
        fc.pre(available.reduce((sum, each) => sum + each, 0) >= 100)
        let left = 100
        const expected = available.map((each) => {
          const taken = Math.min(left, each)
          left -= taken
          return taken
        })
        assert.deepEqual(
          priorityLoads(healthyOnly, 50).map((load) => [load.healthy, load.degraded, load.isPanicking]),
          expected.map((load) => [load, 0, false]),
        )
      }),
    )
  })

  test('nothing is sent to what is not there, but in panic', () => {
    fc.assert(
      fc.property(levels, threshold, (all, percent) => {
        const loads = priorityLoads(all, percent)
        const usable = all.some(({ healthy, degraded }) => healthy + degraded > 0)
        for (const [at, { healthy, degraded, isPanicking }] of loads.entries()) {
          if (isPanicking) assert.ok(healthy + degraded === 0 || (all[at] as LevelHealth).total > 0)
          else if (usable)
            assert.ok((healthy === 0 || all[at]!.healthy > 0) && (degraded === 0 || all[at]!.degraded > 0))
        }
      }),
    )
  })

  test('one more healthy endpoint never takes load from its priority, unless a panic ends', () => {
    fc.assert(
      fc.property(levels, (all) => {
        const [first, ...others] = all as [LevelHealth, ...LevelHealth[]]
        fc.pre(first.total > first.healthy + first.degraded)
        const before = priorityLoads(all, 0)[0]
        const after = priorityLoads([{ ...first, healthy: first.healthy + 1 }, ...others], 0)[0]
        // rounding gives the first at most a percent for each number that is rounded
        const rounding = 2 * all.length
        const isNothing = all.every(({ healthy, degraded }) => healthy + degraded === 0)
        assert.ok(isNothing || (after?.healthy ?? 0) + rounding >= (before?.healthy ?? 0))
      }),
    )
  })
})
