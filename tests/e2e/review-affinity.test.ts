import assert from 'node:assert/strict'
import { test } from 'node:test'
import { session, sessionFrame, transaction } from '../harness/codecs/index.ts'
import { connectClient, type EchoConnection, startEchoServer, startTestProxy } from '../harness/index.ts'

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
