import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageType, type Metadata } from '@meltemi/sdk'
import {
  mutable,
  mutableFrame,
  StreamingFlag,
  streaming,
  streamingFrame,
  uuid,
  uuidFrame,
} from '../harness/codecs/index.ts'
import { connectClient, echo, holding, startEchoServer, startTestProxy } from '../harness/index.ts'

const MIB = 1024 * 1024

function body(reply: Metadata): string {
  return reply.message.toString('utf8', reply.headerSize)
}

test('an announced length above the limit closes the client at once, with one count and one line', async () => {
  await using server = await startEchoServer({ codec: uuid })
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  await using other = await connectClient({ port: proxy.port, codec: uuid })
  const frame = uuidFrame({ id: 1 })
  frame.writeUInt32BE(0x7fffffff, 0)
  client.send(frame)
  await client.closed()
  assert.equal(proxy.stat('request_decoding_error'), 1)
  assert.deepEqual(
    proxy.log.map(({ level, message, fields }) => [level, message, fields['reason']]),
    [['warn', 'bad bytes', 'message length 2147483647 exceeds 16777216']],
  )
  assert.equal((await other.request(uuidFrame({ id: 2 }))).requestId, 2)
  assert.equal(proxy.stat('codec_exception'), 0)
})

test('the message limit is the listener’s own: a message of that size passes, one byte more closes', async () => {
  await using server = await startEchoServer({ codec: uuid })
  const filter = { maxMessageBytes: 1000 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const fits = uuidFrame({ id: 1, body: 'x'.repeat(1000 - 21) })
  assert.equal((await client.request(fits)).message.length, 1000)
  client.send(uuidFrame({ id: 1, body: 'x'.repeat(1001 - 21) }))
  await client.closed()
  assert.equal(server.received.length, 1)
})

test('a client that does not take its replies is closed when too many wait, and others are served on', async () => {
  const large = uuidFrame({ id: 1, body: Buffer.alloc(MIB) })
  await using server = await startEchoServer({
    codec: uuid,
    handler: (request, connection) => {
      const reply = Buffer.from(request.get('body') === 'large' ? large : request.message)
      request.message.copy(reply, 4, 4, 20)
      connection.send(reply)
    },
  })
  await using proxy = await startTestProxy({
    codec: uuid,
    endpoints: [server.port],
    filter: { maxDownstreamBufferBytes: 4 * MIB },
  })
  await using slow = await connectClient({ port: proxy.port, codec: uuid })
  await using other = await connectClient({ port: proxy.port, codec: uuid })
  slow.socket.pause()
  for (let id = 1; id <= 30; id++) slow.send(uuidFrame({ id, body: 'large' }))
  await proxy.until('meta_protocol.test.test.downstream_cx_overflow', 1, 3000)
  assert.equal((await other.request(uuidFrame({ id: 7 }))).requestId, 7)
  await proxy.until('request_active', 0)
  assert.equal(proxy.stat('meta_protocol.test.test.downstream_cx_active'), 1)
  assert.ok(proxy.stat('cx_destroy_local_with_active_rq') > 0)
})

test('a client that takes its replies slowly gets them all, with little waiting for it meanwhile', async () => {
  await using server = await startEchoServer({ codec: uuid })
  await using proxy = await startTestProxy({
    codec: uuid,
    endpoints: [server.port],
    filter: { maxDownstreamBufferBytes: 4 * MIB },
  })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const frame = uuidFrame({ id: 1, body: Buffer.alloc(256 * 1024) })
  client.socket.pause()
  for (let n = 0; n < 100; n++) client.send(frame)
  await sleep(100)
  client.socket.resume()
  await client.take(100)
  assert.equal(proxy.stat('meta_protocol.test.test.downstream_cx_overflow'), 0)
  assert.ok(proxy.stat('downstream_flow_control_paused') > 0)
})

for (const bufferLimitBytes of [1, 1000, 32_768]) {
  test(`small buffer limits slow down but stop nobody: ${bufferLimitBytes} bytes`, async () => {
    await using server = await startEchoServer({ codec: uuid })
    await using proxy = await startTestProxy({
      codec: uuid,
      endpoints: [server.port],
      listener: { bufferLimitBytes },
      cluster: { bufferLimitBytes },
    })
    await using client = await connectClient({ port: proxy.port, codec: uuid })
    for (let n = 0; n < 50; n++) client.send(uuidFrame({ id: n, body: 'x'.repeat(n * 1000) }))
    const replies = await client.take(50)
    assert.equal(new Set(replies.map(({ requestId }) => requestId)).size, 50)
  })
}

test('5,000 pipelined requests against a small limit in flight: reading pauses and resumes, nothing is lost', async () => {
  let [active, most] = [0, 0]
  await using server = await startEchoServer({
    codec: uuid,
    handler: async (request, connection) => {
      most = Math.max(most, ++active)
      await new Promise((resolve) => setImmediate(resolve))
      active--
      connection.answer(request)
    },
  })
  const filter = { maxInFlightPerConnection: 64 }
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  client.send(Buffer.concat(Array.from({ length: 5000 }, (_, id) => uuidFrame({ id, body: `r${id}` }))))
  const replies = await client.take(5000)
  assert.equal(new Set(replies.map(({ requestId }) => requestId)).size, 5000)
  for (const reply of replies) assert.equal(body(reply), `r${reply.requestId}`)
  assert.ok(most <= 64, `${most} at once`)
  assert.ok(proxy.stat('downstream_flow_control_paused') > 1)
})

test('a listener takes so many connections and refuses more, until one has gone', async () => {
  await using server = await startEchoServer({ codec: uuid })
  await using proxy = await startTestProxy({
    codec: uuid,
    endpoints: [server.port],
    listener: { maxConnections: 2 },
  })
  const first = await connectClient({ port: proxy.port, codec: uuid })
  await using second = await connectClient({ port: proxy.port, codec: uuid })
  await second.request(uuidFrame({ id: 1 }))
  await using refused = await connectClient({ port: proxy.port, codec: uuid })
  await refused.closed()
  await first.close()
  await proxy.until('meta_protocol.test.test.downstream_cx_active', 1)
  await using third = await connectClient({ port: proxy.port, codec: uuid })
  assert.equal((await third.request(uuidFrame({ id: 2 }))).requestId, 2)
})

test('overload level 1 refuses new connections and serves those that are there', async () => {
  let level = 0
  await using server = await startEchoServer({ codec: mutable })
  await using proxy = await startTestProxy({ codec: mutable, endpoints: [server.port], overloadLevel: () => level })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  await client.request(mutableFrame({ id: 1 }))
  level = 1
  await using refused = await connectClient({ port: proxy.port, codec: mutable })
  await refused.closed()
  assert.equal(proxy.stat('downstream_cx_overload_reject'), 1)
  assert.equal((await client.request(mutableFrame({ id: 2 }))).status, 0)
  level = 0
  await using again = await connectClient({ port: proxy.port, codec: mutable })
  assert.equal((await again.request(mutableFrame({ id: 3 }))).status, 0)
})

test('overload level 2 answers new requests with OverLimit and finishes those under way', async () => {
  let level = 0
  const hold = holding()
  await using server = await startEchoServer({ codec: mutable, handler: hold.handler })
  await using proxy = await startTestProxy({ codec: mutable, endpoints: [server.port], overloadLevel: () => level })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const underWay = client.request(mutableFrame({ id: 1, body: 'x' }))
  await server.arrived(1)
  level = 2
  const reply = await client.request(mutableFrame({ id: 2 }))
  assert.equal(body(reply), "meta protocol overload: request '2' has been rejected")
  assert.equal(proxy.stat('request_overload'), 1)
  hold.release()
  assert.equal(body(await underWay), 'x')
  level = 0
  assert.equal(body(await client.request(mutableFrame({ id: 3, body: 'y' }))), 'y')
})

test('overload level 3 closes the connection that holds the most', async () => {
  let level = 0
  await using server = await startEchoServer({ codec: mutable, handler: () => {} })
  await using proxy = await startTestProxy({ codec: mutable, endpoints: [server.port], overloadLevel: () => level })
  await using small = await connectClient({ port: proxy.port, codec: mutable })
  await using large = await connectClient({ port: proxy.port, codec: mutable })
  await using idle = await connectClient({ port: proxy.port, codec: mutable })
  small.send(mutableFrame({ id: 1, body: 'x'.repeat(1000) }))
  large.send(mutableFrame({ id: 1, body: 'x'.repeat(100_000) }))
  await server.arrived(2)
  level = 3
  await large.closed()
  level = 0
  assert.equal(proxy.stat('downstream_cx_overload_closed'), 1)
  assert.equal(small.isClosed, false)
  assert.equal(idle.isClosed, false)
})

test('an echo service and its clients hold nothing afterwards', async () => {
  await using server = await startEchoServer({ codec: uuid, handler: echo })
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port] })
  const client = await connectClient({ port: proxy.port, codec: uuid })
  await client.request(uuidFrame({ id: 1 }))
  client.socket.resetAndDestroy()
  await proxy.until('downstream_cx_active', 0)
  assert.equal(proxy.proxy.timerCount, 0)
  assert.equal(proxy.proxy.connectionCount, 0)
})

test('a service that has a client of its own is held back while that client does not take a long reply', async () => {
  const parts = 64
  await using server = await startEchoServer({
    codec: streaming,
    handler: async (request, connection) => {
      const id = Number(request.requestId)
      const part = { type: MessageType.Response, id, body: Buffer.alloc(MIB) }
      for (let n = 1; n < parts; n++) await connection.sent(streamingFrame({ ...part, flags: StreamingFlag.More }))
      await connection.sent(streamingFrame(part))
    },
  })
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port], multiplexing: false })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  client.socket.pause()
  client.send(streamingFrame({ type: MessageType.Request, id: 1 }))
  await server.arrived(1)
  await sleep(200)
  assert.ok(proxy.stat('upstream_cx_rx_bytes_total') < 32 * MIB)
  client.socket.resume()
  assert.equal((await client.take(parts)).length, parts)
})
