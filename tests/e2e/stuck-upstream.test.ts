import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { awesomerpcFrame, connectClient, echo, startEchoServer, startTestProxy } from '../harness/index.ts'

test('a reply that is announced longer than it is costs its connection, not those that come later', async () => {
  await using server = await startEchoServer({
    codec: awesomerpc,
    handler: (request, connection) => {
      const isFirst = request === server.received[0]
      if (!isFirst) return echo(request, connection)
      const lie = Buffer.from(request.message)
      lie.writeUInt32BE(1_000_000, 5)
      connection.send(lie)
    },
  })
  const filter = { partialMessageTimeoutMs: 200, requestTimeoutMs: 5000 }
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  const replies = [1, 2, 3].map((id) => client.request(awesomerpcFrame({ id })))
  for (const reply of await Promise.all(replies)) assert.equal(reply.message.readInt16BE(11), 1)
  assert.equal((await client.request(awesomerpcFrame({ id: 4 }))).message.readInt16BE(11), 0)
  assert.equal(server.connections.length, 2)
})
