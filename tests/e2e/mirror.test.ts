import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClusterConfig, DEFAULT_OUTLIER_DETECTION, type MirrorPolicy, type RouteConfig } from '@meltemi/api'
import { type CodecDefinition, MessageType, type Metadata } from '@meltemi/sdk'
import { startBlackHole } from '../harness/black-hole.ts'
import {
  mutable,
  mutableFrame,
  ordered,
  sessionFrame,
  streaming,
  streamingFrame,
  transaction,
  uuid,
  uuidFrame,
} from '../harness/codecs/index.ts'
import { freePort } from '../harness/free-port.ts'
import { heldBytes, startDeafService } from '../harness/held.ts'
import {
  breakingOff,
  closing,
  connectClient,
  delayed,
  doubled,
  type EchoServer,
  type Handler,
  resetting,
  silent,
  startEchoServer,
  startTestProxy,
  type TestProxy,
  type TestProxyOptions,
  testCluster,
  testRoute,
  wrongId,
} from '../harness/index.ts'

const MIB = 1024 * 1024
/** The service has no more time than its mirror, and under load the whole process may stand still for a second. */
const SERVICE_TIMEOUT_MS = 2000
const ALL: MirrorPolicy = { cluster: 'shadow', numerator: 100, denominator: 100 }
const ENVOY = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 }

interface MirroredOptions extends Partial<TestProxyOptions> {
  readonly codec: CodecDefinition
  readonly service: { readonly port: number }
  readonly shadow: { readonly port: number }
  readonly shadowCluster?: Partial<ClusterConfig>
  readonly route?: Partial<RouteConfig>
}

function startMirrored({ service, shadow, shadowCluster, route, ...options }: MirroredOptions): Promise<TestProxy> {
  return startTestProxy({
    clusters: [testCluster('service', [service.port]), testCluster('shadow', [shadow.port], shadowCluster)],
    routes: [testRoute('service', { mirrors: [ALL], ...route })],
    ...options,
  })
}

/** Every copy has had its end, and the books agree. */
async function assertSettled(proxy: TestProxy, timeoutMs = 10_000): Promise<void> {
  await proxy.until('mirror_active', 0, timeoutMs)
  const ends = ['completed', 'failed', 'timeout', 'dropped'].map((end) => proxy.stat(`mirror_${end}`))
  assert.equal(
    ends.reduce((sum, count) => sum + count, 0),
    proxy.stat('mirror_total'),
  )
  assert.equal(proxy.stat('upstream_rq_active'), 0)
  assert.equal(proxy.stat('upstream_rq_pending_active'), 0)
}

function bodies(messages: readonly Metadata[]): string[] {
  return messages.map((message) => message.get('body') ?? '')
}

for (const multiplexing of [true, false]) {
  const kind = multiplexing ? 'shared' : 'exclusive'

  test(`a mirror gets the bytes of every request, and the client the replies of the service alone: ${kind}`, async () => {
    await using service = await startEchoServer({ codec: uuid })
    const answerOtherwise: Handler = ({ requestId: id }, connection) =>
      connection.send(uuidFrame({ id, status: 1, body: 'of the mirror' }))
    await using shadow = await startEchoServer({ codec: uuid, handler: answerOtherwise })
    await using proxy = await startMirrored({ codec: uuid, service, shadow, multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: uuid })
    const sent = Array.from({ length: 50 }, (_, n) => `request ${n}`)
    const replies = await Promise.all(sent.map((text, n) => client.request(uuidFrame({ id: n + 1, body: text }))))
    await shadow.arrived(50)
    await assertSettled(proxy)
    assert.deepEqual(bodies(replies), sent)
    assert.deepEqual(bodies(shadow.received).sort(), sent.sort())
    assert.equal(client.received.length, 50)
    assert.equal(proxy.stat('mirror_completed'), 50)
    assert.equal(proxy.stat('cluster.shadow.upstream_rq_total'), 50)
    assert.equal(proxy.stat('response_error'), 0)
  })

  test(`a mirror gets what the route changes in requests: ${kind}`, async () => {
    await using service = await startEchoServer({ codec: mutable })
    await using shadow = await startEchoServer({ codec: mutable })
    const route = { requestMutation: [{ key: 'via', value: 'meltemi' }] }
    await using proxy = await startMirrored({ codec: mutable, service, shadow, multiplexing, route })
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    await client.request(mutableFrame({ id: 7, pairs: { user: 'a' }, body: 'x' }))
    await shadow.arrived(1)
    assert.equal(shadow.received[0]?.get('via'), 'meltemi')
    assert.equal(shadow.received[0]?.get('user'), 'a')
    assert.equal(service.received[0]?.get('via'), 'meltemi')
  })

  test(`replies of a mirror in a protocol without ids are told from each other: ${kind}`, async () => {
    await using service = await startEchoServer({ codec: ordered })
    await using shadow = await startEchoServer({ codec: ordered, handler: delayed(5) })
    await using proxy = await startMirrored({ codec: ordered, service, shadow, multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: ordered })
    for (let n = 0; n < 20; n++) await client.request(Buffer.from(`GET key${n}\r\n`))
    await assertSettled(proxy)
    assert.equal(proxy.stat('mirror_completed'), 20)
    assert.equal(proxy.stat('upstream_rq_unknown_reply'), 0)
  })

  for (const [name, handler, completes] of [
    ['answers each request twice', doubled, true],
    ['answers with an id that nobody asked with', wrongId, false],
    ['closes instead of answering', closing, false],
    ['resets instead of answering', resetting, false],
    ['breaks off in the middle of its answer', breakingOff, false],
    ['never answers', silent, false],
    ['answers with garbage', ((_, connection) => connection.send(Buffer.alloc(64, 0x01))) satisfies Handler, false],
    ['answers with a message of no end', ((_, connection) => connection.send(ENDLESS)) satisfies Handler, false],
  ] as const) {
    test(`a mirror that ${name} is not noticed, and nothing of it stays: ${kind}`, async () => {
      await using service = await startEchoServer({ codec: uuid })
      await using shadow = await startEchoServer({ codec: uuid, handler })
      const filter = { requestTimeoutMs: SERVICE_TIMEOUT_MS, partialMessageTimeoutMs: 100 }
      const proxy = await startMirrored({ codec: uuid, service, shadow, multiplexing, filter })
      await askMany(proxy)
      await assertSettled(proxy)
      assert.equal(proxy.stat('mirror_completed') > 0, completes)
      assert.equal(proxy.stat('local_response_business_exception'), 0)
      await assertNothingStays(proxy)
    })
  }

  test(`a mirror that refuses connections, and one that lets them hang, are not noticed: ${kind}`, async () => {
    await using service = await startEchoServer({ codec: uuid })
    await using hole = await startBlackHole()
    for (const shadow of [{ port: await freePort() }, hole]) {
      const shadowCluster = { connectTimeoutMs: 100 }
      const proxy = await startMirrored({ codec: uuid, service, shadow, multiplexing, shadowCluster })
      await askMany(proxy)
      await assertSettled(proxy)
      assert.equal(proxy.stat('mirror_failed'), proxy.stat('mirror_total'))
      await assertNothingStays(proxy)
    }
  })
}

const ENDLESS = uuidFrame({ id: 1, body: Buffer.alloc(1000) }).subarray(0, 500)

/** 100 requests, of which each has the reply of the service. */
async function askMany(proxy: TestProxy): Promise<void> {
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  for (let id = 1; id <= 100; id += 10) {
    const ids = Array.from({ length: 10 }, (_, n) => id + n)
    const replies = await Promise.all(ids.map((one) => client.request(uuidFrame({ id: one, body: `r${one}` }))))
    assert.deepEqual(
      bodies(replies),
      ids.map((one) => `r${one}`),
    )
  }
  assert.equal(client.received.length, 100)
}

async function assertNothingStays(proxy: TestProxy): Promise<void> {
  await proxy.until('downstream_cx_active', 0)
  await proxy.proxy.stop()
  assert.equal(proxy.proxy.timerCount, 0)
  assert.equal(proxy.limitsInUse, 0)
  assert.equal(proxy.stat('upstream_cx_active'), 0)
}

test('what a mirror does not read is bounded, and what it is not sent is counted', async () => {
  await using service = await startEchoServer({ codec: uuid })
  await using shadow = await startDeafService()
  // the service has no more time than its mirror, and a machine under load lets the whole process stand still for a second
  const filter = { requestTimeoutMs: 5000 }
  await using proxy = await startMirrored({ codec: uuid, service, shadow, filter })
  await using client = await connectClient({ port: proxy.port, codec: uuid, timeoutMs: 10_000 })
  const body = Buffer.alloc(256 * 1024)
  await client.request(uuidFrame({ id: 1, body }))
  client.received.length = 0
  const before = heldBytes()
  const endMs = performance.now() + 60_000
  // more than the kernel takes, and longer than a copy waits for its reply
  for (let n = 2; n < 500 || (proxy.stat('mirror_timeout') === 0 && performance.now() < endMs); n++) {
    if (n >= 500) await sleep(5)
    await client.request(uuidFrame({ id: n, body }))
    client.received.length = 0
    service.received.length = 0
    for (const { received } of service.connections) received.length = 0
  }
  const held = heldBytes() - before
  assert.ok(proxy.stat('mirror_dropped') > 0)
  assert.ok(proxy.stat('mirror_timeout') > 0)
  assert.ok(held < 64 * MIB, `${held} bytes held`)
  assert.equal(proxy.stat('local_response_business_exception'), 0)
})

test('a request is answered at once though its mirror takes its time', async () => {
  await using service = await startEchoServer({ codec: uuid })
  await using shadow = await startEchoServer({ codec: uuid, handler: delayed(SERVICE_TIMEOUT_MS) })
  await using proxy = await startMirrored({ codec: uuid, service, shadow })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  const startedMs = performance.now()
  await client.request(uuidFrame({ id: 1 }))
  assert.ok(performance.now() - startedMs < SERVICE_TIMEOUT_MS)
  assert.equal(proxy.stat('request_active'), 0)
  assert.equal(proxy.stat('mirror_active'), 1)
  await client.close()
  await assertSettled(proxy)
  assert.equal(proxy.stat('mirror_completed'), 1)
})

for (const [numerator, denominator, share] of [
  [30, 100, 0.3],
  [1234, 10_000, 0.1234],
  [500_000, 1_000_000, 0.5],
  [0, 100, 0],
] as const) {
  test(`${numerator} of ${denominator} requests are mirrored`, async () => {
    await using service = await startEchoServer({ codec: uuid })
    await using shadow = await startEchoServer({ codec: uuid })
    const route = { mirrors: [{ cluster: 'shadow', numerator, denominator }] }
    await using proxy = await startMirrored({ codec: uuid, service, shadow, route })
    await using client = await connectClient({ port: proxy.port, codec: uuid })
    for (let id = 1; id <= 4000; id += 500) {
      await Promise.all(Array.from({ length: 500 }, (_, n) => client.request(uuidFrame({ id: id + n }))))
    }
    await assertSettled(proxy)
    const mirrored = proxy.stat('mirror_completed')
    assert.equal(shadow.received.length, mirrored)
    // three deviations
    assert.ok(Math.abs(mirrored - 4000 * share) <= 3 * Math.sqrt(4000 * share * (1 - share)), `${mirrored} of 4000`)
  })
}

test('several mirrors of one route each get their copy', async () => {
  await using service = await startEchoServer({ codec: uuid })
  await using first = await startEchoServer({ codec: uuid })
  await using second = await startEchoServer({ codec: uuid, handler: closing })
  const servers: Readonly<Record<string, EchoServer>> = { service, first, second }
  await using proxy = await startTestProxy({
    codec: uuid,
    clusters: Object.entries(servers).map(([name, { port }]) => testCluster(name, [port])),
    routes: [testRoute('service', { mirrors: ['first', 'second'].map((cluster) => ({ ...ALL, cluster })) })],
  })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  await client.request(uuidFrame({ id: 1, body: 'x' }))
  await Promise.all([first.arrived(1), second.arrived(1)])
  await assertSettled(proxy)
  assert.equal(proxy.stat('mirror_total'), 2)
  assert.equal(proxy.stat('mirror_completed'), 1)
  assert.equal(proxy.stat('mirror_failed'), 1)
})

test('copies beyond the limits of the mirror’s cluster are dropped; requests are not', async () => {
  await using service = await startEchoServer({ codec: uuid })
  await using shadow = await startEchoServer({ codec: uuid, handler: silent })
  const shadowCluster = { circuitBreaker: { ...ENVOY, maxRequests: 3 } }
  const filter = { requestTimeoutMs: SERVICE_TIMEOUT_MS }
  await using proxy = await startMirrored({ codec: uuid, service, shadow, shadowCluster, filter })
  await askMany(proxy)
  assert.equal(proxy.stat('mirror_dropped'), 97)
  assert.equal(proxy.stat('cluster.shadow.upstream_rq_overflow'), 97)
  assert.equal(proxy.stat('cluster.service.upstream_rq_overflow'), 0)
  await assertSettled(proxy)
  assert.equal(proxy.stat('mirror_timeout'), 3)
  assert.equal(proxy.stat('cluster.shadow.upstream_rq_timeout'), 3)
  assert.equal(proxy.stat('request_timeout'), 0)
})

test('copies that may not wait for a connection fail; requests do not', async () => {
  await using service = await startEchoServer({ codec: uuid })
  await using shadow = await startEchoServer({ codec: uuid, handler: delayed(20) })
  const shadowCluster = { circuitBreaker: { ...ENVOY, maxConnections: 1, maxPendingRequests: 2 } }
  await using proxy = await startMirrored({ codec: uuid, service, shadow, shadowCluster, multiplexing: false })
  await askMany(proxy)
  await assertSettled(proxy)
  assert.ok(proxy.stat('mirror_failed') > 0)
  assert.ok(proxy.stat('mirror_completed') > 0)
  assert.equal(shadow.mostOpen, 1)
})

test('a mirror that does not exist, or has no endpoint, is counted and nothing else', async () => {
  await using service = await startEchoServer({ codec: uuid })
  for (const mirror of ['nowhere', 'empty']) {
    await using proxy = await startTestProxy({
      codec: uuid,
      clusters: [testCluster('service', [service.port]), testCluster('empty', [])],
      routes: [testRoute('service', { mirrors: [{ ...ALL, cluster: mirror }] })],
    })
    await askMany(proxy)
    assert.equal(proxy.stat('mirror_failed'), 100)
    assert.equal(proxy.stat('cluster.empty.upstream_cx_none_healthy'), mirror === 'empty' ? 100 : 0)
    await assertNothingStays(proxy)
  }
})

test('nothing is mirrored while memory runs out', async () => {
  await using service = await startEchoServer({ codec: uuid })
  await using shadow = await startEchoServer({ codec: uuid })
  let level = 0
  await using proxy = await startMirrored({ codec: uuid, service, shadow, overloadLevel: () => level })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  await client.request(uuidFrame({ id: 1 }))
  level = 1
  await client.request(uuidFrame({ id: 2 }))
  level = 0
  await client.request(uuidFrame({ id: 3 }))
  await assertSettled(proxy)
  assert.equal(proxy.stat('mirror_completed'), 2)
  assert.equal(proxy.stat('mirror_dropped'), 1)
})

test('a one-way message is mirrored as one; a stream is not mirrored', async () => {
  await using service = await startEchoServer({ codec: streaming })
  await using shadow = await startEchoServer({ codec: streaming })
  await using proxy = await startMirrored({ codec: streaming, service, shadow })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  client.send(streamingFrame({ type: MessageType.Oneway, id: 1, body: 'one-way' }))
  client.send(streamingFrame({ type: MessageType.StreamInit, id: 2, stream: 5, body: 'stream' }))
  client.send(streamingFrame({ type: MessageType.StreamData, id: 2, stream: 5, body: 'data' }))
  assert.equal((await client.next()).get('body'), 'data')
  await shadow.arrived(1)
  await assertSettled(proxy)
  await client.request(streamingFrame({ type: MessageType.Request, id: 3, body: 'request' }))
  await shadow.arrived(2)
  assert.deepEqual(
    shadow.received.map(({ type, message, headerSize }) => [type, message.toString('utf8', headerSize)]),
    [
      [MessageType.Oneway, 'one-way'],
      [MessageType.Request, 'request'],
    ],
  )
  assert.equal(proxy.stat('mirror_stream'), 1)
})

test('replies of a mirror that come in parts end with the last one', async () => {
  await using service = await startEchoServer({ codec: streaming })
  const inParts: Handler = async ({ requestId }, connection) => {
    const id = Number(requestId)
    for (const flags of [1, 1, 0]) {
      connection.send(streamingFrame({ type: MessageType.Response, id, flags }))
      await sleep(10)
    }
  }
  await using shadow = await startEchoServer({ codec: streaming, handler: inParts })
  await using proxy = await startMirrored({ codec: streaming, service, shadow, multiplexing: false })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  for (const id of [1, 2]) await client.request(streamingFrame({ type: MessageType.Request, id }))
  await assertSettled(proxy)
  assert.equal(proxy.stat('mirror_completed'), 2)
  assert.equal(proxy.stat('upstream_rq_unknown_reply'), 0)
})

test('a client that owns its connection owns none of a mirror', async () => {
  await using service = await startEchoServer({ codec: transaction })
  await using shadow = await startEchoServer({ codec: transaction })
  await using proxy = await startMirrored({ codec: transaction, service, shadow })
  await using owner = await connectClient({ port: proxy.port, codec: transaction })
  await using other = await connectClient({ port: proxy.port, codec: transaction })
  await owner.request(sessionFrame({ verb: 'B', id: 1 }))
  await other.request(sessionFrame({ verb: 'Q', id: 1 }))
  await owner.request(sessionFrame({ verb: 'Q', id: 2 }))
  await owner.request(sessionFrame({ verb: 'C', id: 3 }))
  await shadow.arrived(4)
  await assertSettled(proxy)
  assert.equal(proxy.stat('mirror_completed'), 4)
  assert.equal(service.connections.length, 2)
  assert.equal(shadow.connections.length, 1)
})

test('a copy outlives its client, and ends with the proxy', async () => {
  await using service = await startEchoServer({ codec: uuid })
  await using shadow = await startEchoServer({ codec: uuid, handler: silent })
  const proxy = await startMirrored({ codec: uuid, service, shadow, filter: { requestTimeoutMs: 0 } })
  const client = await connectClient({ port: proxy.port, codec: uuid })
  await client.request(uuidFrame({ id: 1 }))
  await client.close()
  await proxy.until('downstream_cx_active', 0)
  assert.equal(proxy.stat('mirror_active'), 1)
  await assertNothingStays(proxy)
  assert.equal(proxy.stat('mirror_active'), 0)
  assert.equal(proxy.stat('mirror_failed'), 1)
})

test('a copy whose time-out ejects its host, and closes its connections, ends once', async () => {
  await using service = await startEchoServer({ codec: uuid })
  await using shadow = await startEchoServer({ codec: uuid, handler: silent })
  const shadowCluster = {
    outlierDetection: { ...DEFAULT_OUTLIER_DETECTION, consecutive5xx: 1, maxEjectionPercent: 100 },
    closesConnectionsOfUnhealthy: true,
  }
  await using proxy = await startMirrored({ codec: uuid, service, shadow, shadowCluster, route: { timeoutMs: 300 } })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  await client.request(uuidFrame({ id: 1 }))
  await proxy.until('mirror_timeout', 1, 10_000)
  await shadow.open(0)
  const ends = ['total', 'timeout', 'failed', 'completed', 'active'].map((end) => proxy.stat(`mirror_${end}`))
  assert.deepEqual(ends, [1, 1, 0, 0, 0])
  assert.equal(proxy.stat('cluster.shadow.upstream_rq_active'), 0)
})
