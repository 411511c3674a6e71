import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Affinity, MessageType, Metadata, Mutation, ResponseStatus } from './message.ts'

const pairsOf = (metadata: Metadata) =>
  Array.from({ length: metadata.size }, (_, n) => [metadata.key(n), metadata.value(n)])

test('new metadata says nothing but the type it was made with', () => {
  const metadata = new Metadata(MessageType.Response)
  assert.equal(metadata.type, MessageType.Response)
  assert.equal(new Metadata().type, MessageType.Request)
  assert.equal(metadata.status, ResponseStatus.Ok)
  assert.equal(metadata.affinity, Affinity.None)
  assert.equal(metadata.last, true)
  assert.equal(metadata.idempotent, undefined)
  assert.deepEqual([metadata.requestId, metadata.streamId, metadata.timeoutMs, metadata.size], [0, 0, 0, 0])
  assert.equal(metadata.get('a'), undefined)
  assert.equal(metadata.find('a'), undefined)
  metadata.delete('a')
})

test('pairs are replaced in place, deleted, and listed in the order they were added', () => {
  const metadata = new Metadata()
  metadata.message = Buffer.from('..slice')
  metadata.set('a', '1')
  metadata.setSlice('b', 2, 7)
  metadata.set('c', '3')
  assert.deepEqual(pairsOf(metadata), [
    ['a', '1'],
    ['b', 'slice'],
    ['c', '3'],
  ])
  metadata.setSlice('a', 2, 3)
  metadata.set('b', 'text')
  metadata.delete('c')
  metadata.delete('absent')
  assert.deepEqual(pairsOf(metadata), [
    ['a', 's'],
    ['b', 'text'],
  ])
})

test('a slice is read as UTF-8 when first asked for, once', () => {
  const metadata = new Metadata()
  metadata.setSlice('city', 1, 8)
  metadata.setSlice('empty', 3, 3)
  metadata.message = Buffer.from('xZürich!')
  assert.equal(metadata.get('city'), 'Zürich')
  assert.equal(metadata.get('empty'), '')
  metadata.message = Buffer.alloc(0)
  assert.equal(metadata.find('city'), 'Zürich')
  assert.equal(metadata.value(0), 'Zürich')
})

test('get looks for exactly a key, find for a key in any case, of which the one added last wins', () => {
  const metadata = new Metadata()
  metadata.set('User-Id', 'first')
  metadata.set('user-id', 'second')
  metadata.set('USER', 'other')
  assert.equal(metadata.get('User-Id'), 'first')
  assert.equal(metadata.get('USER-ID'), undefined)
  assert.equal(metadata.find('user-id'), 'second')
  assert.equal(metadata.find('user'), 'other')
  assert.equal(metadata.find('use'), undefined)
})

test('metadata keeps the shape it was made with', () => {
  const filled = new Metadata()
  filled.requestId = 2n ** 64n
  filled.detail = { at: 3 }
  filled.idempotent = true
  filled.set('a', '1')
  assert.deepEqual(Object.keys(filled), Object.keys(new Metadata()))
})

test('a mutation is ordered by key whatever the order of its changes, and the last change of a key counts', () => {
  const mutation = new Mutation()
  mutation.set('b', '1')
  mutation.set('c', undefined)
  mutation.set('a', '2')
  mutation.set('b', '3')
  assert.deepEqual(
    Array.from({ length: mutation.size }, (_, n) => [mutation.key(n), mutation.value(n)]),
    [
      ['a', '2'],
      ['b', '3'],
      ['c', undefined],
    ],
  )
})

test('the empty mutation is shared and cannot be changed', () => {
  assert.equal(Mutation.none.size, 0)
  assert.throws(() => Mutation.none.set('a', '1'), TypeError)
  assert.equal(Mutation.none.size, 0)
})
