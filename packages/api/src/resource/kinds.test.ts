import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiVersionOf, findKind, KINDS, kindOf } from './kinds.ts'

test('a kind is found by each of its names, without case', () => {
  for (const name of ['MetaRouter', 'metarouter', 'metarouters', 'mr', 'METAROUTERS'])
    assert.equal(findKind(name)?.kind, 'MetaRouter', name)
  assert.equal(findKind('svc')?.kind, 'Service')
  assert.equal(findKind('virtualservice'), undefined)
})

test('no name means two kinds', () => {
  const names = KINDS.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...shortNames])
  assert.equal(new Set(names).size, names.length)
})

test('groups, versions and scopes are those of the definitions', () => {
  const all = KINDS.map((kind) => [
    kind.kind,
    kind.isNamespaced,
    ...kind.versions.map((each) => apiVersionOf(kind, each)),
  ])
  const istio = ['v1alpha3', 'v1beta1', 'v1'].map((version) => `networking.istio.io/${version}`)
  assert.deepEqual(all, [
    ['DubboAuthorizationPolicy', true, 'dubbo.aeraki.io/v1alpha1'],
    ['ApplicationProtocol', false, 'metaprotocol.aeraki.io/v1alpha1'],
    ['MetaAuthorizationPolicy', true, 'metaprotocol.aeraki.io/v1alpha1'],
    ['MetaRouter', true, 'metaprotocol.aeraki.io/v1alpha1'],
    ['RedisDestination', true, 'redis.aeraki.io/v1alpha1'],
    ['RedisService', true, 'redis.aeraki.io/v1alpha1'],
    ['DestinationRule', true, ...istio],
    ['ServiceEntry', true, ...istio],
    ['WorkloadEntry', true, ...istio],
    ['EndpointSlice', true, 'discovery.k8s.io/v1'],
    ['Service', true, 'v1'],
  ])
  assert.equal(kindOf('Service').plural, 'services')
})
