// The two steps of a change in one thread: what is prepared is not in force before it is used.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConfigChange, type ListenerConfig, NO_CHANGE } from '@meltemi/api'
import type { ProxyUpdate } from '@meltemi/proxy'
import { FilterStatus } from '@meltemi/sdk'
import { mutable, session, sessionFrame, uuid, uuidFrame } from '../harness/codecs/index.ts'
import { filter, mutableRequest, setUpFiltered } from '../harness/filtered.ts'
import { freePort } from '../harness/free-port.ts'
import {
  connectClient,
  startEchoServer,
  startTestProxy,
  type TestProxy,
  testCluster,
  testListener,
  testMetaProtocol,
  testRoute,
} from '../harness/index.ts'

function change(parts: Partial<ConfigChange>): ProxyUpdate {
  return { change: { ...NO_CHANGE, ...parts } }
}

function toService(codec: string, port: number, more: Partial<ListenerConfig> = {}): ListenerConfig {
  const routes = { name: 'r', routes: [testRoute('new')] }
  return testListener('new', testMetaProtocol(codec, { routes }), { address: { host: '127.0.0.1', port }, ...more })
}

function portOf(proxy: TestProxy, name: string): number {
  return proxy.proxy.listeners.find(({ config }) => config.name === name)?.port ?? 0
}

test('a client that comes to a listener before it is in force waits for it, and is served', async () => {
  await using server = await startEchoServer({ codec: uuid })
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [] })
  const port = await freePort()
  const prepared = await proxy.proxy.prepare(
    change({ clusters: [testCluster('new', [server.port])], listeners: [toService(uuid.name, port)] }),
  )
  await using early = await connectClient({ port, codec: uuid })
  const reply = early.request(uuidFrame({ id: 1, body: 'early' }))
  await sleep(50)
  assert.deepEqual([server.received.length, proxy.proxy.listeners.length], [0, 1])
  prepared.use()
  assert.equal((await reply).get('body'), 'early')
  assert.equal((await early.request(uuidFrame({ id: 2, body: 'later' }))).get('body'), 'later')
})

test('a service that speaks first speaks to who came early, once the listener is in force', async () => {
  const greeting = sessionFrame({ verb: 'G', body: 'welcome' })
  await using server = await startEchoServer({ codec: session, greeting })
  await using proxy = await startTestProxy({ codec: session, endpoints: [] })
  const port = await freePort()
  const prepared = await proxy.proxy.prepare(
    change({ clusters: [testCluster('new', [server.port])], listeners: [toService(session.name, port)] }),
  )
  await using early = await connectClient({ port, codec: session })
  await sleep(50)
  assert.equal(early.received.length, 0)
  prepared.use()
  assert.match((await early.next()).message.toString(), /welcome/)
})

test('a change that is discarded leaves no socket, no cluster and no stats', async () => {
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [] })
  const names = () => proxy.metrics.read().map(({ name }) => name)
  const before = names()
  const port = await freePort()
  const prepared = await proxy.proxy.prepare(
    change({ clusters: [testCluster('new', [1])], listeners: [toService(uuid.name, port)] }),
  )
  await using early = await connectClient({ port, codec: uuid })
  prepared.discard()
  await early.closed()
  await assert.rejects(connectClient({ port, codec: uuid }), { code: 'ECONNREFUSED' })
  assert.deepEqual([names(), proxy.proxy.clusterCount, proxy.proxy.listeners.length], [before, 1, 1])
})

test('of listeners that cannot be had each has its reason, and the others are not opened', async () => {
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [] })
  const before = proxy.metrics.read().length
  const [good, taken] = [await freePort(), portOf(proxy, 'test')]
  const listeners = [
    toService(uuid.name, good),
    toService(uuid.name, taken, { name: 'taken' }),
    toService('nobody', good + 1, { name: 'unknown' }),
  ]
  await assert.rejects(proxy.proxy.prepare(change({ listeners })), (error: Error & { faults: readonly string[] }) => {
    assert.match(error.faults[0] ?? '', /listener 'taken' cannot listen on .*: the port is in use/)
    assert.match(error.faults[1] ?? '', /listener 'unknown': codec 'nobody' is not known/)
    return error.faults.length === 2
  })
  await assert.rejects(connectClient({ port: good, codec: uuid }), { code: 'ECONNREFUSED' })
  assert.equal(proxy.metrics.read().length, before)
})

test('a listener that changes keeps its connections to services, and its filters what they know', async () => {
  let made = 0
  let asked = 0
  const counting = filter('counting', () => {
    made++
    return {
      onRequest() {
        asked++
        return FilterStatus.Continue
      },
    }
  })
  await using setup = await setUpFiltered([counting], {
    listener: { address: { host: '127.0.0.1', port: await freePort() } },
  })
  const { proxy, client, server } = setup
  await client.request(mutableRequest(1))
  const { config } = proxy.proxy.listeners[0]!
  const changed = { ...config, bufferLimitBytes: 4321 }
  ;(await proxy.proxy.prepare(change({ listeners: [changed] }))).use()
  await using next = await connectClient({ port: proxy.port, codec: mutable })
  await next.request(mutableRequest(2))
  await client.request(mutableRequest(3))
  assert.deepEqual([made, asked, server.connections.length], [1, 3, 1])
  assert.equal(proxy.stat('downstream_cx_old_code'), 1)
  assert.equal(proxy.proxy.listeners[0]?.config.bufferLimitBytes, 4321)
})

test('routes that ask of a codec what it cannot are refused, with the listener that uses them', async () => {
  const source = { kind: 'ads', initialFetchTimeoutMs: 0 } as const
  const rds = { routeConfigName: 'r', source } as const
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [], filter: { rds } })
  const route = testRoute('service', { requestMutation: [{ key: 'a', value: 'b' }] })
  const routes = [{ key: 'ads/r', table: { name: 'r', routes: [route] } }]
  await assert.rejects(proxy.proxy.prepare(change({ routes })), /listener 'test', .* route 'service' changes requests/)
  const bad = testRoute('service', { clusters: [{ cluster: 'service', weight: 0 }] })
  const broken = [{ key: 'ads/r', table: { name: 'r', routes: [bad] } }]
  await assert.rejects(proxy.proxy.prepare(change({ routes: broken })), /routes 'r': .* add up to 0/)
})

test('a listener that becomes a TCP proxy passes new connections on unread, and old ones go on', async () => {
  await using server = await startEchoServer({ codec: uuid })
  const port = await freePort()
  await using proxy = await startTestProxy({
    codec: uuid,
    endpoints: [server.port],
    listener: { address: { host: '127.0.0.1', port } },
  })
  await using old = await connectClient({ port, codec: uuid })
  await old.request(uuidFrame({ id: 1 }))
  const { config } = proxy.proxy.listeners[0]!
  const clusters = [{ cluster: 'service', weight: 1 }]
  const tcp = { kind: 'tcp-proxy', statPrefix: 't', clusters, idleTimeoutMs: 0, maxConnectAttempts: 1 } as const
  ;(await proxy.proxy.prepare(change({ listeners: [{ ...config, filter: tcp }] }))).use()
  await using raw = await connectClient({ port, codec: uuid })
  await raw.request(uuidFrame({ id: 2 }))
  await old.request(uuidFrame({ id: 3 }))
  assert.deepEqual([proxy.stat('tcp.t.downstream_cx_total'), proxy.stat('request')], [1, 2])
  await old.close()
  await proxy.until('downstream_cx_old_code', 0)
  assert.equal(proxy.metrics.read((name) => name.startsWith('meta_protocol.')).length, 0)
  ;(await proxy.proxy.prepare(change({ listeners: [config] }))).use()
  await using again = await connectClient({ port, codec: uuid })
  await again.request(uuidFrame({ id: 4 }))
  assert.equal(proxy.stat('request'), 1)
})

test('a change while the proxy drains opens no listener, and goes on with the rest', async () => {
  await using a = await startEchoServer({ codec: uuid })
  await using b = await startEchoServer({ codec: uuid })
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [a.port] })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  client.send(uuidFrame({ id: 1 }).subarray(0, 5))
  await proxy.until('downstream_cx_rx_bytes_total', 5)
  const prepared = await proxy.proxy.prepare(change({ listeners: [toService(uuid.name, await freePort())] }))
  await proxy.proxy.drain()
  prepared.use()
  const port = portOf(proxy, 'new')
  await assert.rejects(connectClient({ port, codec: uuid }), { code: 'ECONNREFUSED' })
  const later = await proxy.proxy.prepare(
    change({
      clusters: [testCluster('service', [b.port])],
      listeners: [toService(uuid.name, await freePort(), { name: 'later' })],
    }),
  )
  later.use()
  await assert.rejects(connectClient({ port: portOf(proxy, 'later'), codec: uuid }), { code: 'ECONNREFUSED' })
})
