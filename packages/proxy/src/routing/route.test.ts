import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RouteConfig } from '@meltemi/api'
import { Metadata } from '@meltemi/sdk'
import xxhash from 'xxhash-wasm'
import { Hash64 } from '../util/hash.ts'
import { SeededRandom } from '../util/random.ts'
import { CompiledRoute } from './route.ts'

const oracle = await xxhash()

function compile(parts: Partial<RouteConfig>): CompiledRoute {
  return new CompiledRoute({
    name: 'r',
    match: { metadata: [] },
    clusters: [{ cluster: 'c', weight: 1 }],
    hashPolicy: [],
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
    ...parts,
  })
}

function message(...pairs: readonly (readonly [string, string])[]): Metadata {
  const metadata = new Metadata()
  for (const [key, value] of pairs) metadata.set(key, value)
  return metadata
}

function hashOf(route: CompiledRoute, metadata: Metadata): bigint | undefined {
  const hash = new Hash64()
  hash.update('left over from another message')
  if (!route.hashOf(metadata, hash)) return undefined
  return (BigInt(hash.high) << 32n) | BigInt(hash.low)
}

test('clusters are chosen by weight: 20 and 80 over 10,000 within 1.6 points, and never one of weight 0', () => {
  const route = compile({
    clusters: [
      { cluster: 'v1', weight: 20 },
      { cluster: 'off', weight: 0 },
      { cluster: 'v2', weight: 80 },
    ],
  })
  const random = new SeededRandom(1)
  const counts = [0, 0, 0]
  for (let call = 0; call < 10_000; call++) counts[route.chooseCluster(random.next())]! += 1
  assert.ok(Math.abs(counts[0]! - 2_000) <= 160, counts.join())
  assert.equal(counts[1], 0)
  assert.deepEqual(route.clusters, ['v1', 'off', 'v2'])
})

test('both ends of the random number choose a cluster that has weight', () => {
  const route = compile({
    clusters: [
      { cluster: 'off', weight: 0 },
      { cluster: 'a', weight: 1 },
      { cluster: 'b', weight: 1 },
      { cluster: 'off too', weight: 0 },
    ],
  })
  assert.equal(route.clusters[route.chooseCluster(0)], 'a')
  assert.equal(route.clusters[route.chooseCluster(1 - Number.EPSILON)], 'b')
})

test('weights that add up to nothing, and no clusters at all, are refused', () => {
  assert.throws(() => compile({ clusters: [{ cluster: 'a', weight: 0 }] }), /add up to 0/)
  assert.throws(() => compile({ clusters: [] }), /add up to 0/)
})

test('one key hashes as XXH64 of its value', () => {
  assert.equal(hashOf(compile({ hashPolicy: ['user'] }), message(['user', 'ann'])), oracle.h64('ann'))
})

test('several keys hash as their values in sorted order, each with the last hash as its seed', () => {
  const expected = oracle.h64('zoe', oracle.h64('bob', oracle.h64('ann')))
  const policy = compile({ hashPolicy: ['first', 'second', 'third'] })
  assert.equal(hashOf(policy, message(['first', 'zoe'], ['second', 'ann'], ['third', 'bob'])), expected)
  assert.equal(hashOf(policy, message(['third', 'ann'], ['first', 'bob'], ['second', 'zoe'])), expected)
})

test('keys that are missing do not count, and without any of them there is no hash', () => {
  const policy = compile({ hashPolicy: ['user', 'session'] })
  assert.equal(hashOf(policy, message(['session', 's1'])), oracle.h64('s1'))
  assert.equal(hashOf(policy, message(['User', 'ann'])), undefined)
  assert.equal(hashOf(policy, message(['user', ''])), oracle.h64(''))
  assert.equal(hashOf(compile({}), message(['user', 'ann'])), undefined)
})

test('timeout, changes and mirrors are handed on as configured', () => {
  const parts = {
    timeoutMs: 0,
    requestMutation: [{ key: 'a', value: undefined }],
    responseMutation: [{ key: 'b', value: '1' }],
    mirrors: [{ cluster: 'm', numerator: 1, denominator: 100 as const }],
  }
  const route = compile(parts)
  assert.equal(route.timeoutMs, 0)
  assert.equal(route.requestChanges, parts.requestMutation)
  assert.equal(route.responseChanges, parts.responseMutation)
  assert.equal(route.mirrors, parts.mirrors)
})
