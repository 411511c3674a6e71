import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromBinary, fromJson, toBinary } from '@bufbuild/protobuf'
import { StructSchema } from '@bufbuild/protobuf/wkt'
import { Metadata } from '@meltemi/sdk'
import { encodePeerMetadata, hasProperty, tryDecodeBase64 } from './peer-metadata.ts'

function encode(metadata: Readonly<Record<string, unknown>>): string {
  return encodePeerMetadata({ id: 'id', cluster: '', metadata })
}

/** As protobuf reads it. */
function read(text: string): unknown {
  const { fields } = fromBinary(StructSchema, Buffer.from(text, 'base64'))
  return Object.fromEntries(Object.entries(fields).map(([key, { kind }]) => [key, kind.value]))
}

test('what is told is the known part of node.metadata, each with its kind', () => {
  const texts = {
    NAME: 'shop-1',
    NAMESPACE: 'market',
    OWNER: 'kubernetes://apis/apps/v1/namespaces/market/deployments/shop',
    WORKLOAD_NAME: 'shop',
    ISTIO_VERSION: '1.14.5',
    MESH_ID: 'mesh',
    CLUSTER_ID: 'east',
    APP_CONTAINERS: 'shop,log',
    INSTANCE_IPS: '10.0.0.7,fe80::7',
  }
  assert.deepEqual(read(encode({ ...texts, ENVOY_PROMETHEUS_PORT: 15090, SERVICE_ACCOUNT: 'shop' })), texts)
  assert.deepEqual(read(encode({ APP_CONTAINERS: ['shop', 'log'], NAME: 7, LABELS: 'none' })), {
    APP_CONTAINERS: 'shop,log',
  })
  const labels = fromBinary(StructSchema, Buffer.from(encode({ LABELS: { app: 'shop', odd: 1 } }), 'base64'))
  const { kind } = labels.fields['LABELS'] ?? {}
  assert.ok(kind?.case === 'structValue')
  assert.deepEqual(Object.keys(kind.value.fields ?? kind.value), ['app'])
})

test('the text does not depend on the order of the configuration', () => {
  const one = encode({ NAME: 'a', LABELS: { b: '1', a: '2' }, CLUSTER_ID: 'c' })
  assert.equal(encode({ CLUSTER_ID: 'c', LABELS: { a: '2', b: '1' }, NAME: 'a' }), one)
  const ordered = fromJson(StructSchema, { CLUSTER_ID: 'c', LABELS: { a: '2', b: '1' }, NAME: 'a' })
  assert.equal(one, Buffer.from(toBinary(StructSchema, ordered)).toString('base64'))
})

test('a proxy without metadata tells nothing', () => {
  assert.equal(encode({}), '')
})

test('Base64 is read with and without padding, and nothing else is', () => {
  for (const text of ['YQ', 'YQ=', 'YQ==']) assert.equal(tryDecodeBase64(text)?.toString(), 'a', text)
  assert.equal(tryDecodeBase64('YWJj')?.toString(), 'abc')
  for (const text of ['Y', 'YQ===', 'Y Q=', 'YQ-_', 'Y=Q=', 'YWJjZ', '\n'])
    assert.equal(tryDecodeBase64(text), undefined)
})

test('a property is found without its value', () => {
  const message = new Metadata()
  message.set('a', '1')
  assert.deepEqual(
    [hasProperty(message, 'a'), hasProperty(message, 'A'), hasProperty(new Metadata(), 'a')],
    [true, false, false],
  )
})
