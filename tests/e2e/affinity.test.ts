import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Metadata } from '@meltemi/sdk'
import { session, sessionFrame, transaction } from '../harness/codecs/index.ts'
import { connectClient, type EchoConnection, startEchoServer, startTestProxy } from '../harness/index.ts'

function verb(message: Metadata): string {
  return message.operation
}

test('a service that speaks first is connected before the client’s first byte, and its greeting arrives', async () => {
  await using server = await startEchoServer({ codec: session, greeting: sessionFrame({ verb: 'G', body: 'welcome' }) })
  await using proxy = await startTestProxy({ codec: session, endpoints: [server.port] })
  await using a = await connectClient({ port: proxy.port, codec: session })
  await using b = await connectClient({ port: proxy.port, codec: session })
  assert.equal(verb(await a.next()), 'G')
  assert.equal(verb(await b.next()), 'G')
  assert.equal(server.connections.length, 2)
  assert.equal((await a.request(sessionFrame({ verb: 'L', id: 1 }))).requestId, 1)
  assert.equal((await b.request(sessionFrame({ verb: 'Q', id: 1 }))).requestId, 1)
  assert.equal(server.connections.length, 2)
})

test('a client whose greeting cannot be had is closed', async () => {
  await using proxy = await startTestProxy({ codec: session, endpoints: [1] })
  await using client = await connectClient({ port: proxy.port, codec: session })
  await client.ended()
  assert.equal(proxy.stat('request_active'), 0)
})

test('pushes of the service reach the client that owns the connection, and no other', async () => {
  await using server = await startEchoServer({
    codec: session,
    greeting: sessionFrame({ verb: 'G' }),
    handler: (request, connection) => {
      connection.answer(request)
      if (request.operation === 'S') for (const body of ['1', '2']) connection.send(sessionFrame({ verb: 'P', body }))
    },
  })
  await using proxy = await startTestProxy({ codec: session, endpoints: [server.port] })
  await using subscriber = await connectClient({ port: proxy.port, codec: session })
  await using other = await connectClient({ port: proxy.port, codec: session })
  assert.equal(verb(await subscriber.next()), 'G')
  assert.equal(verb(await other.next()), 'G')
  subscriber.send(sessionFrame({ verb: 'S', id: 8 }))
  assert.deepEqual((await subscriber.take(3)).map(verb), ['K', 'P', 'P'])
  await other.request(sessionFrame({ verb: 'Q', id: 1 }))
  assert.equal(other.received.length, 2)
})

test('a transaction keeps one connection from begin to commit; afterwards requests are shared again', async () => {
  await using server = await startEchoServer({ codec: transaction })
  await using proxy = await startTestProxy({ codec: transaction, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: transaction })
  await using other = await connectClient({ port: proxy.port, codec: transaction })
  await other.request(sessionFrame({ verb: 'Q', id: 1 }))
  for (const [id, name] of [
    [1, 'B'],
    [2, 'Q'],
    [3, 'Q'],
    [4, 'C'],
  ] as const) {
    assert.equal((await client.request(sessionFrame({ verb: name, id }))).requestId, id)
  }
  assert.equal(server.connections.length, 2)
  const [shared, own] = server.connections
  assert.deepEqual(shared?.received.map(verb), ['Q'])
  assert.deepEqual(own?.received.map(verb), ['B', 'Q', 'Q', 'C'])
  await client.request(sessionFrame({ verb: 'Q', id: 5 }))
  assert.deepEqual(shared?.received.map(verb), ['Q', 'Q'])
})

test('what is pipelined behind a begin waits for it and goes the same way', async () => {
  await using server = await startEchoServer({ codec: transaction })
  await using proxy = await startTestProxy({ codec: transaction, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: transaction })
  const frames = (['B', 'Q', 'Q', 'C'] as const).map((name, id) => sessionFrame({ verb: name, id }))
  client.send(Buffer.concat(frames))
  assert.deepEqual(
    (await client.take(4)).map((reply) => reply.requestId),
    [0, 1, 2, 3],
  )
  assert.deepEqual(
    server.connections.map((connection) => connection.received.map(verb)),
    [['B', 'Q', 'Q', 'C']],
  )
})

test('when the owned connection ends, the client’s ends too, for its state is gone', async () => {
  await using server = await startEchoServer({ codec: transaction })
  await using proxy = await startTestProxy({ codec: transaction, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: transaction })
  await client.request(sessionFrame({ verb: 'L', id: 1 }))
  server.connections[0]?.destroy()
  await client.ended()
})

test('when the client ends, the connection it owned is closed and not given to others', async () => {
  await using server = await startEchoServer({ codec: transaction })
  await using proxy = await startTestProxy({ codec: transaction, endpoints: [server.port] })
  const client = await connectClient({ port: proxy.port, codec: transaction })
  await client.request(sessionFrame({ verb: 'B', id: 1 }))
  assert.equal(proxy.stat('upstream_cx_active'), 1)
  await client.close()
  await proxy.until('upstream_cx_active', 0)
})

test('a transaction that begins behind a commit keeps the connection', async () => {
  await using server = await startEchoServer({ codec: transaction })
  await using proxy = await startTestProxy({ codec: transaction, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: transaction })
  await client.request(sessionFrame({ verb: 'B', id: 1 }))
  client.send(Buffer.concat([sessionFrame({ verb: 'C', id: 2 }), sessionFrame({ verb: 'B', id: 3 })]))
  await client.take(2)
  await using other = await connectClient({ port: proxy.port, codec: transaction })
  await other.request(sessionFrame({ verb: 'B', id: 1 }))
  assert.equal(server.connections.length, 2)
  await client.request(sessionFrame({ verb: 'Q', id: 4 }))
  await client.request(sessionFrame({ verb: 'C', id: 5 }))
  assert.deepEqual(
    server.connections.map(({ received }) => received.map(({ operation }) => operation).join('')),
    ['BCBQC', 'B'],
  )
})

test('a client that may have one request under way begins its next transaction on a connection of its own', async () => {
  await using server = await startEchoServer({ codec: transaction })
  const filter = { maxInFlightPerConnection: 1 }
  await using proxy = await startTestProxy({ codec: transaction, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: transaction })
  const frames = [...'BCB'].map((verb, id) => sessionFrame({ verb, id }))
  client.send(Buffer.concat(frames))
  await client.take(3)
  await using other = await connectClient({ port: proxy.port, codec: transaction })
  await other.request(sessionFrame({ verb: 'B', id: 1 }))
  await client.request(sessionFrame({ verb: 'Q', id: 9 }))
  assert.deepEqual(
    server.connections.map(({ received }) => received.map(({ operation }) => operation).join('')),
    ['BCBQ', 'B'],
  )
})

test('a reply that comes after its request has timed out is not taken for a push', async () => {
  const late: (() => void)[] = []
  const handler = (request: { operation: string }, connection: EchoConnection) => {
    const answer = () => connection.answer(request as Parameters<EchoConnection['answer']>[0])
    if (request.operation === 'Q') late.push(answer)
    else answer()
  }
  await using server = await startEchoServer({ codec: session, greeting: sessionFrame({ verb: 'G' }), handler })
  const filter = { requestTimeoutMs: 100 }
  await using proxy = await startTestProxy({ codec: session, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: session })
  assert.equal((await client.next()).operation, 'G')
  assert.equal((await client.request(sessionFrame({ verb: 'Q', id: 5 }))).operation, 'E')
  late[0]?.()
  await proxy.until('upstream_rq_unknown_reply', 1)
  assert.equal((await client.request(sessionFrame({ verb: 'S', id: 6 }))).requestId, 6)
  assert.deepEqual(
    client.received.map(({ operation }) => operation),
    ['G', 'E', 'K'],
  )
})
