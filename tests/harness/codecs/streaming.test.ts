import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, MessageType, Mutation, ProtocolError } from '@meltemi/sdk'
import { conformance, decodeSample, feed } from '@meltemi/sdk/testing'
import { streamingSamples } from './samples.ts'
import { StreamingFlag, streaming, streamingFrame } from './streaming.ts'

conformance(streaming, streamingSamples.samples)

test('all nine message types are told apart', () => {
  const types = streamingSamples.samples.flatMap((sample) => decodeSample(streaming, sample)).map(({ type }) => type)
  assert.deepEqual([...new Set(types)].sort(), Object.values(MessageType))
})

test('a type that cannot come from this side is refused', () => {
  for (const [side, type] of [
    ['downstream', MessageType.Response],
    ['downstream', MessageType.Error],
    ['upstream', MessageType.Request],
    ['upstream', MessageType.Oneway],
    ['upstream', MessageType.StreamInit],
    ['downstream', 9 as MessageType],
  ] as const) {
    const bytes = streamingFrame({ type, id: 1 })
    assert.throws(() => feed(streaming, { name: 'misplaced', side, bytes }, [bytes]), ProtocolError)
  }
})

test('every part of a reply but the last says that more follow', () => {
  const sample = streamingSamples.samples.find(({ name }) => name === 'reply in two parts')!
  assert.deepEqual(
    decodeSample(streaming, sample).map(({ last }) => last),
    [false, true],
  )
})

test('a lowered timeout is written', () => {
  const bytes = streamingFrame({ type: MessageType.Request, id: 1, timeoutMs: 1500, body: 'b' })
  const [request] = decodeSample(streaming, { name: 'request', side: 'downstream', bytes })
  assert.equal(request!.timeoutMs, 1500)
  request!.timeoutMs = 700
  const out = new ByteWriter()
  streaming.create('upstream', undefined).encode(request!, Mutation.none, out)
  assert.deepEqual(
    Buffer.concat(out.flush()),
    streamingFrame({ type: MessageType.Request, id: 1, timeoutMs: 700, body: 'b' }),
  )
})

test('go away is a message that a client can tell from others', () => {
  const bytes = streamingFrame({ type: MessageType.Heartbeat, id: 0, flags: StreamingFlag.GoAway })
  assert.equal(decodeSample(streaming, { name: 'go away', side: 'upstream', bytes })[0]!.get('go-away'), '1')
})

test('a stream id that the framework cannot work with is refused', () => {
  for (const stream of [0, 0x80000000, 0xffffffff]) {
    const bytes = streamingFrame({ type: MessageType.StreamData, id: 1, stream })
    assert.throws(() => feed(streaming, { name: 'stream', side: 'downstream', bytes }, [bytes]), ProtocolError)
  }
})
