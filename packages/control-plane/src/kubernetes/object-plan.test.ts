import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type EnvoyFilter, MANAGER_LABELS, patchTcpProxy } from '../translate/envoy-filters/envoy-filter.ts'
import { isNameOf } from '../translate/envoy-filters/filter-names.ts'
import { type ObjectPlan, planObjects, type StoredObject } from './object-plan.ts'
import { hostOfGatewayFilter, hostOfVirtualService, isOfSidecars } from './stale-objects.ts'

function filter(name: string, statPrefix = 'x', namespace = 'istio-system'): EnvoyFilter {
  return {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name, namespace, labels: MANAGER_LABELS },
    spec: { configPatches: [patchTcpProxy('metaprotocol', { listener: '10.0.0.1_80' }, { statPrefix })] },
  }
}

function plan(stored: readonly StoredObject[], wanted: readonly EnvoyFilter[], isKept = (_: string) => false) {
  return shown(planObjects({ stored, wanted, isStale: (old) => isOfSidecars(old) && !isKept(old.metadata.name) }))
}

function shown({ create, update, delete: gone }: ObjectPlan<EnvoyFilter>) {
  const name = ({ metadata }: StoredObject) => `${metadata.namespace}/${metadata.name.replace('aeraki-outbound-', '')}`
  return { create: create.map(name), update: update.map(({ stored }) => name(stored)), delete: gone.map(name) }
}

const NOTHING = { create: [], update: [], delete: [] }

describe('a plan', () => {
  test('has what is missing, what is different and what is stale, by namespace and name', () => {
    const [a, b, c] = [filter('aeraki-outbound-a-1'), filter('aeraki-outbound-b-1'), filter('aeraki-outbound-c-1')]
    const elsewhere = filter('aeraki-outbound-a-1', 'x', 'shop')
    assert.deepEqual(plan([a, b, c], [a, filter('aeraki-outbound-b-1', 'y'), elsewhere]), {
      create: ['shop/a-1'],
      update: ['istio-system/b-1'],
      delete: ['istio-system/c-1'],
    })
  })

  test('has nothing when all is as it should be, in whichever order fields come back', () => {
    const wanted = filter('aeraki-outbound-a-1')
    const [patch] = wanted.spec.configPatches
    const stored = { ...wanted, spec: { configPatches: [Object.fromEntries(Object.entries(patch ?? {}).reverse())] } }
    assert.deepEqual(plan([stored], [wanted]), NOTHING)
  })

  test('leaves alone what is kept', () => {
    const isKept = (name: string) => isNameOf(name, 'a.shop', 80)
    const old = ['aeraki-outbound-a.shop-10.0.0.1-80', 'aeraki-outbound-a.shop-10.0.0.1-81', 'aeraki-inbound-a.shop-80']
    assert.deepEqual(
      plan(
        old.map((name) => filter(name)),
        [],
        isKept,
      ).delete,
      ['istio-system/a.shop-10.0.0.1-81'],
    )
  })

  test('leaves alone filters of gateways and of the protocols that Envoy has by itself', () => {
    const named = (name: string, value: string): StoredObject => ({
      ...filter(name),
      spec: { configPatches: [{ patch: { value: { name: value } } }] },
    })
    const others = [
      named('aeraki-gateway-outbound-gateway.shop-80', 'envoy.filters.network.meta_protocol_proxy'),
      named('aeraki-gateway-outbound-gateway.shop-6379', 'envoy.filters.network.redis_proxy'),
      named('aeraki-outbound-mongo-10.0.0.1-27017', 'envoy.filters.network.mongo_proxy'),
      { ...filter('aeraki-outbound-empty-1'), spec: undefined },
      { ...filter('aeraki-outbound-odd-1'), spec: { configPatches: [null] } },
    ]
    assert.deepEqual(plan(others, []), NOTHING)
  })
})

describe('a filter of Redis', () => {
  const redis = { patch: { operation: 'REPLACE', value: { name: 'envoy.filters.network.redis_proxy' } } }
  const cluster = (operation: string, rest: object, name = 'outbound|6379||gone.shop') => ({
    applyTo: 'CLUSTER',
    ...(operation === 'REMOVE' ? { match: { cluster: { name } } } : {}),
    patch: { operation, ...rest },
  })
  const added = cluster('ADD', { value: { name: 'outbound|6379||gone.shop' } })
  const named = (...configPatches: readonly object[]): StoredObject => ({
    ...filter('aeraki-outbound-gone.shop-10.0.0.1-6379'),
    spec: { configPatches },
  })

  test('goes with the cluster beside it', () => {
    for (const old of [named(redis), named(redis, cluster('REMOVE', {}), added)])
      assert.deepEqual(plan([old], []).delete, ['istio-system/gone.shop-10.0.0.1-6379'])
  })

  test('is of somebody else when anything else is in it', () => {
    const strangers = [
      named(cluster('REMOVE', {}), added),
      named(redis, cluster('REMOVE', {}, 'xds-grpc')),
      named(redis, cluster('ADD', {})),
      named(redis, { applyTo: 'LISTENER', patch: { operation: 'ADD', value: { name: 'outbound|1||x' } } }),
    ]
    for (const old of strangers) assert.deepEqual(plan([old], []), NOTHING)
  })
})

describe('an object for gateways', () => {
  const named = (name: string, spec: unknown): StoredObject => ({ metadata: { name, namespace: 'shop' }, spec })
  const filterOf = (name: string, value: object) => named(name, { configPatches: [{ patch: { value } }] })
  const ours = 'envoy.filters.network.meta_protocol_proxy'
  const value = { rds: { routeConfigName: 'a.shop_9090' } }

  test('is known by label, name and filter, and says which service it is for', () => {
    const name = 'aeraki-gateway-outbound-gateway.shop-9090'
    assert.equal(hostOfGatewayFilter(filterOf(name, { name: ours, typed_config: { value } })), 'a.shop')
    assert.equal(hostOfGatewayFilter(filterOf(name, { name: ours })), '', 'nobody knows for which')
    assert.equal(hostOfVirtualService(named('aeraki-vs-shop.gateway-9090', { hosts: ['a.shop'] })), 'a.shop')
    assert.equal(hostOfVirtualService(named('aeraki-vs-shop.gateway-9090', undefined)), '')
  })

  test('is of somebody else otherwise', () => {
    assert.equal(hostOfGatewayFilter(filterOf('aeraki-gateway-outbound-x', { name: 'redis' })), undefined)
    assert.equal(hostOfGatewayFilter(filterOf('aeraki-outbound-x', { name: ours })), undefined)
    assert.equal(hostOfVirtualService(named('aeraki', { hosts: ['a.shop'] })), undefined)
  })
})
