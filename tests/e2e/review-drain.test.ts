import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { awesomerpcFrame, connectClient, echo, startEchoServer, startTestProxy, TestProxy } from '../harness/index.ts'

const MIB = 1024 * 1024

test('a proxy told to drain or to stop while it starts opens no port', async () => {
  for (const end of ['drain', 'stop'] as const) {
    const { proxy } = new TestProxy({ codec: awesomerpc, endpoints: [] })
    const starting = proxy.start(false)
    await proxy[end]()
    await starting
    assert.equal(await connects(proxy.listeners[0]?.port ?? 0), false, end)
    await proxy.stop()
  }
})

test('a drained client counts until it has taken the last byte of its reply', async () => {
  await using server = await startEchoServer({ codec: awesomerpc, handler: echo })
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  client.socket.pause()
  client.send(awesomerpcFrame({ id: 1, body: Buffer.alloc(14 * MIB) }))
  await proxy.until('response', 1, 5000)
  await proxy.proxy.drain()
  assert.equal(proxy.proxy.connectionCount, 1)
  client.socket.resume()
  assert.equal((await client.next()).message.length, 14 * MIB + 13)
  await client.ended()
  if (!client.isClosed) await once(client.socket, 'close')
  assert.equal(proxy.proxy.connectionCount, 0)
})

test('a stop does not wait for a drained client that takes nothing', async () => {
  await using server = await startEchoServer({ codec: awesomerpc, handler: echo })
  const proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  client.socket.pause()
  client.send(awesomerpcFrame({ id: 1, body: Buffer.alloc(14 * MIB) }))
  await proxy.until('response', 1, 5000)
  await proxy.proxy.drain()
  await proxy.proxy.stop()
  assert.equal(proxy.proxy.connectionCount, 0)
  assert.equal(proxy.proxy.timerCount, 0)
})

async function connects(port: number): Promise<boolean> {
  if (port === 0) return false
  try {
    const client = await connectClient({ port, codec: awesomerpc })
    await client.close()
    return true
  } catch {
    return false
  }
}
