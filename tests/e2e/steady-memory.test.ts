// In small what benchmarks/idle-connections.ts and benchmarks/soak.ts measure in large.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServer,
  type ProxyProcess,
  type RawClient,
  startEchoServer,
  startProxyProcess,
  startTestProxy,
  type TestProxy,
} from '../harness/index.ts'

const IDLE_BYTES = 8 * 1024
const WARM_UP_CONNECTIONS = 1000
const IDLE_CONNECTIONS = 3000
const ROUND_REQUESTS = 2000
const WARM_UP_ROUNDS = 10
const ROUNDS = 30
const HEAP_NOISE_BYTES = 512 * 1024

async function open(port: number, count: number, clients: RawClient[]): Promise<void> {
  for (let left = count; left > 0; left -= 100) {
    const batch = Array.from({ length: Math.min(100, left) }, () => connectClient({ port, codec: awesomerpc }))
    clients.push(...(await Promise.all(batch)))
  }
}

async function residentBytes(proxy: ProxyProcess, active: number): Promise<number> {
  while ((await proxy.stat('meta_protocol.test.test.downstream_cx_active')) !== active);
  return Number((JSON.parse((await proxy.get('/memory')).text) as Record<string, unknown>)['process'])
}

test('an idle client takes at most 8 KiB of the process', async () => {
  const args = ['--log-level', 'off', '--drain-time-s', '0']
  await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [], arguments: args })
  const clients: RawClient[] = []
  try {
    await open(proxy.port, WARM_UP_CONNECTIONS, clients)
    const before = await residentBytes(proxy, WARM_UP_CONNECTIONS)
    await open(proxy.port, IDLE_CONNECTIONS, clients)
    const after = await residentBytes(proxy, WARM_UP_CONNECTIONS + IDLE_CONNECTIONS)
    const each = (after - before) / IDLE_CONNECTIONS
    assert.ok(each <= IDLE_BYTES, `${each} bytes each`)
  } finally {
    for (const client of clients) client.socket.destroy()
  }
})

async function round(proxy: TestProxy): Promise<void> {
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 0; id < ROUND_REQUESTS; id += 100) {
    client.send(Buffer.concat(Array.from({ length: 100 }, (_, n) => awesomerpcFrame({ id: id + n, body: 'x' }))))
    await client.take(100)
    client.received.length = 0
  }
}

/** What the service remembers for tests that look at it. */
function forget(server: EchoServer): void {
  server.received.length = 0
  for (const connection of server.connections) connection.received.length = 0
}

for (const multiplexing of [true, false]) {
  test(`the heap is flat over many requests, and nothing is left of them (multiplexing ${multiplexing})`, async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const heapBytes = () => {
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    await using server = await startEchoServer({ codec: awesomerpc })
    await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port], multiplexing })
    for (let n = 0; n < WARM_UP_ROUNDS; n++) {
      await round(proxy)
      forget(server)
    }
    const before = heapBytes()
    for (let n = 0; n < ROUNDS; n++) {
      await round(proxy)
      forget(server)
    }
    await proxy.until('downstream_cx_active', 0)
    const after = heapBytes()
    assert.ok(after < before * 1.1 + HEAP_NOISE_BYTES, `${before} bytes, then ${after}`)
    for (const gauge of ['request_active', 'upstream_rq_active', 'upstream_rq_pending_active']) {
      assert.equal(proxy.stat(gauge), 0, gauge)
    }
    assert.equal(proxy.stat('response'), (WARM_UP_ROUNDS + ROUNDS) * ROUND_REQUESTS)
    assert.equal(proxy.proxy.timerCount, 0)
    assert.equal(proxy.proxy.connectionCount, 0)
  })
}
