import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CodecDefinition } from '../../codec.ts'
import { DecodeStatus, type Metadata, ProtocolError, type ReceiveBuffer } from '../../index.ts'
import { Draft } from './draft.ts'
import { type FuzzInput, inputOf } from './fuzz-input.ts'
import { learnLayout } from './learn-layout.ts'
import { readConnection } from './read-connection.ts'

/** | u8 magic 7e | u16 words behind the id, 4 bytes each, little-endian | u32 id | u8 name length | name | body … | */
const definition: CodecDefinition = {
  name: 'words',
  contract: 1,
  correlation: 'id',
  create: () => ({ decode, encode: () => {}, onError: () => {} }),
}

function decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
  if (!buffer.has(7)) return DecodeStatus.WaitForData
  if (buffer.u8(0) !== 0x7e) throw new ProtocolError('no magic')
  const size = 7 + 4 * buffer.u16le(1)
  if (!buffer.has(size)) return DecodeStatus.WaitForData
  metadata.requestId = buffer.u32(3)
  metadata.message = buffer.take(size)
  const nameEnd = 8 + metadata.message.readUInt8(7)
  if (nameEnd > size) throw new ProtocolError('no room for the name')
  metadata.setSlice('name', 8, nameEnd)
  metadata.headerSize = nameEnd
  metadata.bodySize = size - nameEnd
  return DecodeStatus.Done
}

/** Two messages, the second one with the name `ab` and the body 1, 2, 3, 4, 5. */
const two = Buffer.from('7e 0100 00000001 01 78 0000  7e 0200 0000002a 02 6162 0102030405'.replaceAll(' ', ''), 'hex')

function learned(): FuzzInput {
  const input = inputOf({ name: 'two', side: 'downstream', bytes: two })
  return { ...input, layout: learnLayout(definition, input) }
}

function read(bytes: Buffer): Metadata[] {
  const { messages, left } = readConnection(definition, learned(), [Buffer.from(bytes)])
  assert.equal(left, 0)
  return messages
}

test('numbers are where the codec reads them, in its order of bytes, whether from the buffer or the message', () => {
  const { numbers } = learned().layout
  const second = numbers.filter(({ at }) => at >= 11).map(({ at, bytes, isLittle }) => [at, bytes, isLittle])
  assert.deepEqual(
    second.toSorted(([a], [b]) => Number(a) - Number(b)),
    [
      [11, 1, false],
      [12, 2, true],
      [14, 4, false],
      [18, 1, false],
    ],
  )
})

test('what a number means is found out by changing it', () => {
  const roles = Object.fromEntries(
    learned().layout.numbers.map(({ at, role, unit, reach }) => [at, [role, unit, reach]] as const),
  )
  assert.deepEqual(roles[0], ['fixed', 0, 0])
  assert.deepEqual(roles[1], ['length', 4, 11])
  assert.deepEqual(roles[14], ['id', 0, 0])
  assert.deepEqual(roles[18], ['length', 1, 21])
})

test('texts are the slices that are named, messages are those that were taken', () => {
  const { texts, messages } = learned().layout
  assert.ok(texts.some(({ start, end }) => start === 19 && end === 21))
  assert.deepEqual(messages, [
    { start: 0, end: 11 },
    { start: 11, end: 26 },
  ])
})

test('lengths follow what is inserted and removed within them, where they can', () => {
  const draft = new Draft(learned())
  draft.replace({ start: 20, end: 20 }, Buffer.from('four'), true)
  assert.deepEqual(
    read(draft.bytes).map((message) => message.get('name')),
    ['x', 'afourb'],
  )
  draft.replace({ start: 19, end: 23 }, Buffer.alloc(0), true)
  assert.deepEqual(
    read(draft.bytes).map((message) => message.get('name')),
    ['x', 'rb'],
  )
  // three bytes are no whole words: the length of the message stays, that of the name follows
  draft.replace({ start: 19, end: 19 }, Buffer.from('abc'), true)
  assert.equal(draft.bytes.readUInt16LE(12), 2)
  assert.equal(draft.bytes.readUInt8(18), 5)
})

test('what lies behind a change is found in its new place', () => {
  const draft = new Draft(learned())
  draft.replace({ start: 9, end: 9 }, Buffer.alloc(4), true)
  const length = draft.layout.numbers.find(({ at }) => at === 16)!
  assert.deepEqual([length.role, length.bytes, length.reach], ['length', 2, 30])
  assert.equal(draft.get(length), 2n)
  assert.deepEqual(draft.layout.messages[1], { start: 15, end: 30 })
  assert.equal(read(draft.bytes)[1]!.get('name'), 'ab')
})
