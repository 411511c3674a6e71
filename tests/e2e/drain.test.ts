import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { DYING_COMMAND } from '../harness/codecs/looping.ts'
import {
  awesomerpcFrame,
  connectClient,
  echo,
  holding,
  silent,
  startEchoServer,
  startProxyProcess,
  startTestProxy,
  TestProxy,
} from '../harness/index.ts'

const QUIET = ['--log-level', 'error']
const MIB = 1024 * 1024
/** More than a client's kernel takes by itself, and less than the proxy's. */
const SOME_KIB = 600 * 1024

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

for (const concurrency of ['0', '2']) {
  test(`SIGTERM drains: not ready, the request under way is answered, exit code 0 (--concurrency ${concurrency})`, async () => {
    const answers: (() => void)[] = []
    await using server = await startEchoServer({
      codec: awesomerpc,
      handler: (request, connection) => {
        answers.push(() => connection.answer(request))
      },
    })
    const args = [...QUIET, '--concurrency', concurrency, '--drain-time-s', '10']
    await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [server.port], arguments: args })
    await using busy = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 5000 })
    const reply = busy.request(awesomerpcFrame({ id: 1 }))
    await server.arrived(1)
    proxy.child.kill('SIGTERM')
    while ((await proxy.get('/ready')).status !== 503);
    while (await canConnect(proxy.port));
    answers[0]?.()
    assert.equal((await reply).message.readInt16BE(11), 0)
    await busy.ended()
    assert.equal(await proxy.exited(), 0)
  })
}

test('the drain time ends what does not end by itself', async () => {
  await using server = await startEchoServer({ codec: awesomerpc, handler: () => {} })
  const args = [...QUIET, '--drain-time-s', '1']
  await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [server.port], arguments: args })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  client.send(awesomerpcFrame({ id: 1 }))
  await server.arrived(1)
  const startedMs = performance.now()
  proxy.child.kill('SIGTERM')
  assert.equal(await proxy.exited(), 0)
  const elapsedMs = performance.now() - startedMs
  assert.ok(elapsedMs > 900 && elapsedMs < 4000, `it took ${elapsedMs} ms`)
})

test('a second signal exits at once', async () => {
  await using server = await startEchoServer({ codec: awesomerpc, handler: () => {} })
  const args = [...QUIET, '--drain-time-s', '600']
  await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [server.port], arguments: args })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  client.send(awesomerpcFrame({ id: 1 }))
  await server.arrived(1)
  proxy.child.kill('SIGTERM')
  while ((await proxy.get('/ready')).status !== 503);
  await sleep(150)
  proxy.child.kill('SIGTERM')
  assert.equal(await proxy.exited(), 128 + 15)
})

test('a signal that comes twice at once, as npm hands it on, still drains', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [server.port], arguments: QUIET })
  proxy.child.kill('SIGINT')
  proxy.child.kill('SIGINT')
  assert.equal(await proxy.exited(), 0)
})

test('/drain_listeners stops accepting and /quitquitquit ends, both by POST only', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [server.port], arguments: QUIET })
  assert.notEqual((await proxy.get('/drain_listeners')).status, 200)
  assert.notEqual((await proxy.get('/quitquitquit')).status, 200)
  assert.equal(await canConnect(proxy.port), true)
  assert.equal(await proxy.post('/drain_listeners'), 200)
  while (await canConnect(proxy.port));
  assert.equal(await proxy.post('/quitquitquit'), 200)
  assert.equal(await proxy.exited(), 0)
})

test('a proxy told to drain or to stop while it starts opens no port', async () => {
  for (const end of ['drain', 'stop'] as const) {
    const { proxy } = new TestProxy({ codec: awesomerpc, endpoints: [] })
    const starting = proxy.start(false)
    await proxy[end]()
    await starting
    assert.equal(await canConnect(proxy.listeners[0]?.port ?? 0), false, end)
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
  while (proxy.proxy.connectionCount > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('a drained client gets the whole of its last reply, whatever it has sent in the meantime', async () => {
  const held = holding()
  await using server = await startEchoServer({ codec: awesomerpc, handler: held.handler })
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  client.send(awesomerpcFrame({ id: 1, body: Buffer.alloc(2 * MIB) }))
  await server.arrived(1)
  client.socket.pause()
  await proxy.proxy.drain()
  held.release()
  await proxy.until('response', 1, 5000)
  // the beginning of a message that the proxy has no use for any more, on its way while it closes
  client.send(awesomerpcFrame({ id: 2 }).subarray(0, 20))
  await new Promise((resolve) => setTimeout(resolve, 100))
  client.socket.resume()
  assert.equal((await client.next()).message.length, 2 * MIB + 13)
  await client.ended()
})

test('a process that drains ends only when its clients have their last replies, whatever they sent in the meantime', async () => {
  const held = holding()
  await using server = await startEchoServer({ codec: awesomerpc, handler: held.handler })
  const args = [...QUIET, '--drain-time-s', '5']
  await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [server.port], arguments: args })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  client.send(awesomerpcFrame({ id: 1, body: Buffer.alloc(SOME_KIB) }))
  await server.arrived(1)
  client.socket.pause()
  await proxy.post('/drain_listeners')
  proxy.child.kill('SIGTERM')
  while (await canConnect(proxy.port));
  held.release()
  while ((await proxy.stat('meta_protocol.test.test.response')) < 1);
  // all of the reply is in the kernel's buffers now, and most of it has not reached the client
  await new Promise((resolve) => setTimeout(resolve, 1500))
  client.send(awesomerpcFrame({ id: 2 }).subarray(0, 20))
  await new Promise((resolve) => setTimeout(resolve, 100))
  client.socket.resume()
  assert.equal((await client.next()).message.length, SOME_KIB + 13)
  await client.ended()
  assert.equal(await proxy.exited(), 0)
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
  while (await canConnect(proxy.port));
  client.send(awesomerpcFrame({ id: 2, cmd: DYING_COMMAND }))
  await client.ended()
  while ((await proxy.stat('server.workers')) !== 1);
  assert.equal(await canConnect(proxy.port), false)
  assert.equal(await proxy.stat('server.worker_restarted'), 0)
})
