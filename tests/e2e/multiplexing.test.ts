import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { uuid, uuidFrame } from '../harness/codecs/index.ts'
import {
  awesomerpcFrame,
  connectClient,
  doubled,
  holding,
  outOfOrder,
  startEchoServer,
  startTestProxy,
  wrongId,
} from '../harness/index.ts'

test('many clients share one upstream connection and get their own ids back', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port] })
  await using a = await connectClient({ port: proxy.port, codec: awesomerpc })
  await using b = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 1; id <= 50; id++) {
    a.send(awesomerpcFrame({ id, body: `a${id}` }))
    b.send(awesomerpcFrame({ id, body: `b${id}` }))
  }
  for (let id = 1; id <= 50; id++) {
    const [fromA, fromB] = [await a.next(), await b.next()]
    assert.equal(fromA.message.toString('latin1', 13), `a${fromA.requestId}`)
    assert.equal(fromB.message.toString('latin1', 13), `b${fromB.requestId}`)
  }
  assert.equal(server.connections.length, 1)
  assert.equal(proxy.stat('upstream_rq_active'), 0)
})

test('duplicate ids in flight on one connection are both answered', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  client.send(Buffer.concat([awesomerpcFrame({ id: 7, body: 'x' }), awesomerpcFrame({ id: 7, body: 'y' })]))
  const bodies = [await client.next(), await client.next()].map((reply) => {
    assert.equal(reply.requestId, 7)
    return reply.message.toString('latin1', 13)
  })
  assert.deepEqual(bodies.sort(), ['x', 'y'])
})

test('doubled and unknown replies reach nobody and are counted', async () => {
  await using twice = await startEchoServer({ codec: awesomerpc, handler: doubled })
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [twice.port] })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 1; id <= 20; id++) assert.equal((await client.request(awesomerpcFrame({ id }))).requestId, id)
  await proxy.until('upstream_rq_unknown_reply', 20)
  assert.equal(client.received.length, 20)
})

test('a reply with an unknown id leaves the request waiting for its timeout', async () => {
  await using server = await startEchoServer({ codec: awesomerpc, handler: wrongId })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    endpoints: [server.port],
    filter: { requestTimeoutMs: 100 },
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  const reply = await client.request(awesomerpcFrame({ id: 3 }))
  assert.equal(reply.message.readInt16BE(11), 1)
  assert.equal(proxy.stat('upstream_rq_unknown_reply'), 1)
  assert.equal(proxy.stat('upstream_rq_timeout'), 1)
})

test('replies out of order find their clients and their ids', async () => {
  await using server = await startEchoServer({ codec: awesomerpc, handler: outOfOrder(20) })
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port] })
  await using a = await connectClient({ port: proxy.port, codec: awesomerpc })
  await using b = await connectClient({ port: proxy.port, codec: awesomerpc })
  const ids = Array.from({ length: 10 }, (_, n) => n + 1)
  const replies = [a, b].map((client, n) =>
    Promise.all(ids.map((id) => client.request(awesomerpcFrame({ id, body: `${n}-${id}` })))),
  )
  for (const [n, promise] of replies.entries()) {
    const bodies = (await promise).map((reply) => reply.message.toString('latin1', 13))
    assert.deepEqual(
      bodies,
      ids.map((id) => `${n}-${id}`),
    )
  }
  assert.deepEqual(
    a.received.map(({ requestId }) => requestId),
    ids.toReversed(),
  )
  assert.equal(server.connections.length, 1)
})

test('an upstream that closes fails exactly its own pending requests, each once; other connections are untouched', async () => {
  const hold = holding()
  await using closes = await startEchoServer({ codec: uuid, handler: () => {} })
  await using stays = await startEchoServer({ codec: uuid, handler: hold.handler })
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [closes.port, stays.port] })
  await using a = await connectClient({ port: proxy.port, codec: uuid })
  await using b = await connectClient({ port: proxy.port, codec: uuid })
  const requests = Array.from({ length: 20 }, (_, n) =>
    (n < 10 ? a : b).request(uuidFrame({ id: n + 1, body: `r${n}` })),
  )
  await Promise.all([closes.arrived(10), stays.arrived(10)])
  closes.connections[0]?.destroy()
  await proxy.until('request_active', 10)
  hold.release()
  const bodies = (await Promise.all(requests)).map((reply) => reply.get('body'))
  const failed = `meta protocol upstream request: remote connection failure '127.0.0.1:${closes.port}'`
  assert.equal(bodies.filter((body) => body === failed).length, 10)
  assert.equal(bodies.filter((body, n) => body === `r${n}`).length, 10)
  assert.equal(a.received.length + b.received.length, 20)
  assert.equal(stays.connections.length, 1)
  assert.equal(stays.connections[0]?.isOpen, true)
  assert.equal(proxy.stat('upstream_cx_destroy_remote'), 1)
})

test('ids wider than any register go through encode both ways and come back as they were', async () => {
  await using server = await startEchoServer({ codec: uuid })
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const wide = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ff00n
  for (const id of [0, wide, wide + 255n, 1n << 127n, (1n << 64n) - 1n]) {
    const frame = uuidFrame({ id, body: 'x' })
    assert.deepEqual((await client.request(frame)).message, frame)
  }
  for (const { requestId } of server.received) assert.equal(typeof requestId, 'number')
  assert.equal(server.connections.length, 1)
})

test('a client that leaves does not disturb the others on the connection, and its replies reach nobody', async () => {
  const hold = holding()
  await using server = await startEchoServer({ codec: awesomerpc, handler: hold.handler })
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port] })
  const leaves = await connectClient({ port: proxy.port, codec: awesomerpc })
  await using stays = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 1; id <= 5; id++) leaves.send(awesomerpcFrame({ id, body: 'theirs' }))
  await server.arrived(5)
  leaves.socket.resetAndDestroy()
  await proxy.until('request_active', 0)
  const replies = [1, 2, 3].map((id) => stays.request(awesomerpcFrame({ id, body: 'mine' })))
  await server.arrived(8)
  hold.release()
  for (const reply of await Promise.all(replies)) assert.equal(reply.message.toString('latin1', 13), 'mine')
  await proxy.until('upstream_rq_unknown_reply', 5)
  assert.equal(stays.received.length, 3)
  assert.equal(server.connections.length, 1)
})

test('more requests than one connection takes get another', async () => {
  const hold = holding()
  await using server = await startEchoServer({ codec: awesomerpc, handler: hold.handler })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    endpoints: [server.port],
    filter: { maxInFlightPerConnection: 2000 },
    cluster: {
      circuitBreaker: { maxConnections: 9, maxPendingRequests: 2000, maxRequests: 2000, maxRetries: 0 },
    },
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  client.send(Buffer.concat(Array.from({ length: 1500 }, (_, id) => awesomerpcFrame({ id }))))
  await server.arrived(1500)
  assert.equal(server.connections.length, 2)
  hold.release()
  assert.equal(new Set((await client.take(1500)).map(({ requestId }) => requestId)).size, 1500)
})
