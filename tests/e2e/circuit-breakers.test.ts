import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageType, type Metadata } from '@meltemi/sdk'
import { startBlackHole } from '../harness/black-hole.ts'
import { sessionFrame, streaming, streamingFrame, transaction, uuid, uuidFrame } from '../harness/codecs/index.ts'
import {
  closing,
  connectClient,
  delayed,
  echo,
  type Handler,
  holding,
  inTurn,
  startEchoServer,
  startTestProxy,
  type TestProxy,
  wrongId,
} from '../harness/index.ts'

const OVERFLOW = 'meta protocol upstream request: too many connections'
const ENVOY = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 }

function body(reply: Metadata): string {
  return reply.get('body') ?? ''
}

async function untilUnused(proxy: TestProxy): Promise<void> {
  for (let turn = 0; proxy.limitsInUse > 0 && turn < 2000; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(proxy.limitsInUse, 0)
}

for (const multiplexing of [true, false]) {
  const name = multiplexing ? 'shared' : 'exclusive'

  test(`max_requests: one more than are allowed fails at once, and there is room again after a reply: ${name}`, async () => {
    const hold = holding()
    await using server = await startEchoServer({ codec: uuid, handler: hold.handler })
    await using proxy = await startTestProxy({
      codec: uuid,
      endpoints: [server.port],
      multiplexing,
      cluster: { circuitBreaker: { ...ENVOY, maxRequests: 2 } },
    })
    await using client = await connectClient({ port: proxy.port, codec: uuid })
    const allowed = [1, 2].map((id) => client.request(uuidFrame({ id, body: 'ok' })))
    await server.arrived(2)
    assert.equal(body(await client.request(uuidFrame({ id: 3 }))), OVERFLOW)
    assert.equal(proxy.stat('upstream_rq_overflow'), 1)
    hold.release()
    assert.deepEqual((await Promise.all(allowed)).map(body), ['ok', 'ok'])
    assert.equal(body(await client.request(uuidFrame({ id: 4, body: 'ok' }))), 'ok')
    assert.equal(server.received.length, 3)
    await client.close()
    await proxy.until('downstream_cx_active', 0)
  })

  test(`max_pending_requests: one more than may wait for a connection fails at once: ${name}`, async () => {
    await using hole = await startBlackHole()
    await using proxy = await startTestProxy({
      codec: uuid,
      endpoints: [hole.port],
      multiplexing,
      cluster: { connectTimeoutMs: 100, circuitBreaker: { ...ENVOY, maxPendingRequests: 2 } },
    })
    await using client = await connectClient({ port: proxy.port, codec: uuid })
    const waiting = [1, 2].map((id) => client.request(uuidFrame({ id })))
    assert.equal(body(await client.request(uuidFrame({ id: 3 }))), OVERFLOW)
    assert.equal(proxy.stat('upstream_rq_pending_active'), 2)
    assert.equal(proxy.stat('upstream_rq_pending_overflow'), 1)
    for (const reply of await Promise.all(waiting)) assert.match(body(reply), /due to timeout$/)
    assert.equal(proxy.stat('upstream_rq_pending_active'), 0)
  })
}

test('max_connections: requests wait for the connection that there is, and are served one after the other', async () => {
  await using server = await startEchoServer({ codec: uuid, handler: delayed(5) })
  await using proxy = await startTestProxy({
    codec: uuid,
    endpoints: [server.port],
    multiplexing: false,
    cluster: { circuitBreaker: { ...ENVOY, maxConnections: 1 } },
  })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const ids = [1, 2, 3, 4, 5]
  const replies = await Promise.all(ids.map((id) => client.request(uuidFrame({ id, body: `r${id}` }))))
  assert.deepEqual(replies.map(body), ['r1', 'r2', 'r3', 'r4', 'r5'])
  assert.deepEqual(
    client.received.map(({ requestId }) => requestId),
    ids,
  )
  assert.equal(server.connections.length, 1)
  assert.equal(proxy.stat('upstream_cx_overflow'), 4)
  assert.equal(proxy.stat('upstream_rq_pending_active'), 0)
})

test('max_connections: what waits is served by a new connection when the one it waited for is gone', async () => {
  await using server = await startEchoServer({ codec: uuid, handler: inTurn(closing, echo) })
  await using proxy = await startTestProxy({
    codec: uuid,
    endpoints: [server.port],
    multiplexing: false,
    cluster: { circuitBreaker: { ...ENVOY, maxConnections: 1 } },
  })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const replies = await Promise.all([1, 2, 3].map((id) => client.request(uuidFrame({ id, body: `r${id}` }))))
  assert.deepEqual(replies.map(body).slice(1), ['r2', 'r3'])
  assert.match(body(replies[0] as Metadata), /remote connection failure/)
})

test('max_connections: requests that may be shared wait for the place of a client’s own connection', async () => {
  await using server = await startEchoServer({ codec: transaction })
  await using proxy = await startTestProxy({
    codec: transaction,
    endpoints: [server.port],
    cluster: { circuitBreaker: { ...ENVOY, maxConnections: 1 } },
  })
  await using owner = await connectClient({ port: proxy.port, codec: transaction })
  await using other = await connectClient({ port: proxy.port, codec: transaction })
  await owner.request(sessionFrame({ verb: 'B', id: 1 }))
  const reply = other.request(sessionFrame({ verb: 'Q', id: 1 }))
  await proxy.until('upstream_rq_pending_active', 1)
  await owner.close()
  assert.equal((await reply).requestId, 1)
})

test('thousands of one-way messages that waited for one connection leave together', async () => {
  await using server = await startEchoServer({ codec: streaming })
  await using proxy = await startTestProxy({
    codec: streaming,
    endpoints: [server.port],
    filter: { maxInFlightPerConnection: 100_000 },
    cluster: { circuitBreaker: { ...ENVOY, maxPendingRequests: 100_000, maxRequests: 100_000 } },
  })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  const count = 20_000
  client.send(Buffer.concat(Array(count).fill(streamingFrame({ type: MessageType.Oneway, id: 1 }))))
  await server.arrived(count)
  assert.equal(server.received.length, count)
  assert.equal(proxy.stat('upstream_rq_active'), 0)
  await client.close()
  await proxy.until('downstream_cx_active', 0)
})

const ENDINGS: readonly { readonly name: string; readonly handler: Handler }[] = [
  { name: 'answered', handler: echo },
  { name: 'closed', handler: closing },
  { name: 'answered wrongly', handler: wrongId },
  { name: 'never answered', handler: () => {} },
]

for (const multiplexing of [true, false]) {
  for (const { name, handler } of ENDINGS) {
    const kind = multiplexing ? 'shared' : 'exclusive'
    test(`nothing is held of any limit after requests were ${name} and all has closed: ${kind}`, async () => {
      await using server = await startEchoServer({ codec: uuid, handler })
      const proxy = await startTestProxy({
        codec: uuid,
        endpoints: [server.port, 1],
        multiplexing,
        filter: { requestTimeoutMs: 60 },
        cluster: { circuitBreaker: { ...ENVOY, maxConnections: 3, maxPendingRequests: 4, maxRequests: 20 } },
      })
      await using stays = await connectClient({ port: proxy.port, codec: uuid })
      const leaves = await connectClient({ port: proxy.port, codec: uuid })
      const replies = Array.from({ length: 30 }, (_, n) => stays.request(uuidFrame({ id: n + 1 })))
      for (let id = 1; id <= 30; id++) leaves.send(uuidFrame({ id }))
      await proxy.until('request', 60)
      leaves.socket.resetAndDestroy()
      await Promise.all(replies)
      assert.equal(stays.received.length, 30)
      await stays.close()
      await proxy.until('downstream_cx_active', 0)
      for (const gauge of ['request_active', 'upstream_rq_active', 'upstream_rq_pending_active']) {
        assert.equal(proxy.stat(gauge), 0, gauge)
      }
      await proxy.proxy.stop()
      await untilUnused(proxy)
      assert.equal(proxy.stat('upstream_cx_active'), 0)
      assert.equal(proxy.proxy.timerCount, 0)
    })
  }
}
