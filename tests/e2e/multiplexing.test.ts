import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { awesomerpcFrame, connectClient, doubled, startEchoServer, startTestProxy, wrongId } from '../harness/index.ts'

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
