import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { DYING_COMMAND, LOOPING_COMMAND } from '../harness/codecs/looping.ts'
import {
  awesomerpcFrame,
  connectClient,
  type ProxyProcess,
  type RawClient,
  startEchoServer,
  startProxyProcess,
} from '../harness/index.ts'

const MODULE = fileURLToPath(new URL('../harness/codecs/looping.ts', import.meta.url))
const CONNECTIONS = 12

/** Clients spread over the workers by the kernel; each has been served once. */
async function connectMany(proxy: ProxyProcess): Promise<RawClient[]> {
  const clients: RawClient[] = []
  for (let i = 0; i < CONNECTIONS; i++) {
    const client = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 5000 })
    assert.equal((await client.request(awesomerpcFrame({ id: i }))).requestId, i)
    clients.push(client)
  }
  return clients
}

async function isAlive(client: RawClient): Promise<boolean> {
  return client.request(awesomerpcFrame({ id: 99 })).then(
    () => true,
    () => false,
  )
}

for (const { title, command } of [
  {
    title: 'a codec that loops is ended within a second, and only its worker’s connections suffer',
    command: LOOPING_COMMAND,
  },
  { title: 'a worker that dies is replaced, and only its connections suffer', command: DYING_COMMAND },
]) {
  test(title, async () => {
    await using server = await startEchoServer({ codec: awesomerpc })
    const args = ['--concurrency', '2', '--module', MODULE, '--log-level', 'error']
    await using proxy = await startProxyProcess({ codec: 'test.looping', endpoints: [server.port], arguments: args })
    const clients = await connectMany(proxy)
    const [victim, ...others] = clients as [RawClient, ...RawClient[]]
    const startedMs = performance.now()
    victim.send(awesomerpcFrame({ id: 1, cmd: command }))
    await victim.ended()
    const elapsedMs = performance.now() - startedMs
    assert.ok(elapsedMs < 1500, `its connection ended after ${elapsedMs} ms`)
    const alive = await Promise.all(others.map(isAlive))
    assert.ok(alive.includes(true), 'connections of the other worker go on')
    await using fresh = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 5000 })
    assert.equal((await fresh.request(awesomerpcFrame({ id: 5 }))).requestId, 5)
    while ((await proxy.stat('server.worker_restarted')) < 1);
    assert.equal(await proxy.stat('server.worker_restarted'), 1)
    for (const client of clients) await client.close()
  })
}

test('limits are exact over all workers', async () => {
  const waiting: (() => void)[] = []
  await using server = await startEchoServer({
    codec: awesomerpc,
    handler: (request, connection) => {
      waiting.push(() => connection.answer(request))
    },
  })
  const thresholds = [{ max_requests: 10, max_connections: 100, max_pending_requests: 100 }]
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [server.port],
    cluster: { circuit_breakers: { thresholds } },
    arguments: ['--concurrency', '4', '--log-level', 'error'],
  })
  const clients = await Promise.all(
    Array.from({ length: 40 }, () => connectClient({ port: proxy.port, codec: awesomerpc })),
  )
  const replies = clients.map((client, id) => client.request(awesomerpcFrame({ id })))
  await server.arrived(10)
  while ((await proxy.stat('cluster.service.upstream_rq_overflow')) < 30);
  for (const answer of waiting) answer()
  const codes = (await Promise.all(replies)).map((reply) => reply.message.readInt16BE(11))
  assert.equal(codes.filter((code) => code === 0).length, 10)
  assert.equal(codes.filter((code) => code === 1).length, 30)
  for (const client of clients) await client.close()
})

test('statistics and endpoints are added up over all workers', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const args = ['--concurrency', '3', '--log-level', 'error']
  await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [server.port], arguments: args })
  const clients = await connectMany(proxy)
  assert.equal(await proxy.stat('meta_protocol.test.test.request'), CONNECTIONS)
  const { text } = await proxy.get('/clusters')
  assert.match(text, new RegExp(`service::127.0.0.1:${server.port}::rq_total::${CONNECTIONS}`))
  for (const client of clients) await client.close()
})
