import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { MessageType } from '@meltemi/sdk'
import { codecs, ordered, session, sessionFrame, streaming, streamingFrame } from './codecs/index.ts'
import { allSamples } from './codecs/samples.ts'
import * as harness from './index.ts'

const { awesomerpcFrame, connectClient, startEchoServer } = harness

async function withPair(
  handler: harness.Handler,
  run: (client: harness.RawClient, server: harness.EchoServer) => Promise<void>,
): Promise<void> {
  await using server = await startEchoServer({ codec: awesomerpc, handler })
  await using client = await connectClient({ port: server.port, codec: awesomerpc, timeoutMs: 2000 })
  await run(client, server)
}

test('a client gets the reply to its request', () =>
  withPair(harness.echo, async (client, server) => {
    const reply = await client.request(awesomerpcFrame({ id: 7, body: 'hello' }))
    assert.equal(reply.requestId, 7)
    assert.equal(reply.message.toString('latin1', 13), 'hello')
    assert.equal(server.received.length, 1)
    assert.equal(client.pendingBytes, 0)
  }))

test('replies out of order find their requests', () =>
  withPair(harness.outOfOrder(3), async (client) => {
    const replies = await Promise.all([1, 2, 3].map((id) => client.request(awesomerpcFrame({ id, body: `r${id}` }))))
    assert.deepEqual(
      replies.map((reply) => reply.message.toString('latin1', 13)),
      ['r1', 'r2', 'r3'],
    )
    assert.deepEqual(
      client.received.map(({ requestId }) => requestId),
      [3, 2, 1],
    )
  }))

test('a second reply and a reply with a wrong id are messages that nobody asked for', async () => {
  await withPair(harness.doubled, async (client) => {
    await client.request(awesomerpcFrame({ id: 7 }))
    assert.equal((await client.next()).requestId, 7)
  })
  await withPair(harness.wrongId, async (client) => {
    client.send(awesomerpcFrame({ id: 7 }))
    assert.equal((await client.next()).requestId, 1_000_007)
  })
})

test('closing, resetting and breaking off reject what waits', async () => {
  for (const handler of [harness.closing, harness.resetting, harness.breakingOff]) {
    await withPair(handler, async (client) => {
      await assert.rejects(client.request(awesomerpcFrame({ id: 7 })), /closed|ECONNRESET/)
      await client.closed()
    })
  }
})

test('half-closed connections still carry the other direction', async () => {
  await using server = await startEchoServer({ codec: awesomerpc, handler: harness.halfClosing })
  await using client = await connectClient({ port: server.port, codec: awesomerpc, allowHalfOpen: true })
  await client.request(awesomerpcFrame({ id: 7 }))
  await client.ended()
  client.send(awesomerpcFrame({ id: 8 }))
  await server.arrived(2)
  const hold = harness.holding()
  await withPair(hold.handler, async (client, server) => {
    const reply = client.request(awesomerpcFrame({ id: 7 }))
    client.end()
    await server.arrived(1)
    assert.equal(hold.held, 1)
    hold.release()
    assert.equal((await reply).requestId, 7)
    await client.closed()
  })
})

test('single bytes, a delay and a turn of behaviours end in replies; silence in a clear timeout', async () => {
  for (const handler of [harness.bytewise, harness.delayed(1), harness.inTurn(harness.echo, harness.silent)]) {
    await withPair(handler, async (client) => {
      assert.equal((await client.request(awesomerpcFrame({ id: 9 }))).requestId, 9)
    })
  }
  await using server = await startEchoServer({ codec: awesomerpc, handler: harness.silent })
  await using client = await connectClient({ port: server.port, codec: awesomerpc, timeoutMs: 20 })
  await assert.rejects(client.request(awesomerpcFrame({ id: 9 })), /waited 20 ms for the reply to 9/)
})

test('a server may close in the middle of a request', async () => {
  await using server = await startEchoServer({ codec: awesomerpc, closeAfterBytes: 5 })
  await using client = await connectClient({ port: server.port, codec: awesomerpc })
  client.send(awesomerpcFrame({ id: 7 }).subarray(0, 6))
  await client.closed()
  await server.open(0)
  assert.equal(server.received.length, 0)
})

test('bytes that are not the protocol are recorded and end the connection', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using client = await connectClient({ port: server.port, codec: awesomerpc })
  client.send(Buffer.alloc(13))
  await client.closed()
  assert.match(String(server.problems[0]), /pack_len 0/)
})

test('what a handler throws fails the close of its server', async () => {
  const server = await startEchoServer({
    codec: awesomerpc,
    handler: () => {
      throw new Error('broken handler')
    },
  })
  await using client = await connectClient({ port: server.port, codec: awesomerpc })
  client.send(awesomerpcFrame({ id: 1 }))
  await client.closed()
  await assert.rejects(server.close(), /broken handler/)
})

test('a greeting comes first, and a service may push', async () => {
  const greeting = sessionFrame({ verb: 'G', body: 'welcome' })
  const push = sessionFrame({ verb: 'P', body: 'news' })
  await using server = await startEchoServer({ codec: session, greeting })
  await using client = await connectClient({ port: server.port, codec: session })
  assert.equal((await client.next()).get('verb'), 'G')
  assert.equal((await client.request(sessionFrame({ verb: 'L', id: 1, body: 'me' }))).get('verb'), 'K')
  server.connections[0]!.send(push)
  assert.equal((await client.next()).get('body'), 'news')
})

test('pipelined requests without ids get their replies in order', async () => {
  await using server = await startEchoServer({ codec: ordered })
  await using client = await connectClient({ port: server.port, codec: ordered })
  const keys = Array.from({ length: 100 }, (_, n) => `key-${n}`)
  const replies = await Promise.all(keys.map((key) => client.request(Buffer.from(`GET ${key}\r\n`))))
  assert.deepEqual(
    replies.map((reply) => reply.message.toString().split('\r\n')[1]),
    keys,
  )
})

test('a stream goes forth and back, one-way requests get nothing', async () => {
  await using server = await startEchoServer({ codec: streaming })
  await using client = await connectClient({ port: server.port, codec: streaming })
  const { Oneway, StreamInit, StreamData, StreamCloseOneWay } = MessageType
  client.send(streamingFrame({ type: Oneway, id: 1 }))
  client.send(streamingFrame({ type: StreamInit, id: 2, stream: 5 }))
  client.send(streamingFrame({ type: StreamData, id: 2, stream: 5, body: 'a' }))
  client.send(streamingFrame({ type: StreamCloseOneWay, id: 2, stream: 5 }))
  const types = (await client.take(2)).map(({ type }) => type)
  assert.deepEqual(types, [StreamData, StreamCloseOneWay])
})

test('every codec of the harness carries a request and a reply over sockets', async () => {
  for (const codec of codecs) {
    const large = allSamples.find(({ definition }) => definition === codec)!.large(100_000)
    await using server = await startEchoServer({ codec })
    await using client = await connectClient({ port: server.port, codec })
    assert.ok((await client.request(large.bytes)).message.length > 100_000, codec.name)
  }
})
