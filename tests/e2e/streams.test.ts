import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Codec, type CodecDefinition, MessageType, type Metadata } from '@meltemi/sdk'
import { streaming, streamingFrame } from '../harness/codecs/index.ts'
import { connectClient, type Handler, silent, startEchoServer, startTestProxy } from '../harness/index.ts'

const T = MessageType

function body(message: Metadata): string {
  return message.message.toString('utf8', message.headerSize)
}

function typesOf(messages: readonly Metadata[]): number[] {
  return messages.map((message) => message.type)
}

for (const multiplexing of [true, false]) {
  const mode = multiplexing ? 'multiplexed' : 'one connection each'

  test(`frames of two streams with one id reach their own clients and end by half-close (${mode})`, async () => {
    await using server = await startEchoServer({ codec: streaming })
    await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port], multiplexing })
    await using a = await connectClient({ port: proxy.port, codec: streaming })
    await using b = await connectClient({ port: proxy.port, codec: streaming })
    for (const [client, name] of [
      [a, 'a'],
      [b, 'b'],
    ] as const) {
      client.send(streamingFrame({ type: T.StreamInit, id: 1, stream: 5 }))
      for (let n = 0; n < 3; n++)
        client.send(streamingFrame({ type: T.StreamData, id: 1, stream: 5, body: `${name}${n}` }))
    }
    for (const [client, name] of [
      [a, 'a'],
      [b, 'b'],
    ] as const) {
      const frames = await client.take(3)
      assert.deepEqual(frames.map(body), [`${name}0`, `${name}1`, `${name}2`])
      assert.deepEqual(
        frames.map((frame) => frame.streamId),
        [5, 5, 5],
      )
    }
    assert.equal(proxy.stat('stream_active'), 2)
    a.send(streamingFrame({ type: T.StreamCloseOneWay, id: 1, stream: 5 }))
    assert.equal((await a.next()).type, T.StreamCloseOneWay)
    await proxy.until('stream_active', 1)
    b.send(streamingFrame({ type: T.StreamData, id: 1, stream: 5, body: 'still open' }))
    assert.equal(body(await b.next()), 'still open')
  })

  test(`a reset by the client ends the stream and leaves the connection usable (${mode})`, async () => {
    await using server = await startEchoServer({ codec: streaming })
    await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: streaming })
    client.send(streamingFrame({ type: T.StreamInit, id: 1, stream: 5 }))
    client.send(streamingFrame({ type: T.StreamCloseTwoWay, id: 1, stream: 5 }))
    await server.arrived(2)
    assert.deepEqual(typesOf(server.received), [T.StreamInit, T.StreamCloseTwoWay])
    await proxy.until('stream_active', 0)
    assert.equal((await client.request(streamingFrame({ type: T.Request, id: 9, body: 'x' }))).requestId, 9)
  })

  test(`an upstream that closes resets its streams with an error frame (${mode})`, async () => {
    await using server = await startEchoServer({ codec: streaming })
    await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: streaming })
    client.send(streamingFrame({ type: T.StreamInit, id: 1, stream: 5 }))
    client.send(streamingFrame({ type: T.StreamData, id: 1, stream: 5, body: 'hi' }))
    await client.next()
    for (const connection of server.openConnections) connection.destroy()
    const error = await client.next()
    assert.equal(error.type, T.Error)
    assert.equal(error.streamId, 5)
    assert.match(body(error), /remote connection failure/)
    assert.equal(proxy.stat('stream_reset'), 1)
    assert.equal(proxy.stat('stream_active'), 0)
  })

  test(`the end of a client ends its streams upstream (${mode})`, async () => {
    await using server = await startEchoServer({ codec: streaming })
    await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port], multiplexing })
    const client = await connectClient({ port: proxy.port, codec: streaming })
    client.send(streamingFrame({ type: T.StreamInit, id: 1, stream: 5 }))
    await server.arrived(1)
    await client.close()
    // the codec cannot reset one stream, so each has a connection of its own, and that goes
    await proxy.until('upstream_cx_active', 0)
    await proxy.until('stream_active', 0)
  })
}

test('a stream that no route takes is answered with an error frame', async () => {
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [], routes: [] })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  client.send(streamingFrame({ type: T.StreamInit, id: 3, stream: 5 }))
  const error = await client.next()
  assert.equal(error.type, T.Error)
  assert.equal(body(error), "meta protocol router: no matched route for request '3'")
  assert.equal(proxy.stat('stream_active'), 0)
})

test('one-way messages are forwarded and nothing is kept for them', async () => {
  await using server = await startEchoServer({ codec: streaming })
  for (const multiplexing of [true, false]) {
    const before = server.received.length
    await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: streaming })
    for (let id = 1; id <= 20; id++) client.send(streamingFrame({ type: T.Oneway, id, body: String(id) }))
    await server.arrived(before + 20)
    assert.deepEqual(new Set(typesOf(server.received.slice(before))), new Set([T.Oneway]))
    await proxy.until('request_active', 0)
    assert.equal(proxy.stat('request_oneway'), 20)
    assert.equal(proxy.stat('upstream_rq_active'), 0)
  }
})

test('heartbeats of a client are answered by the proxy and not forwarded', async () => {
  await using server = await startEchoServer({ codec: streaming })
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  const reply = await client.request(streamingFrame({ type: T.Heartbeat, id: 77 }))
  assert.equal(reply.type, T.Heartbeat)
  assert.equal(reply.requestId, 77)
  assert.equal(server.connections.length, 0)
  assert.equal(proxy.stat('request_event'), 1)
})

test('several replies to one request all come, and the last one ends it', async () => {
  await using server = await startEchoServer({
    codec: streaming,
    handler: (request, connection) => {
      const id = Number(request.requestId)
      for (const flags of [1, 1, 0])
        connection.send(streamingFrame({ type: T.Response, id, flags, body: String(flags) }))
    },
  })
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  client.send(streamingFrame({ type: T.Request, id: 4 }))
  assert.deepEqual((await client.take(3)).map(body), ['1', '1', '0'])
  await proxy.until('request_active', 0)
  assert.equal(proxy.stat('upstream_rq_active'), 0)
})

const init = (stream: number) => streamingFrame({ type: T.StreamInit, id: stream, stream })
const data = (stream: number) => streamingFrame({ type: T.StreamData, id: stream, stream })

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
  client.send(streamingFrame({ type: T.StreamCloseTwoWay, id: 1, stream: 1 }))
  await proxy.until('stream_active', 1)
  client.send(init(4))
  await proxy.until('stream_active', 2)
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
    if (type === T.StreamData) connection.send(data(streamId))
  }
  await using server = await startEchoServer({ codec: streaming, handler })
  await using proxy = await startTestProxy({ codec: picky, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  client.send(Buffer.concat([init(9), data(9)]))
  const reset = await client.next()
  assert.deepEqual([reset.type, reset.streamId], [T.Error, 9])
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
