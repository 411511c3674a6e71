import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { MessageType } from '@meltemi/sdk'
import { streaming, streamingFrame } from '../harness/codecs/index.ts'
import { connectClient, startEchoServer, startTestProxy } from '../harness/index.ts'

const GO_AWAY = 'go-away'

test('a drain says go away once where the codec has it, and what is under way is still answered', async () => {
  const answers: (() => void)[] = []
  await using server = await startEchoServer({
    codec: streaming,
    handler: (request, connection) => {
      answers.push(() => connection.answer(request))
    },
  })
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port] })
  await using idle = await connectClient({ port: proxy.port, codec: streaming })
  await using busy = await connectClient({ port: proxy.port, codec: streaming })
  const reply = busy.request(streamingFrame({ type: MessageType.Request, id: 7 }))
  await server.arrived(1)
  await proxy.until('downstream_cx_active', 4) // both of the listener and both of its protocol

  await proxy.proxy.drain()
  assert.equal((await idle.next()).get(GO_AWAY), '1')
  answers[0]?.()
  assert.equal((await reply).requestId, 7)
  assert.deepEqual(
    busy.received.map((message) => message.get(GO_AWAY)),
    ['1', undefined],
  )
  for (const client of [idle, busy]) client.socket.end()
  await proxy.until('downstream_cx_active', 0)
})

test('a drain closes idle clients of a protocol that has no go away', async () => {
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [] })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  await proxy.until('downstream_cx_active', 2)
  const closed = once(client.socket, 'close')
  await proxy.proxy.drain()
  await closed
  await proxy.until('downstream_cx_active', 0)
  assert.deepEqual(client.received, [])
})
