import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeCluster, encodeEndpoints, encodeRoutes } from '@meltemi/api/encode'
import { RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import type { HeldType } from './held-resources.ts'
import type { SentResource, SentResponse } from './sent-response.ts'
import { type TakingRules, takeResponse } from './take-response.ts'
import { bootstrap, endpoints, staticCluster, table } from './testing/configs.ts'

const GARBAGE = Uint8Array.of(0xff, 0xff)
const NOTHING: HeldType = { version: '', resources: new Map() }
const RULES: TakingRules = {
  context: {
    options: {},
    sources: { hasAds: true, staticClusters: new Set(bootstrap().clusters.map(({ name }) => name)) },
    connectionLimits: new Map(),
  },
  names: [],
  allowsOthers: true,
  nameFault: (_, name) => (name === 'xds' ? 'came with the bootstrap and cannot be changed' : undefined),
}

function sent(type: ResourceType, name: string, body: Uint8Array, changes: Partial<SentResource> = {}): SentResource {
  return { name, version: '1', typeUrl: RESOURCE_TYPES[type], body, hasTtl: false, ...changes }
}

function clusters(isDelta: boolean, ...names: readonly string[]): SentResponse {
  const resources = names.map((name) => {
    return sent('cluster', isDelta ? name : '', encodeCluster(staticCluster(name, [1])))
  })
  return { type: 'cluster', isDelta, version: 'v1', nonce: '1', resources, removed: [] }
}

function namesOf({ resources }: HeldType): readonly string[] {
  return [...resources.keys()].toSorted()
}

describe('a state-of-the-world response', () => {
  test('of clusters holds all there are', () => {
    const first = takeResponse(clusters(false, 'a', 'b'), NOTHING, RULES)
    assert.deepEqual([namesOf(first.held), first.changed, first.faults], [['a', 'b'], ['a', 'b'], []])
    const second = takeResponse(clusters(false, 'b', 'c'), first.held, RULES)
    assert.deepEqual(
      [namesOf(second.held), second.changed],
      [
        ['b', 'c'],
        ['c', 'a'],
      ],
    )
  })

  test('with the same bytes gives the same objects', () => {
    const first = takeResponse(clusters(false, 'a'), NOTHING, RULES)
    const second = takeResponse(clusters(false, 'a'), first.held, RULES)
    assert.equal(second.held.resources.get('a')?.value, first.held.resources.get('a')?.value)
    assert.deepEqual(second.changed, [])
  })

  test('of endpoints adds to what is held', () => {
    const rules = { ...RULES, names: ['a', 'b'] }
    const one = (name: string): SentResponse => ({
      ...clusters(false),
      type: 'endpoint',
      resources: [sent('endpoint', '', encodeEndpoints({ cluster: name, endpoints: endpoints(1) }))],
    })
    const first = takeResponse(one('a'), NOTHING, rules)
    const second = takeResponse(one('b'), first.held, rules)
    assert.deepEqual([namesOf(second.held), second.changed], [['a', 'b'], ['b']])
    assert.deepEqual(namesOf(takeResponse(one('c'), first.held, rules).held), ['a'])
  })
})

describe('a delta response', () => {
  test('adds, changes and removes', () => {
    const first = takeResponse(clusters(true, 'a', 'b'), NOTHING, RULES)
    const second = takeResponse({ ...clusters(true, 'c'), removed: ['a', 'x'] }, first.held, RULES)
    assert.deepEqual(
      [namesOf(second.held), second.changed],
      [
        ['b', 'c'],
        ['c', 'a'],
      ],
    )
  })

  test('keeps what is good beside what is not', () => {
    const resources = [...clusters(true, 'a').resources, sent('cluster', 'bad', GARBAGE)]
    const { held, faults } = takeResponse({ ...clusters(true), resources }, NOTHING, RULES)
    assert.deepEqual(namesOf(held), ['a'])
    assert.equal(faults.length, 1)
    assert.match(faults[0] ?? '', /^cluster "bad": cannot be read as envoy\.config\.cluster\.v3\.Cluster: /)
  })

  test('does not take endpoints or routes away: it says that there will be none', () => {
    const rules = { ...RULES, names: ['a'] }
    const resources = [sent('endpoint', 'a', encodeEndpoints({ cluster: 'a', endpoints: endpoints(1) }))]
    const first = takeResponse({ ...clusters(true), type: 'endpoint', resources }, NOTHING, rules)
    const second = takeResponse({ ...clusters(true), type: 'endpoint', removed: ['a'] }, first.held, rules)
    assert.deepEqual([namesOf(second.held), second.changed, second.absent], [['a'], [], ['a']])
  })
})

describe('what is refused', () => {
  const faultsOf = (resources: readonly SentResource[], isDelta = true) =>
    takeResponse({ ...clusters(isDelta), resources }, NOTHING, RULES).faults
  const good = encodeCluster(staticCluster('a', [1]))

  test('a resource of another type', () => {
    const typeUrl = RESOURCE_TYPES.listener
    assert.deepEqual(faultsOf([sent('cluster', 'a', good, { typeUrl })]), [
      `cluster "a": expected a ${RESOURCE_TYPES.cluster}, got a ${typeUrl}`,
    ])
  })

  test('a name that is another one inside', () => {
    assert.deepEqual(faultsOf([sent('cluster', 'b', good)]), ['cluster "b": is called "a" inside'])
  })

  test('a name that is there twice', () => {
    assert.deepEqual(faultsOf([sent('cluster', '', good), sent('cluster', '', good)], false), [
      'cluster "a" is there twice',
    ])
  })

  test('a name of the bootstrap', () => {
    assert.deepEqual(faultsOf([sent('cluster', 'xds', encodeCluster(staticCluster('xds', [1])))]), [
      'cluster "xds": came with the bootstrap and cannot be changed',
    ])
  })

  test('a resource for a while only', () => {
    assert.deepEqual(faultsOf([sent('cluster', 'a', good, { hasTtl: true })]), [
      'cluster "a": a resource with a time to live is not supported yet',
    ])
  })

  test('everything that is wrong with a resource is told', () => {
    const loadBalancer = { kind: 'maglev', tableSize: 4, useHostname: false } as const
    const bad = encodeCluster({ ...staticCluster('a', [0]), loadBalancer })
    assert.deepEqual(faultsOf([sent('cluster', 'a', bad)]), [
      'cluster "a": load_assignment.endpoints[0].lb_endpoints[0].endpoint.address: the port of an endpoint must be more than 0',
      'cluster "a": maglev_lb_config.table_size: must be a prime number, got 4',
    ])
  })
})

describe('routes over a service of their own, as the reference has them', () => {
  const rules = { ...RULES, names: ['r'], allowsOthers: false }
  const response = (...names: readonly string[]): SentResponse => ({
    ...clusters(false),
    type: 'route',
    resources: names.map((name) => sent('route', '', encodeRoutes(table(name, 'a')))),
  })

  test('are taken by their name', () => {
    const { held, faults } = takeResponse(response('r'), NOTHING, rules)
    assert.deepEqual([namesOf(held), faults], [['r'], []])
  })

  test('are refused when there are none, too many, or others', () => {
    const faults = (...names: readonly string[]) => takeResponse(response(...names), NOTHING, rules).faults
    assert.deepEqual(faults(), ['Invalid update size'])
    assert.deepEqual(faults('r', 's'), ['Unexpected RDS resource length: 2'])
    assert.deepEqual(faults('s'), ['Unexpected RDS configuration (expecting r): s'])
    assert.deepEqual(takeResponse(response(), NOTHING, rules).absent, ['r'])
  })

  test('that others asked for are passed over on a stream for everything', () => {
    const { held, faults } = takeResponse(response('r', 's'), NOTHING, { ...rules, allowsOthers: true })
    assert.deepEqual([namesOf(held), faults], [['r'], []])
  })
})
