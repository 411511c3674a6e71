import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { DYING_COMMAND } from '../harness/codecs/looping.ts'
import {
  awesomerpcFrame,
  connectClient,
  echo,
  silent,
  startEchoServer,
  startProxyProcess,
  startTestProxy,
  TestProxy,
} from '../harness/index.ts'

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

test('a worker that dies while it drains does not come back to accept again', async () => {
  await using server = await startEchoServer({ codec: awesomerpc, handler: silent })
  const module = fileURLToPath(new URL('../harness/codecs/looping.ts', import.meta.url))
  const args = ['--concurrency', '2', '--module', module, '--log-level', 'error']
  await using proxy = await startProxyProcess({ codec: 'test.looping', endpoints: [server.port], arguments: args })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  client.send(awesomerpcFrame({ id: 1 }))
  await server.arrived(1)
  await proxy.post('/drain_listeners')
  while (await connects(proxy.port));
  client.send(awesomerpcFrame({ id: 2, cmd: DYING_COMMAND }))
  await client.ended()
  while ((await proxy.stat('server.workers')) !== 1);
  assert.equal(await connects(proxy.port), false)
  assert.equal(await proxy.stat('server.worker_restarted'), 0)
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
