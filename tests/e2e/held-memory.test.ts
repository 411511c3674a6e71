import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageType } from '@meltemi/sdk'
import { startBlackHole } from '../harness/black-hole.ts'
import { mutable, mutableFrame, streaming, streamingFrame, uuid, uuidFrame } from '../harness/codecs/index.ts'
import { floodWith, heldBytes, startDeafService } from '../harness/held.ts'
import { connectClient, startEchoServer, startTestProxy, testCluster, testRoute } from '../harness/index.ts'

const MIB = 1024 * 1024

for (const multiplexing of [true, false]) {
  const name = multiplexing ? 'shared' : 'exclusive'
  test(`a service that does not read stops its client, with little memory held: ${name}`, async () => {
    await using service = await startDeafService()
    await using proxy = await startTestProxy({ codec: uuid, endpoints: [service.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: uuid })
    const before = heldBytes()
    const taken = await floodWith(client, uuidFrame({ id: 1, body: Buffer.alloc(64 * 1024) }), proxy)
    const held = heldBytes() - before
    assert.ok(taken < 16 * MIB, `${taken} bytes taken`)
    assert.ok(held < 16 * MIB, `${held} bytes held`)
  })

  test(`one-way messages to a service that does not read stop their client as well: ${name}`, async () => {
    await using service = await startDeafService()
    await using proxy = await startTestProxy({ codec: streaming, endpoints: [service.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: streaming })
    const before = heldBytes()
    const chunk = streamingFrame({ type: MessageType.Oneway, id: 1, body: Buffer.alloc(64 * 1024) })
    const taken = await floodWith(client, chunk, proxy)
    const held = heldBytes() - before
    // nearly all of it is in the kernel's buffers, some MiB for each connection
    assert.ok(taken < 256 * MIB, `${taken} bytes taken by ${service.sockets.length} connections`)
    assert.ok(held < 24 * MIB, `${held} bytes held`)
  })
}

test('one-way messages that a service had not taken when it closed are over', async () => {
  await using service = await startDeafService()
  await using proxy = await startTestProxy({
    codec: streaming,
    endpoints: [service.port],
    filter: { requestTimeoutMs: 0 },
  })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  await floodWith(client, streamingFrame({ type: MessageType.Oneway, id: 1, body: Buffer.alloc(64 * 1024) }), proxy)
  assert.ok(proxy.stat('request_active') > 0)
  await client.close()
  for (const socket of service.sockets) socket.resetAndDestroy()
  await proxy.until('request_active', 0)
  await proxy.until('upstream_rq_active', 0)
})

const WAITS = [
  { name: 'for a connection', isSent: false },
  { name: 'for their replies', isSent: true },
]

for (const { name, isSent } of WAITS) {
  test(`2,000 small requests that wait ${name} do not hold the chunks that they came in`, async () => {
    await using hole = await startBlackHole()
    await using silent = await startEchoServer({ codec: mutable, handler: () => {} })
    const limits = { maxConnections: 9, maxPendingRequests: 2000, maxRequests: 2000, maxRetries: 0 }
    const small = { name: 'small', test: { kind: 'present', present: true } as const, invert: false }
    await using proxy = await startTestProxy({
      codec: mutable,
      clusters: [testCluster('service', [isSent ? silent.port : hole.port], { circuitBreaker: limits })],
      routes: [testRoute('service', { match: { metadata: [{ ...small, treatMissingAsEmpty: false }] } })],
    })
    await using _client = await connectClient({ port: proxy.port, codec: mutable })
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => connectClient({ port: proxy.port, codec: mutable })),
    )
    // no route: answered by the proxy itself
    const filler = mutableFrame({ id: 2, body: Buffer.alloc(60_000) })
    const chunk = Buffer.concat([filler, mutableFrame({ id: 1, pairs: { small: '' }, body: 'x'.repeat(100) })])
    const before = heldBytes()
    for (let round = 0; round < 100; round++) {
      for (const client of clients) client.send(chunk)
      await Promise.all(clients.map((client) => client.next()))
      for (const client of clients) client.received.length = 0
    }
    await proxy.until('request_active', 2000)
    for (const { received } of [silent, ...silent.connections]) received.length = 0
    const held = heldBytes() - before
    assert.ok(held < 20 * MIB, `${held} bytes held`)
    for (const client of clients) await client.close()
  })
}
