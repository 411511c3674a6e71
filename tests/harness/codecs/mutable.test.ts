import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, Mutation, ProtocolError } from '@meltemi/sdk'
import { conformance, decodeSample, feed } from '@meltemi/sdk/testing'
import { codecs } from './index.ts'
import { mutable, mutableFrame } from './mutable.ts'
import { mutableSamples } from './samples.ts'

conformance(mutable, mutableSamples.samples)

const decode = (side: 'downstream' | 'upstream', bytes: Buffer) =>
  decodeSample(mutable, { name: 'pairs', side, bytes })[0]!

test('a mutation adds, changes and removes pairs in requests and in responses, and the rest stays', () => {
  for (const side of ['downstream', 'upstream'] as const) {
    const message = decode(side, mutableFrame({ id: 7, pairs: { a: '1', b: '2', c: '3' }, body: 'body' }))
    const mutation = new Mutation()
    mutation.set('new', 'wörld')
    mutation.set('b', 'changed')
    mutation.set('c', undefined)
    mutation.set('absent', undefined)
    const out = new ByteWriter()
    mutable.create(side, undefined).encode(message, mutation, out)
    const expected = mutableFrame({ id: 7, pairs: { a: '1', b: 'changed', new: 'wörld' }, body: 'body' })
    assert.deepEqual(Buffer.concat(out.flush()), expected)
  }
})

test('what filters know of a message does not leak into it', () => {
  const bytes = mutableFrame({ id: 7, pairs: { a: '1' } })
  const message = decode('downstream', bytes)
  message.set('a', 'another')
  message.set('internal', 'secret')
  const out = new ByteWriter()
  mutable.create('upstream', undefined).encode(message, Mutation.none, out)
  assert.deepEqual(Buffer.concat(out.flush()), bytes)
})

test('a lowered timeout is written into its pair', () => {
  const message = decode('downstream', mutableFrame({ id: 7, pairs: { 'timeout-ms': '900' } }))
  assert.equal(message.timeoutMs, 900)
  message.timeoutMs = 40
  const out = new ByteWriter()
  mutable.create('upstream', undefined).encode(message, Mutation.none, out)
  assert.deepEqual(Buffer.concat(out.flush()), mutableFrame({ id: 7, pairs: { 'timeout-ms': '40' } }))
})

test('pairs that reach beyond their header are refused', () => {
  for (const pairs of ['ff6162', '016100', '0161000561', '01610002616200']) {
    const inner = Buffer.from(pairs, 'hex')
    const bytes = Buffer.concat([mutableFrame({ id: 1 }), inner])
    bytes.writeUInt32BE(bytes.length, 0)
    bytes.writeUInt16BE(inner.length, 9)
    assert.throws(() => feed(mutable, { name: pairs, side: 'downstream', bytes }, [bytes]), ProtocolError, pairs)
  }
})

test('only a codec that can change its protocol says so', () => {
  const changing = codecs.filter(({ mutation }) => mutation !== undefined).map(({ name }) => name)
  assert.deepEqual(changing, ['meltemi.test.mutable'])
})
