import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSlice, PlacedResource } from '@meltemi/api'
import { kindOf } from '@meltemi/api'
import { type ApiObject, toResource } from './api-object.ts'
import { PodLabels } from './pod-labels.ts'

function slice(...pods: readonly string[]): PlacedResource {
  const endpoints = pods.map((name) => ({ addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name } }))
  const object = { metadata: { name: 's', namespace: 'n' }, addressType: 'IPv4', endpoints }
  return toResource(kindOf('EndpointSlice'), 'v1', object as ApiObject)
}

function pod(name: string, version: string): ApiObject {
  return { metadata: { name, namespace: 'n', labels: { version } } }
}

function labelsOf(placed: PlacedResource | undefined): readonly unknown[] {
  assert.ok(placed)
  return (placed.resource as EndpointSlice).endpoints.map(({ labels }) => labels)
}

test('workloads have the labels of their pods, whichever of both is known first', () => {
  const pods = new PodLabels()
  assert.deepEqual(pods.set(pod('a', '1')), [])
  assert.deepEqual(labelsOf(pods.label(slice('a', 'b'))), [{ version: '1' }, undefined])
  assert.deepEqual(labelsOf(pods.set(pod('b', '2'))[0]), [{ version: '1' }, { version: '2' }])
})

test('only what is different is told again', () => {
  const pods = new PodLabels()
  pods.label(slice('a'))
  assert.equal(pods.set(pod('a', '1')).length, 1)
  assert.equal(pods.set(pod('a', '1')).length, 0)
  assert.equal(pods.set(pod('b', '1')).length, 0)
  assert.deepEqual(labelsOf(pods.delete('n/a')[0]), [undefined])
  pods.forgetSlice(slice().key)
  assert.equal(pods.set(pod('a', '2')).length, 0)
})

test('a list of pods is all there is', () => {
  const pods = new PodLabels()
  pods.label(slice('a', 'b'))
  pods.set(pod('a', '1'))
  assert.deepEqual(labelsOf(pods.replace([pod('b', '2')])[0]), [undefined, { version: '2' }])
})
