import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAILURES } from '@meltemi/proxy'
import {
  type Codec,
  type CodecDefinition,
  type Filter,
  type FilterDefinition,
  FilterStatus,
  MessageType,
} from '@meltemi/sdk'
import { streaming, streamingFrame } from '../harness/codecs/index.ts'
import { connectClient, type Handler, silent, startEchoServer, startTestProxy } from '../harness/index.ts'

function filtered(filter: Filter) {
  const name = 'meltemi.test.filter'
  const definition: FilterDefinition = { name, typeUrl: name, parse: () => undefined, create: () => filter }
  return { filters: [definition], filter: { filters: [{ name, typeUrl: name, config: undefined }] } }
}

const init = (stream: number) => streamingFrame({ type: MessageType.StreamInit, id: stream, stream })
const data = (stream: number) => streamingFrame({ type: MessageType.StreamData, id: stream, stream })
const request = (id: number) => streamingFrame({ type: MessageType.Request, id })

test('a stream that a filter stops is forgotten, and what follows it is read', async () => {
  await using server = await startEchoServer({ codec: streaming })
  const onRequest: Filter['onRequest'] = ({ request: { type } }) =>
    type === MessageType.StreamInit ? FilterStatus.Stop : FilterStatus.Continue
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port], ...filtered({ onRequest }) })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  client.send(Buffer.concat([init(1), data(1), data(1)]))
  assert.equal((await client.request(request(7))).requestId, 7)
  assert.deepEqual(
    ['stream_active', 'request_active'].map((name) => proxy.stat(name)),
    [0, 0],
  )
})

test('a client has as many streams as it may have requests under way; one more is refused', async () => {
  await using server = await startEchoServer({ codec: streaming, handler: silent })
  const filter = { maxInFlightPerConnection: 2 }
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  for (const stream of [1, 2]) client.send(init(stream))
  await proxy.until('stream_active', 2)
  await server.arrived(2)
  client.send(init(3))
  const refused = await client.next()
  assert.equal(refused.get('body'), 'meta protocol upstream request: too many connections')
  client.send(streamingFrame({ type: MessageType.StreamCloseTwoWay, id: 1, stream: 1 }))
  await proxy.until('stream_active', 1)
  client.send(init(4))
  await proxy.until('stream_active', 2)
})

test('a filter that fails a reply and says go on has one reply sent, the local one', async () => {
  await using server = await startEchoServer({ codec: streaming })
  const failure = { ...FAILURES.filterFailed, message: 'no' }
  const onReply: Filter['onReply'] = (context) => {
    context.fail(failure)
    return FilterStatus.Continue
  }
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port], ...filtered({ onReply }) })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  for (const id of [1, 2, 3]) assert.equal((await client.request(request(id))).type, MessageType.Error)
  assert.deepEqual(
    client.received.map(({ requestId }) => requestId),
    [1, 2, 3],
  )
})

test('a frame that cannot be encoded for the client resets its stream, on both sides', async () => {
  const picky: CodecDefinition = {
    ...streaming,
    create: (side, config) => {
      const codec = bound(streaming.create(side, config))
      return side === 'upstream' ? codec : { ...codec, encode: () => assert.fail('cannot') }
    },
  }
  const handler: Handler = ({ type, streamId }, connection) => {
    if (type === MessageType.StreamData) connection.send(data(streamId))
  }
  await using server = await startEchoServer({ codec: streaming, handler })
  await using proxy = await startTestProxy({ codec: picky, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  client.send(Buffer.concat([init(9), data(9)]))
  const reset = await client.next()
  assert.deepEqual([reset.type, reset.streamId], [MessageType.Error, 9])
  await proxy.until('stream_active', 0)
  await proxy.until('upstream_cx_active', 0)
})

/** The codec's methods as functions of their own. */
function bound(codec: Codec): Codec {
  return {
    decode: (buffer, metadata) => codec.decode(buffer, metadata),
    encode: (metadata, mutation, out) => codec.encode(metadata, mutation, out),
    onError: (request, failure, out) => codec.onError(request, failure, out),
  }
}
