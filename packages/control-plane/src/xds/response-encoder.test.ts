import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, fromBinary } from '@bufbuild/protobuf'
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
  RESOURCE_TYPES,
  type ResourceType,
} from '@meltemi/api/xds'
import { ResponseEncoder } from './response-encoder.ts'
import { testResource } from './testing/snapshots.ts'

const TYPE: ResourceType = 'endpoint'
const typeUrl = RESOURCE_TYPES[TYPE]
const controlPlane = { identifier: 'meltemi' }
const resources = [testResource(TYPE, 'a', '1'), testResource(TYPE, 'b', '2')]
const parts = { type: TYPE, version: 'v', nonce: 'n', resources }

test('a response put together is the same as one that is made whole', () => {
  const encoder = new ResponseEncoder()
  const whole = create(DiscoveryResponseSchema, {
    versionInfo: 'v',
    nonce: 'n',
    typeUrl,
    controlPlane,
    resources: resources.map(({ value }) => ({ typeUrl, value })),
  })
  // Twice, as the second is made of what the first has left.
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(plain(fromBinary(DiscoveryResponseSchema, encoder.sotw(parts))), plain(whole))
  }
})

test('so is an incremental one', () => {
  const encoder = new ResponseEncoder()
  const whole = create(DeltaDiscoveryResponseSchema, {
    systemVersionInfo: 'v',
    nonce: 'n',
    typeUrl,
    controlPlane,
    resources: resources.map(({ name, version, value }) => ({ name, version, resource: { typeUrl, value } })),
    removedResources: ['c'],
  })
  for (let round = 0; round < 2; round++) {
    const bytes = encoder.delta({ ...parts, removed: ['c'] })
    assert.deepEqual(plain(fromBinary(DeltaDiscoveryResponseSchema, bytes)), plain(whole))
  }
})

/** Whether bytes are a Buffer makes no difference. */
function plain(message: object): unknown {
  return JSON.parse(JSON.stringify(message, (_, value) => (value?.type === 'Buffer' ? [...value.data] : value)))
}
