import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Metadata } from '@meltemi/sdk'
import { startBlackHole } from '../harness/black-hole.ts'
import { uuid, uuidFrame } from '../harness/codecs/index.ts'
import {
  connectClient,
  delayed,
  echo,
  holding,
  inTurn,
  startEchoServer,
  startTestProxy,
  testRoute,
} from '../harness/index.ts'

function body(reply: Metadata): string {
  return reply.get('body') ?? ''
}

const TIMEOUT = "meta protocol router: request timeout for cluster 'service'"

async function elapsedMs(promise: Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await promise
  return performance.now() - startedMs
}

test('a request that is not answered in the time of its listener gets a timeout reply, not before', async () => {
  await using server = await startEchoServer({ codec: uuid, handler: () => {} })
  const filter = { requestTimeoutMs: 100 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const reply = client.request(uuidFrame({ id: 1 }))
  const waitedMs = await elapsedMs(reply)
  assert.equal(body(await reply), TIMEOUT)
  assert.ok(waitedMs >= 99 && waitedMs < 500, `${waitedMs} ms`)
  assert.equal(proxy.stat('request_timeout'), 1)
  assert.equal(proxy.stat('upstream_rq_timeout'), 1)
  assert.equal(proxy.proxy.timerCount, 0)
})

test('the time of a route goes before that of its listener, in both directions', async () => {
  await using server = await startEchoServer({ codec: uuid, handler: inTurn(() => {}, delayed(150)) })
  const start = (listenerMs: number, routeMs: number) =>
    startTestProxy({
      codec: uuid,
      endpoints: [server.port],
      filter: { requestTimeoutMs: listenerMs },
      routes: [testRoute('service', { timeoutMs: routeMs })],
    })
  await using short = await start(60_000, 50)
  await using shortClient = await connectClient({ port: short.port, codec: uuid })
  assert.equal(body(await shortClient.request(uuidFrame({ id: 1 }))), TIMEOUT)
  await using long = await start(20, 60_000)
  await using longClient = await connectClient({ port: long.port, codec: uuid })
  assert.equal(body(await longClient.request(uuidFrame({ id: 1, body: 'late' }))), 'late')
})

test('a time of 0 is none, of the listener and of the route', async () => {
  for (const options of [
    { filter: { requestTimeoutMs: 0 } },
    { filter: { requestTimeoutMs: 20 }, routes: [testRoute('service', { timeoutMs: 0 })] },
  ]) {
    const hold = holding()
    await using server = await startEchoServer({ codec: uuid, handler: hold.handler })
    await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], ...options })
    await using client = await connectClient({ port: proxy.port, codec: uuid })
    const reply = client.request(uuidFrame({ id: 1, body: 'x' }))
    await server.arrived(1)
    await proxy.until('upstream_cx_active', 1)
    assert.equal(proxy.proxy.timerCount, 0)
    hold.release()
    assert.equal(body(await reply), 'x')
  }
})

test('an idle client is closed, but not while it waits for a reply; then its time begins anew', async () => {
  const hold = holding()
  await using server = await startEchoServer({ codec: uuid, handler: hold.handler })
  const filter = { idleTimeoutMs: 100 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  const connectsMs = performance.now()
  await using idle = await connectClient({ port: proxy.port, codec: uuid })
  await using busy = await connectClient({ port: proxy.port, codec: uuid })
  const reply = busy.request(uuidFrame({ id: 1, body: 'x' }))
  await idle.closed()
  const waitedMs = performance.now() - connectsMs
  assert.ok(waitedMs >= 95, `${waitedMs} ms`)
  // three times the idle time goes by while it waits
  for (let n = 0; n < 3; n++) {
    await using other = await connectClient({ port: proxy.port, codec: uuid })
    await other.closed()
  }
  assert.equal(busy.isClosed, false)
  const releasedMs = performance.now()
  hold.release()
  assert.equal(body(await reply), 'x')
  const sinceReplyMs = await elapsedMs(busy.closed())
  assert.ok(performance.now() - releasedMs >= 95 && sinceReplyMs < 600, `${sinceReplyMs} ms`)
  assert.equal(proxy.stat('idle_timeout'), 5)
  await proxy.until('downstream_cx_active', 0)
  assert.equal(proxy.proxy.timerCount, 0)
})

test('activity puts the idle timeout off', async () => {
  await using server = await startEchoServer({ codec: uuid })
  const filter = { idleTimeoutMs: 150 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  for (let id = 1; id <= 6; id++) {
    await sleep(50)
    await client.request(uuidFrame({ id }))
  }
  await client.closed()
})

test('a message that is begun and not finished closes the client, however slowly it drips', async () => {
  await using server = await startEchoServer({ codec: uuid })
  const filter = { partialMessageTimeoutMs: 150 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  await using whole = await connectClient({ port: proxy.port, codec: uuid })
  await using dripping = await connectClient({ port: proxy.port, codec: uuid })
  await whole.request(uuidFrame({ id: 1 }))
  const frame = uuidFrame({ id: 2, body: 'x'.repeat(100) })
  let at = 0
  const drip = setInterval(() => dripping.socket.write(frame.subarray(at, ++at)), 20)
  const waitedMs = await elapsedMs(dripping.closed())
  clearInterval(drip)
  assert.ok(waitedMs >= 145 && waitedMs < 1000, `${waitedMs} ms`)
  assert.equal(proxy.stat('partial_message_timeout'), 1)
  assert.equal(whole.isClosed, false)
  assert.equal(server.received.length, 1)
})

test('the rest of a message that a pause interrupted is watched as well', async () => {
  const hold = holding()
  await using server = await startEchoServer({ codec: uuid, handler: hold.handler })
  const filter = { partialMessageTimeoutMs: 60, maxInFlightPerConnection: 1 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const reply = client.next()
  client.send(Buffer.concat([uuidFrame({ id: 1 }), uuidFrame({ id: 2 }).subarray(0, 7)]))
  await server.arrived(1)
  hold.release()
  await reply
  await client.closed()
  assert.equal(proxy.stat('partial_message_timeout'), 1)
})

test('a message of many parts in time is not cut short', async () => {
  await using server = await startEchoServer({ codec: uuid })
  const filter = { partialMessageTimeoutMs: 60 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const frame = uuidFrame({ id: 1, body: 'x' })
  for (let n = 1; n <= 8; n++) {
    const reply = client.next()
    client.send(frame.subarray(0, 10))
    await sleep(15)
    client.send(frame.subarray(10))
    await reply
  }
  assert.equal(proxy.stat('partial_message_timeout'), 0)
})

for (const multiplexing of [true, false]) {
  const name = multiplexing ? 'shared' : 'exclusive'
  test(`a connection that is not made in time fails the requests that wait for it: ${name}`, async () => {
    await using hole = await startBlackHole()
    await using proxy = await startTestProxy({
      codec: uuid,
      endpoints: [hole.port],
      multiplexing,
      cluster: { connectTimeoutMs: 100 },
    })
    await using client = await connectClient({ port: proxy.port, codec: uuid })
    const replies = Promise.all([1, 2].map((id) => client.request(uuidFrame({ id }))))
    const waitedMs = await elapsedMs(replies)
    const text = `meta protocol upstream request: connection failure '127.0.0.1:${hole.port}' due to timeout`
    assert.deepEqual((await replies).map(body), [text, text])
    assert.ok(waitedMs >= 99 && waitedMs < 500, `${waitedMs} ms`)
    await proxy.until('upstream_cx_active', 0)
    assert.ok(proxy.stat('upstream_cx_connect_timeout') >= 1)
    assert.equal(proxy.stat('upstream_cx_connect_fail'), 0)
    assert.equal(proxy.stat('upstream_rq_pending_active'), 0)
    assert.equal(proxy.proxy.timerCount, 0)
  })
}

test('a client that has finished writing gets all its replies, then the end', async () => {
  for (const multiplexing of [true, false]) {
    const hold = holding()
    await using server = await startEchoServer({ codec: uuid, handler: hold.handler })
    await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: uuid, allowHalfOpen: true })
    for (let id = 1; id <= 20; id++) client.send(uuidFrame({ id, body: `r${id}` }))
    client.end()
    await server.arrived(20)
    assert.equal(client.received.length, 0)
    hold.release()
    const replies = await client.take(20)
    assert.deepEqual(
      replies.map(({ requestId }) => Number(requestId)).sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, n) => n + 1),
    )
    await client.ended()
    await proxy.until('downstream_cx_active', 0)
    assert.equal(proxy.stat('cx_destroy_local_with_active_rq'), 0)
  }
})

test('a client that has finished writing while it was paused gets all its replies', async () => {
  await using server = await startEchoServer({ codec: uuid })
  const filter = { maxInFlightPerConnection: 2 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: uuid, allowHalfOpen: true })
  client.socket.end(Buffer.concat(Array.from({ length: 500 }, (_, id) => uuidFrame({ id: id + 1 }))))
  await client.take(500)
  await client.ended()
})

test('a client that finishes with nothing pending is closed at once, also in the middle of a message', async () => {
  await using server = await startEchoServer({ codec: uuid, handler: echo })
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port] })
  await using fresh = await connectClient({ port: proxy.port, codec: uuid, allowHalfOpen: true })
  fresh.end()
  await fresh.ended()
  await using served = await connectClient({ port: proxy.port, codec: uuid, allowHalfOpen: true })
  await served.request(uuidFrame({ id: 1 }))
  served.end()
  await served.ended()
  await using broken = await connectClient({ port: proxy.port, codec: uuid, allowHalfOpen: true })
  broken.socket.end(uuidFrame({ id: 2 }).subarray(0, 9))
  await broken.ended()
  await proxy.until('downstream_cx_active', 0)
})

test('while a client is not read the message that it has begun has no deadline', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  await using server = await startEchoServer({
    codec: uuid,
    handler: async (request, connection) => {
      await released
      connection.send(uuidFrame({ id: request.requestId, body: Buffer.alloc(12 * 1024 * 1024) }))
    },
  })
  const filter = { partialMessageTimeoutMs: 1000 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  client.send(uuidFrame({ id: 1 }))
  await server.arrived(1)
  client.socket.pause()
  const last = uuidFrame({ id: 2 })
  client.send(last.subarray(0, 7))
  await proxy.until('downstream_cx_rx_bytes_total', last.length + 7)
  release()
  await proxy.until('downstream_flow_control_paused', 1)
  client.send(last.subarray(7))
  await sleep(1200)
  client.socket.resume()
  assert.deepEqual(
    (await client.take(2)).map(({ requestId }) => requestId),
    [1, 2],
  )
  assert.equal(proxy.stat('partial_message_timeout'), 0)
})

test('an idle client that is still taking its last reply gets all of it before the end', async () => {
  const bytes = 12 * 1024 * 1024
  await using server = await startEchoServer({
    codec: uuid,
    handler: (request, connection) => connection.send(uuidFrame({ id: request.requestId, body: Buffer.alloc(bytes) })),
  })
  const filter = { idleTimeoutMs: 80 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  client.socket.pause()
  const reply = client.request(uuidFrame({ id: 1 }))
  await proxy.until('idle_timeout', 1)
  client.socket.resume()
  assert.equal((await reply).bodySize, bytes)
  await client.ended()
})

for (const multiplexing of [true, false]) {
  const name = multiplexing ? 'shared' : 'exclusive'
  test(`a request that waits for a connection has its deadline all the same: ${name}`, async () => {
    await using hole = await startBlackHole()
    await using proxy = await startTestProxy({
      codec: uuid,
      endpoints: [hole.port],
      multiplexing,
      filter: { requestTimeoutMs: 50 },
    })
    await using client = await connectClient({ port: proxy.port, codec: uuid })
    for (let id = 1; id <= 3; id++) assert.equal(body(await client.request(uuidFrame({ id }))), TIMEOUT)
    assert.equal(proxy.stat('upstream_rq_pending_active'), 0)
    assert.equal(proxy.stat('upstream_rq_active'), 0)
    assert.equal(proxy.stat('upstream_rq_timeout'), 3)
  })
}
