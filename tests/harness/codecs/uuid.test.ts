import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformance, decodeSample } from '@meltemi/sdk/testing'
import { uuidSamples } from './samples.ts'
import { uuid, uuidFrame } from './uuid.ts'

conformance(uuid, uuidSamples.samples)

test('a UUID is a 128-bit integer, a number exactly where that is safe', () => {
  for (const id of [0, 1, 2 ** 53 - 1, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 127n, 2n ** 128n - 1n]) {
    const bytes = uuidFrame({ id })
    assert.equal(decodeSample(uuid, { name: String(id), side: 'downstream', bytes })[0]!.requestId, id)
  }
})
