import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workloadLocality } from './locality.ts'

const REGION = 'topology.kubernetes.io/region'
const ZONE = 'topology.kubernetes.io/zone'
const SUBZONE = 'topology.istio.io/subzone'

const shown = (...given: Parameters<typeof workloadLocality>) => {
  const locality = workloadLocality(...given)
  return locality === undefined ? '-' : `${locality.region}/${locality.zone}/${locality.subZone}`
}

test('a workload is where Istio’s label says, or its own word, or the labels of its node', () => {
  const labels = { [REGION]: 'r', [ZONE]: 'z', [SUBZONE]: 's' }
  assert.equal(shown({ ...labels, 'istio-locality': 'a.b.c' }, { path: 'x/y' }), 'a/b/c')
  assert.equal(shown({ 'istio-locality': 'eu.1/b' }, {}), 'eu.1/b/')
  assert.equal(shown(labels, { path: 'x/y' }), 'x/y/')
  assert.equal(shown(labels, {}), 'r/z/s')
  assert.equal(shown({ [REGION]: 'r' }, { zone: 'own' }), 'r/own/')
  assert.equal(shown({}, { zone: 'own' }), '/own/')
})

test('where nobody says it is nowhere', () => {
  assert.equal(shown({}, {}), '-')
  assert.equal(shown({ 'istio-locality': '' }, { path: '', zone: null }), '-')
})
