import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FilterContext, FilterStatus, MessageType, type Metadata } from '@meltemi/sdk'
import { streaming, streamingFrame } from '../harness/codecs/index.ts'
import { DENIED, filter, setUpFiltered } from '../harness/filtered.ts'
import { testRoute } from '../harness/index.ts'

const { Continue, Stop, Pause } = FilterStatus
const { StreamInit, StreamData, StreamCloseOneWay } = MessageType

function textOf(reply: Metadata): string {
  return reply.message.toString('utf8', reply.headerSize)
}

function streamMessage(type: MessageType, stream: number, body = ''): Buffer {
  return streamingFrame({ type, id: 1, stream, body })
}

test('the frames of a stream wait, in order, while a filter has paused what opens it', async () => {
  const paused = Promise.withResolvers<FilterContext>()
  const pauser = filter('pauser', {
    onRequest(context) {
      if (context.request.type !== StreamInit) return Continue
      paused.resolve(context)
      return Pause
    },
  })
  await using setup = await setUpFiltered([pauser], { codec: streaming })
  setup.client.send(Buffer.concat([streamMessage(StreamInit, 5), streamMessage(StreamData, 5, 'a')]))
  const context = await paused.promise
  setup.client.send(Buffer.concat([streamMessage(StreamData, 5, 'b'), streamMessage(StreamCloseOneWay, 5)]))
  assert.equal(setup.server.received.length, 0)
  context.resume()
  assert.deepEqual((await setup.client.take(3)).map(textOf), ['a', 'b', ''])
  await setup.proxy.until('stream_active', 0)
})

test('a stream that a filter fails or stops is over, and its client goes on', async () => {
  for (const isStopped of [false, true]) {
    const guard = filter('guard', {
      onRequest(context) {
        if (context.request.type !== StreamInit) return Continue
        return isStopped ? Stop : context.fail(DENIED)
      },
    })
    await using setup = await setUpFiltered([guard], { codec: streaming })
    setup.client.send(Buffer.concat([streamMessage(StreamInit, 5), streamMessage(StreamData, 5, 'a')]))
    const reply = await setup.client.request(streamingFrame({ type: MessageType.Request, id: 2, body: 'on' }))
    assert.equal(textOf(reply), 'on')
    assert.equal(setup.client.received.length, isStopped ? 1 : 2)
    assert.equal(setup.proxy.stat('stream_active'), 0)
    assert.equal(setup.proxy.stat('request_unexpected'), 1)
  }
})

test('a stream whose refusal a filter keeps to itself is over all the same', async () => {
  const keeper = filter('keeper', { onReply: () => Stop })
  await using setup = await setUpFiltered([keeper], { codec: streaming, routes: [testRoute('nowhere')] })
  setup.client.send(Buffer.concat([streamMessage(StreamInit, 5), streamMessage(StreamData, 5, 'a')]))
  setup.client.send(streamingFrame({ type: MessageType.Heartbeat, id: 3 }))
  assert.equal((await setup.client.next()).type, MessageType.Heartbeat)
  assert.equal(setup.proxy.stat('stream_active'), 0)
})

test('a stream that a filter stops is forgotten, and what follows it is read', async () => {
  const silencer = filter('silencer', {
    onRequest: ({ request: { type } }) => (type === StreamInit ? Stop : Continue),
  })
  await using setup = await setUpFiltered([silencer], { codec: streaming })
  const data = streamMessage(StreamData, 1)
  setup.client.send(Buffer.concat([streamMessage(StreamInit, 1), data, data]))
  const reply = await setup.client.request(streamingFrame({ type: MessageType.Request, id: 7 }))
  assert.equal(reply.requestId, 7)
  assert.equal(setup.proxy.stat('stream_active'), 0)
})
