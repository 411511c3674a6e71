// Two proxies in one process share the memory of their limits as two workers do: so a test knows which has what.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { SharedLimits } from '@meltemi/proxy'
import type { Metadata } from '@meltemi/sdk'
import { startBlackHole } from '../harness/black-hole.ts'
import { sessionFrame, transaction, uuid, uuidFrame } from '../harness/codecs/index.ts'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServer,
  holding,
  type RawClient,
  startEchoServer,
  startProxyProcess,
  startTestProxy,
  type TestProxy,
  type TestProxyOptions,
} from '../harness/index.ts'

const OVERFLOW = 'meta protocol upstream request: too many connections'
const ENVOY = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 }
/** Far below the time of a request, and of a connection that cannot be made. */
const SOON_MS = 1000

interface Pair extends AsyncDisposable {
  readonly proxies: readonly [TestProxy, TestProxy]
  readonly clients: readonly [RawClient, RawClient]
}

/** Two workers with a client each. */
async function startPair(
  server: EchoServer,
  limits: Partial<typeof ENVOY>,
  options: Partial<TestProxyOptions> = {},
): Promise<Pair> {
  const shared = new SharedLimits(2)
  const { codec = uuid, cluster } = options
  const start = (worker: number) =>
    startTestProxy({
      codec,
      endpoints: [server.port],
      ...options,
      share: { limits: shared, worker },
      cluster: { ...cluster, circuitBreaker: { ...ENVOY, ...limits } },
    })
  const proxies = [await start(0), await start(1)] as const
  const clients = [
    await connectClient({ port: proxies[0].port, codec }),
    await connectClient({ port: proxies[1].port, codec }),
  ] as const
  return {
    proxies,
    clients,
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close()
      for (const proxy of proxies) await proxy.until('request_active', 0)
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
      for (const proxy of proxies) assert.equal(proxy.proxy.timerCount, 0)
      assert.equal(proxies[0].limitsInUse, 0)
    },
  }
}

function body(reply: Metadata): string {
  return reply.get('body') ?? ''
}

function ask(client: RawClient, id: number): Promise<Metadata> {
  return client.request(uuidFrame({ id, body: 'ok' }))
}

async function soon<T>(promise: Promise<T>): Promise<T> {
  const startedMs = performance.now()
  const result = await promise
  const elapsedMs = performance.now() - startedMs
  assert.ok(elapsedMs < SOON_MS, `it took ${elapsedMs} ms`)
  return result
}

for (const multiplexing of [true, false]) {
  const mode = multiplexing ? 'shared' : 'exclusive'

  test(`an idle connection of one worker makes room when another has none: ${mode}`, async () => {
    await using server = await startEchoServer({ codec: uuid })
    await using pair = await startPair(server, { maxConnections: 1 }, { multiplexing })
    const [a, b] = pair.clients
    for (let id = 1; id <= 5; id++) {
      for (const client of [a, b]) assert.equal(body(await soon(ask(client, id))), 'ok')
    }
    assert.equal(server.connections.length, 10)
    assert.equal(server.openConnections.length, 1)
  })

  test(`a worker whose requests follow each other without a pause leaves a place to one that has none: ${mode}`, async () => {
    await using server = await startEchoServer({ codec: uuid })
    await using pair = await startPair(server, { maxConnections: 1 }, { multiplexing })
    const [a, b] = pair.clients
    let isOver = false
    let asked = 0
    const load = async () => {
      while (!isOver) assert.equal(body(await ask(a, ++asked)), 'ok')
    }
    const running = [load(), load(), load()]
    for (let id = 1; id <= 20; id++) assert.equal(body(await soon(ask(b, id))), 'ok')
    const before = asked
    while (asked < before + 20) await new Promise((resolve) => setImmediate(resolve))
    isOver = true
    await soon(Promise.all(running))
    assert.ok(server.openConnections.length <= 2, 'one, and one that is on its way out')
  })
}

test('a worker that needs more connections than it has gets those that idle elsewhere, not those in use', async () => {
  const hold = holding()
  await using server = await startEchoServer({ codec: uuid, handler: hold.handler })
  await using pair = await startPair(server, { maxConnections: 4 }, { multiplexing: false })
  const [a, b] = pair.clients
  const first = [ask(a, 1), ask(a, 2), ask(a, 3), ask(b, 1)]
  await server.arrived(4)
  hold.release()
  await Promise.all(first)
  // all four are idle now; what follows needs one here and three there
  const second = [ask(a, 4), ask(b, 2), ask(b, 3), ask(b, 4)]
  for (const reply of await soon(Promise.all(second))) assert.equal(body(reply), 'ok')
  assert.equal(pair.proxies[0].stat('upstream_cx_active') + pair.proxies[1].stat('upstream_cx_active') <= 4, true)
})

test('a place is left only when one is needed: connections stay where they are while there is room', async () => {
  await using server = await startEchoServer({ codec: uuid })
  await using pair = await startPair(server, { maxConnections: 2 })
  for (let id = 1; id <= 10; id++) for (const client of pair.clients) await ask(client, id)
  assert.equal(server.connections.length, 2)
})

test('who waits for a place that nobody leaves is told so after the connect timeout', async () => {
  await using server = await startEchoServer({ codec: transaction })
  const options = { codec: transaction, cluster: { connectTimeoutMs: 200 } }
  await using pair = await startPair(server, { maxConnections: 1 }, options)
  const [owner, other] = pair.clients
  await owner.request(sessionFrame({ verb: 'B', id: 1 }))
  const refused = await soon(other.request(sessionFrame({ verb: 'Q', id: 1 })))
  assert.match(refused.message.toString(), new RegExp(OVERFLOW))
  assert.equal(pair.proxies[1].stat('upstream_rq_pending_active'), 0)
  await owner.request(sessionFrame({ verb: 'C', id: 2 }))
  assert.equal((await soon(other.request(sessionFrame({ verb: 'Q', id: 2 })))).operation, 'K')
})

test('one that leaves while it waits for a place keeps nobody else from it', async () => {
  const hold = holding()
  await using server = await startEchoServer({ codec: uuid, handler: hold.handler })
  await using pair = await startPair(server, { maxConnections: 1 }, { multiplexing: false })
  const [a, b] = pair.clients
  const first = ask(a, 1)
  await server.arrived(1)
  await using leaving = await connectClient({ port: pair.proxies[1].port, codec: uuid })
  leaving.send(uuidFrame({ id: 9 }))
  await pair.proxies[1].until('upstream_rq_pending_active', 1)
  leaving.socket.resetAndDestroy()
  await pair.proxies[1].until('upstream_rq_pending_active', 0)
  hold.release()
  await first
  for (let id = 2; id <= 4; id++) await ask(a, id)
  assert.equal(server.connections.length, 1, 'the connection stayed')
  assert.equal(body(await soon(ask(b, 1))), 'ok')
})

const CLIENTS = 24

/** Clients spread over the workers by the kernel. */
function connectMany(port: number): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: CLIENTS }, () => connectClient({ port, codec: awesomerpc })))
}

function codeOf(reply: Metadata): number {
  return reply.message.readInt16BE(11)
}

test('max_connections is exact over two workers, and all are served', async () => {
  const hold = holding()
  await using server = await startEchoServer({ codec: awesomerpc, handler: hold.handler })
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [server.port],
    multiplexing: false,
    cluster: { circuit_breakers: { thresholds: [{ max_connections: 3 }] } },
    arguments: ['--concurrency', '2', '--log-level', 'error'],
  })
  const clients = await connectMany(proxy.port)
  const replies = clients.map((client, id) => client.request(awesomerpcFrame({ id })))
  await server.arrived(3)
  while ((await proxy.stat('cluster.service.upstream_rq_pending_active')) < CLIENTS - 3);
  assert.equal(await proxy.stat('cluster.service.upstream_cx_active'), 3)
  hold.release()
  for (const reply of await soon(Promise.all(replies))) assert.equal(codeOf(reply), 0)
  // now idle connections of one worker are in the way of the other, again and again
  for (const [id, client] of clients.entries()) {
    assert.equal(codeOf(await soon(client.request(awesomerpcFrame({ id })))), 0)
  }
  assert.ok(server.mostOpen <= 4, `${server.mostOpen} at once: three, and one that is on its way out`)
  for (const client of clients) await client.close()
})

for (const [limit, counter, endpoints] of [
  ['max_requests', 'upstream_rq_overflow', 'service'],
  ['max_pending_requests', 'upstream_rq_pending_overflow', 'nobody'],
] as const) {
  test(`${limit} is exact over two workers`, async () => {
    const hold = holding()
    await using server = await startEchoServer({ codec: awesomerpc, handler: hold.handler })
    await using hole = await startBlackHole()
    await using proxy = await startProxyProcess({
      codec: awesomerpc.name,
      endpoints: [endpoints === 'service' ? server.port : hole.port],
      cluster: { circuit_breakers: { thresholds: [{ [limit]: 10 }] }, connect_timeout: '2s' },
      arguments: ['--concurrency', '2', '--log-level', 'error'],
    })
    const clients = await connectMany(proxy.port)
    const replies = clients.map((client, id) => client.request(awesomerpcFrame({ id })))
    while ((await proxy.stat(`cluster.service.${counter}`)) < CLIENTS - 10);
    assert.equal(await proxy.stat('cluster.service.upstream_rq_active'), 10)
    hold.release()
    const codes = (await Promise.all(replies)).map(codeOf)
    assert.equal(codes.filter((code) => code === 0).length, endpoints === 'service' ? 10 : 0)
    assert.equal(await proxy.stat(`cluster.service.${counter}`), CLIENTS - 10)
    for (const client of clients) await client.close()
  })
}
