import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from '@meltemi/sdk'
import { conformance, decodeSample, feed } from '@meltemi/sdk/testing'
import { checksummed, checksummedFrame } from './checksummed.ts'
import { checksummedSamples } from './samples.ts'

conformance(checksummed, checksummedSamples.samples)

test('any changed byte is refused or waited for, never decoded', () => {
  const right = checksummedFrame({ id: 77, body: 'abc' })
  for (let at = 0; at < right.length; at++) {
    const bytes = Buffer.from(right)
    bytes[at]! ^= 0x01
    const sample = { name: `byte ${at} changed`, side: 'downstream' as const, bytes }
    try {
      assert.deepEqual(feed(checksummed, sample, [bytes]), [], sample.name)
    } catch (error: unknown) {
      assert.ok(error instanceof ProtocolError, sample.name)
    }
  }
})

test('an id inside a checksum cannot be patched: patchIds says so, and encode computes it anew', () => {
  const bytes = checksummedFrame({ id: 77, body: 'abc' })
  const codec = checksummed.create('downstream', undefined)
  assert.equal(codec.patchIds?.(Buffer.from(bytes), 0, 5, 0), false)
  assert.equal(decodeSample(checksummed, { name: 'own', side: 'downstream', bytes })[0]!.requestId, 77)
})
