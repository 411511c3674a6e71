import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Metadata } from '@meltemi/sdk'
import { uuid, uuidFrame } from '../harness/codecs/index.ts'
import {
  connectClient,
  doubled,
  echo,
  type Handler,
  holding,
  inTurn,
  startEchoServer,
  startTestProxy,
  wrongId,
} from '../harness/index.ts'

const WIDE = 0x1234_5678_9abc_def0_1234_5678_9abc_def0n

function body(reply: Metadata): string {
  return reply.get('body') ?? ''
}

async function startPair(handler: Handler) {
  const server = await startEchoServer({ codec: uuid, handler })
  const proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], multiplexing: false })
  return { server, proxy }
}

test('requests that come one after the other use one connection again and again, with the bytes as they came', async () => {
  const { server, proxy } = await startPair(echo)
  await using _server = server
  await using _proxy = proxy
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  for (let n = 0; n < 20; n++) {
    const frame = uuidFrame({ id: WIDE + BigInt(n), body: `r${n}` })
    assert.deepEqual((await client.request(frame)).message, frame)
    assert.deepEqual(server.received[n]?.message, frame)
  }
  assert.equal(server.connections.length, 1)
  assert.equal(proxy.stat('upstream_cx_total'), 1)
})

test('requests in flight together have a connection each; afterwards these are used again', async () => {
  const hold = holding()
  const { server, proxy } = await startPair(hold.handler)
  await using _server = server
  await using _proxy = proxy
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const replies = [1, 2, 3, 4].map((id) => client.request(uuidFrame({ id, body: `r${id}` })))
  await server.arrived(4)
  assert.equal(server.connections.length, 4)
  for (const connection of server.connections) assert.equal(connection.received.length, 1)
  hold.release()
  assert.deepEqual((await Promise.all(replies)).map(body), ['r1', 'r2', 'r3', 'r4'])
  for (const id of [5, 6, 7]) await client.request(uuidFrame({ id }))
  assert.equal(server.connections.length, 4)
})

test('a reply with another id becomes one BadResponse reply, and its connection is closed', async () => {
  const { server, proxy } = await startPair(inTurn(wrongId, echo))
  await using _server = server
  await using _proxy = proxy
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const reply = await client.request(uuidFrame({ id: 5, body: 'x' }))
  assert.equal(body(reply), 'meta protocol test response: request ID is not equal, 5:1000005')
  await server.open(0)
  assert.equal(body(await client.request(uuidFrame({ id: 6, body: 'y' }))), 'y')
  assert.equal(client.received.length, 2)
  assert.equal(proxy.stat('response_decoding_error'), 1)
  assert.equal(proxy.stat('upstream_cx_destroy_local'), 1)
  assert.equal(server.connections.length, 2)
})

test('a doubled reply closes the connection and reaches neither this client nor the next', async () => {
  const { server, proxy } = await startPair(doubled)
  await using _server = server
  await using _proxy = proxy
  await using a = await connectClient({ port: proxy.port, codec: uuid })
  await using b = await connectClient({ port: proxy.port, codec: uuid })
  for (let id = 1; id <= 10; id++) {
    const client = id % 2 === 0 ? a : b
    assert.equal(body(await client.request(uuidFrame({ id, body: `r${id}` }))), `r${id}`)
    await server.open(0)
  }
  assert.equal(server.connections.length, 10)
  assert.equal(proxy.stat('upstream_rq_unknown_reply'), 10)
  assert.equal(a.received.length + b.received.length, 10)
})

test('a surplus reply on an idle connection closes it', async () => {
  const { server, proxy } = await startPair(echo)
  await using _server = server
  await using _proxy = proxy
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  await client.request(uuidFrame({ id: 1 }))
  server.connections[0]?.send(uuidFrame({ id: 99, body: 'from nowhere' }))
  await server.open(0)
  assert.equal(body(await client.request(uuidFrame({ id: 2, body: 'y' }))), 'y')
  assert.equal(client.received.length, 2)
  assert.equal(server.connections.length, 2)
})

test('the connection of a request that timed out is closed, so that its late reply reaches nobody', async () => {
  const server = await startEchoServer({ codec: uuid, handler: inTurn(() => {}, echo) })
  await using _server = server
  await using proxy = await startTestProxy({
    codec: uuid,
    endpoints: [server.port],
    multiplexing: false,
    filter: { requestTimeoutMs: 50 },
  })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const reply = await client.request(uuidFrame({ id: 1 }))
  assert.equal(body(reply), "meta protocol router: request timeout for cluster 'service'")
  await server.open(0)
  assert.equal(body(await client.request(uuidFrame({ id: 2, body: 'y' }))), 'y')
  assert.equal(server.connections.length, 2)
  assert.equal(client.received.length, 2)
})

test('the connection of a client that reset its own while it waited is closed', async () => {
  const { server, proxy } = await startPair(() => {})
  await using _server = server
  await using _proxy = proxy
  const client = await connectClient({ port: proxy.port, codec: uuid })
  client.send(uuidFrame({ id: 1 }))
  await server.arrived(1)
  client.socket.resetAndDestroy()
  await server.open(0)
  await proxy.until('request_active', 0)
  assert.equal(proxy.stat('upstream_rq_active'), 0)
  assert.equal(proxy.stat('upstream_cx_active'), 0)
})

test('an upstream that closes fails the one request that waits on it, once', async () => {
  const hold = holding()
  const { server, proxy } = await startPair(hold.handler)
  await using _server = server
  await using _proxy = proxy
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const first = client.request(uuidFrame({ id: 1, body: 'x' }))
  await server.arrived(1)
  const second = client.request(uuidFrame({ id: 2, body: 'y' }))
  await server.arrived(2)
  server.connections[0]?.destroy()
  assert.equal(
    body(await first),
    `meta protocol upstream request: remote connection failure '127.0.0.1:${server.port}'`,
  )
  hold.release()
  assert.equal(body(await second), 'y')
  assert.equal(client.received.length, 2)
})

test('5,000 pipelined requests need few more connections than may be in flight, and each gets its own reply', async () => {
  await using server = await startEchoServer({ codec: uuid })
  await using proxy = await startTestProxy({
    codec: uuid,
    endpoints: [server.port],
    multiplexing: false,
    filter: { maxInFlightPerConnection: 32 },
  })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  client.send(Buffer.concat(Array.from({ length: 5000 }, (_, id) => uuidFrame({ id, body: `r${id}` }))))
  const replies = await client.take(5000)
  for (const reply of replies) assert.equal(body(reply), `r${reply.requestId}`)
  assert.equal(new Set(replies.map(({ requestId }) => requestId)).size, 5000)
  // one more: a reply makes room for the next request before its own connection is free
  assert.ok(server.connections.length <= 33, `${server.connections.length} connections`)
})
