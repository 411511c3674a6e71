import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LbMetadata, SubsetConfig, SubsetSelector } from '@meltemi/api/model'
import fc from 'fast-check'
import { SeededRandom } from '../../util/random.ts'
import { ClusterBalancer } from './cluster-balancer.ts'
import type { Placed } from './picker.ts'
import { countedStats, countPicks, placed, request, sumOf } from './testing/placed.ts'

function selector(keys: string, changes: Partial<SubsetSelector> = {}): SubsetSelector {
  return { keys: keys.split(' '), fallback: 'inherit', fallbackKeys: [], singleHost: false, ...changes }
}

const SUBSETS: SubsetConfig = {
  fallback: 'none',
  defaultSubset: {},
  selectors: [selector('version'), selector('stage version')],
  localityWeightAware: false,
  scaleLocalityWeight: false,
  panicModeAny: false,
  listAsAny: false,
  allowRedundantKeys: false,
  metadataFallback: 'none',
}

/** `a1` is version 1 in production, and so on. */
const ENDPOINTS: readonly Placed[] = [
  placed('a1', { metadata: { version: '1', stage: 'prod' } }),
  placed('b1', { metadata: { version: '1', stage: 'dev' } }),
  placed('a2', { metadata: { version: '2', stage: 'prod' } }),
  placed('c', { metadata: { stage: 'prod' } }),
  placed('d', {}),
]

function balanced(config: Partial<SubsetConfig>, endpoints: readonly Placed[] = ENDPOINTS, threshold = 50) {
  const stats = countedStats()
  const balancer = new ClusterBalancer(
    { loadBalancer: { kind: 'round-robin' }, panicThresholdPercent: threshold, subsets: { ...SUBSETS, ...config } },
    { random: new SeededRandom(2), turn: { nowMs: 0 } },
    stats,
  )
  const picker = balancer.build(endpoints)
  /** Who is picked, all of them, in order. */
  const asked = (wanted?: LbMetadata) => {
    const counts = countPicks(picker, 60, request(new SeededRandom(1), wanted))
    return [...counts.keys()].sort().join(' ')
  }
  return { balancer, picker, stats, asked }
}

describe('a subset is selected', () => {
  test('by all keys of one selector, in any order, and no others', () => {
    const { asked, stats } = balanced({})
    assert.equal(asked({ version: '1' }), 'a1 b1')
    assert.equal(asked({ version: '1', stage: 'dev' }), 'b1')
    assert.equal(asked({ stage: 'prod', version: '2' }), 'a2')
    assert.equal(stats.counts.get('selected'), 180)
    assert.equal(asked({ stage: 'prod' }), '-', 'no selector has that key alone')
    assert.equal(asked({ version: '1', stage: 'dev', other: '1' }), '-')
    assert.equal(asked({ version: 1 }), '-', 'a number is no text')
    assert.equal(asked(), '-')
    assert.equal(stats.counts.get('selected'), 180)
    assert.equal(stats.counts.get('active'), 5)
  })

  test('by values that are no texts', () => {
    const { asked } = balanced({ selectors: [selector('v')] }, [
      placed('one', { metadata: { v: 1 } }),
      placed('yes', { metadata: { v: true } }),
      placed('object', { metadata: { v: { a: 1, b: [2] } } }),
      placed('list', { metadata: { v: [1, 2] } }),
    ])
    assert.equal(asked({ v: 1 }), 'one')
    assert.equal(asked({ v: true }), 'yes')
    assert.equal(asked({ v: { b: [2], a: 1 } }), 'object')
    assert.equal(asked({ v: [1, 2] }), 'list')
    assert.equal(asked({ v: 2 }), '-')
  })

  test('by each value of a list, where lists are so meant, and by each combination', () => {
    const { asked, stats } = balanced({ listAsAny: true, selectors: [selector('v'), selector('s v')] }, [
      placed('a', { metadata: { v: [1, 2], s: ['x', 'y'] } }),
      placed('b', { metadata: { v: 2, s: 'x' } }),
    ])
    assert.equal(asked({ v: 1 }), 'a')
    assert.equal(asked({ v: 2 }), 'a b')
    assert.equal(asked({ v: 2, s: 'x' }), 'a b')
    assert.equal(asked({ v: 1, s: 'y' }), 'a')
    assert.equal(asked({ v: [1, 2] }), '-')
    assert.equal(stats.counts.get('active'), 6)
  })

  test('of no more combinations than there may be', () => {
    const many = Array.from({ length: 50 }, (_, n) => n)
    const { stats } = balanced({ listAsAny: true, selectors: [selector('s v')] }, [
      placed('a', { metadata: { v: many, s: many } }),
    ])
    assert.deepEqual([stats.counts.get('active'), stats.counts.get('overflow')], [1024, 1])
  })

  test('though none of it is healthy, and by its own health', () => {
    const sick = ENDPOINTS.map((each) => (each.address === 'a2' ? { ...each, healthy: false } : each))
    assert.equal(balanced({ fallback: 'any' }, sick).asked({ version: '2' }), 'a2', 'in panic')
    const strict = balanced({ fallback: 'any' }, sick, 0)
    assert.equal(strict.asked({ version: '2' }), '-')
    assert.equal(strict.asked({ version: '1' }), 'a1 b1')
  })

  test('with its own priorities', () => {
    const { asked } = balanced({}, [
      placed('p0', { metadata: { version: '1' }, healthy: false }),
      placed('p1', { metadata: { version: '1' }, priority: 1 }),
      placed('other', { metadata: { version: '2' } }),
    ])
    assert.equal(asked({ version: '1' }), 'p1')
  })

  test('as one endpoint, the first of the lowest priority, where it is to be one', () => {
    const { asked } = balanced({ selectors: [selector('version', { singleHost: true })] }, [
      placed('late', { metadata: { version: '1' }, priority: 1 }),
      placed('first', { metadata: { version: '1' } }),
      placed('second', { metadata: { version: '1' } }),
    ])
    assert.equal(asked({ version: '1' }), 'first')
  })

  test('with more asked for than a selector has, where that is allowed', () => {
    const { asked } = balanced({ allowRedundantKeys: true })
    assert.equal(asked({ version: '2', other: 'x' }), 'a2')
    assert.equal(asked({ other: 'x' }), '-')
  })
})

describe('without a subset', () => {
  test('any endpoint will do, or those of the default', () => {
    const any = balanced({ fallback: 'any' })
    assert.equal(any.asked({ version: '9' }), 'a1 a2 b1 c d')
    assert.equal(any.asked(), 'a1 a2 b1 c d')
    assert.equal(any.stats.counts.get('fallback'), 120)
    const fixed = balanced({ fallback: 'default', defaultSubset: { stage: 'prod' } })
    assert.equal(fixed.asked({ version: '9' }), 'a1 a2 c')
    assert.equal(fixed.asked({}), 'a1 a2 c')
  })

  test('a selector may know better than the cluster', () => {
    const selectors = [
      selector('version', { fallback: 'none' }),
      selector('stage version', { fallback: 'keys', fallbackKeys: ['version'] }),
      selector('stage', { fallback: 'default' }),
      selector('zone', { fallback: 'any' }),
    ]
    const { asked } = balanced({ fallback: 'any', defaultSubset: { version: '2' }, selectors })
    assert.equal(asked({ version: '9' }), '-')
    assert.equal(asked({ version: '1', stage: 'test' }), 'a1 b1')
    assert.equal(asked({ version: '9', stage: 'test' }), '-', 'asks again with fewer keys, whose selector says no')
    assert.equal(asked({ stage: 'test' }), 'a2')
    assert.equal(asked({ zone: 'z' }), 'a1 a2 b1 c d')
    assert.equal(asked({ other: 'z' }), 'a1 a2 b1 c d')
  })

  test('in panic any endpoint is better than none', () => {
    const config = { fallback: 'default', defaultSubset: { version: '9' } } as const
    assert.equal(balanced(config).asked({ version: '8' }), '-')
    const { asked, stats } = balanced({ ...config, panicModeAny: true })
    assert.equal(asked({ version: '8' }), 'a1 a2 b1 c d')
    assert.equal(stats.counts.get('fallback panic'), 60)
  })

  test('a list says what to ask for next', () => {
    const { asked } = balanced({ metadataFallback: 'list' })
    assert.equal(asked({ fallback_list: [{ version: '9' }, { version: '2' }, { version: '1' }] }), 'a2')
    assert.equal(asked({ stage: 'dev', fallback_list: [{ version: '2' }, { version: '1' }] }), 'b1')
    assert.equal(asked({ fallback_list: [{ version: '9' }] }), '-')
    assert.equal(asked({ version: '2', fallback_list: [] }), 'a2')
    assert.equal(
      balanced({}).asked({ fallback_list: [{ version: '2' }] }),
      '-',
      'an ordinary key where it is not asked for',
    )
  })
})

test('requests that ask for different subsets do not disturb each other’s turns', () => {
  const { picker } = balanced({ fallback: 'any' })
  const one = request(new SeededRandom(1), { version: '1' })
  const all = request(new SeededRandom(1))
  const picked = Array.from({ length: 20 }, () => {
    picker.pick(all)
    return picker.pick(one)?.address
  })
  assert.deepEqual(
    [picked.filter((each) => each === 'a1').length, picked.filter((each) => each === 'b1').length],
    [10, 10],
  )
})

test('ever new wishes do not pile up', () => {
  const { picker } = balanced({ fallback: 'any' })
  const random = new SeededRandom(1)
  for (let wish = 0; wish < 5_000; wish++) assert.ok(picker.pick(request(random, { version: `${wish + 10}` })))
})

test('localities weigh in subsets only where that is wanted, and as much as the subset has of them', () => {
  const X = { region: 'r', zone: 'x', subZone: '' }
  const Y = { region: 'r', zone: 'y', subZone: '' }
  const of = (zone: 'x' | 'y', at: number, version: string) =>
    placed(`${zone}${at}`, {
      metadata: { version },
      locality: zone === 'x' ? X : Y,
      localityWeight: zone === 'x' ? 10 : 30,
    })
  // of x all are version 1, of y a third
  const endpoints = [of('x', 1, '1'), of('x', 2, '1'), of('y', 1, '1'), of('y', 2, '2'), of('y', 3, '2')]
  const share = (changes: Partial<SubsetConfig>) => {
    const balancer = new ClusterBalancer(
      {
        loadBalancer: { kind: 'round-robin' },
        panicThresholdPercent: 50,
        localityLb: { kind: 'weighted' },
        subsets: { ...SUBSETS, ...changes },
      },
      { random: new SeededRandom(2), turn: { nowMs: 0 } },
      countedStats(),
    )
    return sumOf(countPicks(balancer.build(endpoints), 1_200, request(new SeededRandom(1), { version: '1' })), 'x')
  }
  const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) <= 2, `${actual}`)
  near(share({}), 800)
  near(share({ localityWeightAware: true }), 300)
  near(share({ localityWeightAware: true, scaleLocalityWeight: true }), 600)
})

describe('whatever the endpoints and the wish', () => {
  const value = fc.constantFrom('1', '2', 3)
  const metadata = fc.dictionary(fc.constantFrom('version', 'stage', 'other'), value, { maxKeys: 3 })

  test('who is picked has what was asked for, and is picked if there is one', () => {
    fc.assert(
      fc.property(fc.array(metadata, { maxLength: 8 }), metadata, (all, wanted) => {
        const endpoints = all.map((each, at) => placed(`e${at}`, { metadata: each }))
        const { asked } = balanced({}, endpoints)
        const isSelector = ['version', 'stage,version'].includes(Object.keys(wanted).sort().join())
        const fits = endpoints.filter((each) =>
          Object.entries(wanted).every(([key, wish]) => each.metadata[key] === wish),
        )
        const expected = isSelector && fits.length > 0 ? fits.map(({ address }) => address).sort() : ['-']
        assert.equal(asked(wanted), expected.join(' '))
      }),
    )
  })
})

test('beyond 1,024 ways to ask the choices are made anew, and that is counted', () => {
  const { asked, stats } = balanced({ fallback: 'any' })
  for (let n = 0; n < 1024; n++) asked({ version: `unknown ${n}` })
  assert.equal(stats.counts.get('forgotten'), undefined)
  assert.equal(asked({ version: '2' }), 'a2')
  assert.equal(stats.counts.get('forgotten'), 1024)
  assert.equal(asked({ version: '1' }), 'a1 b1')
  assert.equal(stats.counts.get('forgotten'), 1024)
})
