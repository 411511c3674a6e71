import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageType } from '@meltemi/sdk'
import { type Inspected, inspectTalk } from './testing/inspect-bytes.ts'
import { line, lineCodec, reply, request } from './testing/line-codec.ts'
import { Talk } from './testing/talk.ts'

type Step = readonly ['client' | 'server', Buffer]

function inspect(correlation: 'id' | 'order', steps: readonly Step[]): Promise<Inspected> {
  const talk = new Talk().open()
  for (const [from, bytes] of steps) talk.send(from, bytes)
  return inspectTalk(talk.close(), { definition: lineCodec(correlation) })
}

/** `kind outcome: texts of the messages`, requests with >, replies with <. */
function texts({ exchanges }: Inspected): string[] {
  return exchanges.map(({ kind, outcome, messages }) => {
    const all = messages.map(
      (message: { side: string; operation: string }) => `${message.side === 'request' ? '>' : '<'}${message.operation}`,
    )
    return `${kind} ${outcome}: ${all.join(' ')}`
  })
}

test('replies go to the request with their id, in whatever order they come', async () => {
  const inspected = await inspect('id', [
    ['client', request(1, 'a')],
    ['client', request(2, 'b')],
    ['client', request(3, 'c')],
    ['server', reply(3, 'C')],
    ['server', reply(1, 'A')],
    ['server', reply(2, 'B')],
  ])
  assert.deepEqual(texts(inspected), [
    'exchange answered: >c <C',
    'exchange answered: >a <A',
    'exchange answered: >b <B',
  ])
})

test('of requests with one id the oldest is answered first', async () => {
  const inspected = await inspect('id', [
    ['client', request(5, 'a')],
    ['client', request(5, 'b')],
    ['server', reply(5, 'A')],
    ['server', reply(5, 'B')],
  ])
  assert.deepEqual(texts(inspected), ['exchange answered: >a <A', 'exchange answered: >b <B'])
})

test('ids of 64 and of 128 bits are told apart, and printed as digits', async () => {
  const [wide, wider] = [2n ** 63n + 1n, 2n ** 127n + 3n]
  const inspected = await inspect('id', [
    ['client', request(wide, 'a')],
    ['client', request(wider, 'b')],
    ['server', reply(wider, 'B')],
    ['server', reply(wide, 'A')],
  ])
  assert.deepEqual(texts(inspected), ['exchange answered: >b <B', 'exchange answered: >a <A'])
  assert.equal(inspected.exchanges[0].messages[0].id, '170141183460469231731687303715884105731')
})

test('without ids replies come in the order of the requests', async () => {
  const inspected = await inspect('order', [
    ['client', request(1, 'a')],
    ['client', request(2, 'b')],
    ['server', reply(9, 'A')],
    ['server', reply(9, 'B')],
  ])
  assert.deepEqual(texts(inspected), ['exchange answered: >a <A', 'exchange answered: >b <B'])
  assert.equal(inspected.exchanges[0].messages[0].id, null)
})

test('requests without a reply and replies without a request are shown as such', async () => {
  const inspected = await inspect('id', [
    ['server', reply(8, 'greeting')],
    ['client', request(1, 'a')],
    ['server', reply(2, 'B')],
  ])
  assert.deepEqual(texts(inspected), ['exchange unasked: <greeting', 'exchange unasked: <B', 'exchange unanswered: >a'])
  const { exchanges, unanswered, unasked } = inspected.summary
  assert.deepEqual([exchanges, unanswered, unasked], [1, 1, 2])
})

test('an exchange lasts until the last of its replies', async () => {
  const more = (text: string): Buffer => line({ type: MessageType.Response, id: 1, more: true, text })
  const inspected = await inspect('id', [
    ['client', request(1, 'a')],
    ['server', more('A1')],
    ['server', more('A2')],
    ['server', reply(1, 'A3')],
    ['server', reply(1, 'late')],
  ])
  assert.deepEqual(texts(inspected), ['exchange answered: >a <A1 <A2 <A3', 'exchange unasked: <late'])
  const [{ latency_ms, replies }] = inspected.exchanges as [(typeof inspected.exchanges)[0]]
  assert.deepEqual([latency_ms, replies], [3, 3])
})

test('of very many replies all are counted and the first are kept', async () => {
  const more = line({ type: MessageType.Response, id: 1, more: true })
  const steps: Step[] = [['client', request(1)]]
  for (let n = 0; n < 150; n++) steps.push(['server', more])
  const inspected = await inspect('id', [...steps, ['server', reply(1)]])
  const [{ messages, replies, messages_left_out }] = inspected.exchanges as [(typeof inspected.exchanges)[0]]
  assert.deepEqual([messages.length, replies, messages_left_out], [100, 151, 52])
})

test('one-way messages of either side wait for nothing', async () => {
  const oneway = line({ type: MessageType.Oneway, id: 1, text: 'note' })
  const inspected = await inspect('id', [
    ['client', oneway],
    ['server', oneway],
  ])
  assert.deepEqual(texts(inspected), ['oneway sent: >note', 'oneway sent: <note'])
})

test('heartbeats are matched among themselves and are no exchanges', async () => {
  const beat = (text: string): Buffer => line({ type: MessageType.Heartbeat, id: 1, text })
  for (const correlation of ['id', 'order'] as const) {
    const inspected = await inspect(correlation, [
      ['client', beat('ping')],
      ['client', request(1, 'a')],
      ['server', beat('pong')],
      ['server', beat('hello')],
      ['server', reply(1, 'A')],
    ])
    assert.deepEqual(texts(inspected), [
      'heartbeat answered: >ping <pong',
      'heartbeat unasked: <hello',
      'exchange answered: >a <A',
    ])
    const { exchanges, heartbeats, unasked } = inspected.summary
    assert.deepEqual([exchanges, heartbeats, unasked], [1, 2, 0])
  }
})

test('an error reply is an answer, and its exchange has failed', async () => {
  const inspected = await inspect('id', [
    ['client', request(1, 'a')],
    ['server', line({ type: MessageType.Error, id: 1, isError: true, text: 'A' })],
  ])
  assert.deepEqual(texts(inspected), ['exchange answered: >a <A'])
  assert.equal(inspected.summary.failed, 1)
})

const frame = (type: MessageType, stream: number, text: string): Buffer => line({ type, stream, text })
const { StreamInit, StreamData, StreamCloseOneWay, StreamCloseTwoWay } = MessageType

test('frames are grouped by their stream until both sides have closed it', async () => {
  const inspected = await inspect('id', [
    ['client', frame(StreamInit, 1, 'open1')],
    ['client', frame(StreamInit, 2, 'open2')],
    ['server', frame(StreamData, 2, 'b1')],
    ['client', frame(StreamData, 1, 'a1')],
    ['client', frame(StreamCloseOneWay, 1, 'a2')],
    ['server', frame(StreamData, 1, 'a3')],
    ['server', frame(StreamCloseOneWay, 1, 'a4')],
    ['client', frame(StreamCloseTwoWay, 2, 'b2')],
  ])
  assert.deepEqual(texts(inspected), ['stream closed: >open1 >a1 >a2 <a3 <a4', 'stream closed: >open2 <b1 >b2'])
})

test('a stream ends by an error, or stays open; one that was not seen to open is shown too', async () => {
  const inspected = await inspect('id', [
    ['client', frame(StreamInit, 1, 'open1')],
    ['server', frame(MessageType.Error, 1, 'no')],
    ['server', frame(StreamData, 3, 'c1')],
    ['client', frame(StreamInit, 4, 'open4')],
    ['client', frame(StreamInit, 4, 'again4')],
  ])
  assert.deepEqual(texts(inspected), [
    'stream reset: >open1 <no',
    'stream open: >open4',
    'stream open: <c1',
    'stream open: >again4',
  ])
  assert.equal(inspected.exchanges[1].reason, 'its id was used again')
})

test('beyond ten thousand waiting requests the oldest is given up', async () => {
  const many = Array.from({ length: 10_001 }, (_, n) => request(n))
  const inspected = await inspect('id', chunks(many))
  const [first] = inspected.exchanges
  assert.deepEqual([first.messages[0].id, first.reason], [0, 'more than 10000 others wait'])
  assert.equal(inspected.summary.unanswered, 10_001)
})

function chunks(messages: readonly Buffer[]): Step[] {
  const steps: Step[] = []
  for (let at = 0; at < messages.length; at += 2000) {
    steps.push(['client', Buffer.concat(messages.slice(at, at + 2000))])
  }
  return steps
}
