import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Metadata } from '@meltemi/sdk'
import { session, sessionFrame, transaction } from '../harness/codecs/index.ts'
import { connectClient, startEchoServer, startTestProxy } from '../harness/index.ts'

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
