import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CodecDefinition, FilterStatus, MessageType, type Metadata } from '@meltemi/sdk'
import { ordered } from '../harness/codecs/index.ts'
import {
  connectClient,
  type EchoConnection,
  holding,
  startEchoServer,
  startTestProxy,
  testCluster,
  testRoute,
} from '../harness/index.ts'

const MODES = [
  { multiplexing: true, name: 'pipelined on one connection' },
  { multiplexing: false, name: 'on a connection each' },
]

function get(key: string): Buffer {
  return Buffer.from(`GET ${key}\r\n`)
}

function text(reply: Metadata): string {
  return reply.message.toString('latin1').replaceAll('\r\n', ' ').trim()
}

const keyIs = (name: string, value: string) => ({
  metadata: [
    {
      name,
      test: { kind: 'exact', text: value, ignoreCase: false },
      invert: false,
      treatMissingAsEmpty: false,
    } as const,
  ],
})

for (const { multiplexing, name } of MODES) {
  test(`replies leave in the order of the requests, also when the last one comes first: ${name}`, async () => {
    const held: [Metadata, EchoConnection][] = []
    await using fast = await startEchoServer({ codec: ordered })
    await using slow = await startEchoServer({
      codec: ordered,
      handler: (request, connection) => {
        held.push([request, connection])
      },
    })
    await using proxy = await startTestProxy({
      codec: ordered,
      multiplexing,
      clusters: [testCluster('fast', [fast.port]), testCluster('slow', [slow.port])],
      routes: [testRoute('slow', { match: keyIs('command', 'SLOW') }), testRoute('fast')],
    })
    await using client = await connectClient({ port: proxy.port, codec: ordered })
    client.send(Buffer.concat([Buffer.from('SLOW a\r\n'), get('b'), Buffer.from('SLOW c\r\n'), get('d'), get('e')]))
    await Promise.all([slow.arrived(2), fast.arrived(3), proxy.until('response', 3)])
    assert.equal(client.received.length, 0)
    const [first, second] = held
    first?.[1].answer(first[0])
    assert.deepEqual((await client.take(2)).map(text), ['$1 a', '$1 b'])
    second?.[1].answer(second[0])
    assert.deepEqual((await client.take(3)).map(text), ['$1 c', '$1 d', '$1 e'])
    await proxy.until('request_active', 0)
  })

  test(`a local reply waits its turn: ${name}`, async () => {
    const hold = holding()
    await using server = await startEchoServer({ codec: ordered, handler: hold.handler })
    await using proxy = await startTestProxy({
      codec: ordered,
      multiplexing,
      endpoints: [server.port],
      routes: [testRoute('service', { match: keyIs('command', 'GET') })],
    })
    await using client = await connectClient({ port: proxy.port, codec: ordered })
    client.send(Buffer.concat([get('a'), Buffer.from('PUT b\r\n'), get('c')]))
    await server.arrived(2)
    assert.equal(client.received.length, 0)
    hold.release()
    assert.deepEqual((await client.take(3)).map(text), [
      '$1 a',
      "-ERR meta protocol router: no matched route for request '0'",
      '$1 c',
    ])
  })

  test(`a request that timed out keeps its place, and its late reply reaches nobody: ${name}`, async () => {
    const held: [Metadata, EchoConnection][] = []
    await using server = await startEchoServer({
      codec: ordered,
      handler: (request, connection) => {
        held.push([request, connection])
      },
    })
    await using proxy = await startTestProxy({
      codec: ordered,
      multiplexing,
      endpoints: [server.port],
      routes: [
        testRoute('service', { match: keyIs('command', 'SLOW'), timeoutMs: 60 }),
        testRoute('service', { timeoutMs: 0 }),
      ],
    })
    await using client = await connectClient({ port: proxy.port, codec: ordered })
    client.send(Buffer.concat([get('a'), Buffer.from('SLOW b\r\n'), get('c')]))
    await server.arrived(3)
    await proxy.until('request_timeout', 1)
    assert.equal(client.received.length, 0)
    for (const [request, connection] of held) connection.answer(request)
    const timeout = "-ERR meta protocol router: request timeout for cluster 'service'"
    assert.deepEqual((await client.take(3)).map(text), ['$1 a', timeout, '$1 c'])
    for (const key of ['d', 'e', 'f']) client.send(get(key))
    await server.arrived(6)
    for (const [request, connection] of held.slice(3)) connection.answer(request)
    assert.deepEqual((await client.take(3)).map(text), ['$1 d', '$1 e', '$1 f'])
    assert.equal(client.received.length, 6)
  })

  test(`many clients never see each other's replies: ${name}`, async () => {
    await using server = await startEchoServer({ codec: ordered })
    await using proxy = await startTestProxy({ codec: ordered, multiplexing, endpoints: [server.port] })
    const names = ['a', 'b', 'c', 'd', 'e']
    await Promise.all(
      names.map(async (name) => {
        await using client = await connectClient({ port: proxy.port, codec: ordered })
        const keys = Array.from({ length: 100 }, (_, n) => `${name}${n}`)
        for (const key of keys) client.send(get(key))
        const replies = await client.take(keys.length)
        assert.deepEqual(
          replies.map((reply) => text(reply).split(' ')[1]),
          keys,
        )
      }),
    )
    if (multiplexing) assert.equal(server.connections.length, 1)
  })
}

test('an upstream that stalls is left for a new connection, once nobody waits on it', async () => {
  await using server = await startEchoServer({
    codec: ordered,
    handler: (request, connection) => {
      if (connection !== server.connections[0]) connection.answer(request)
    },
  })
  await using proxy = await startTestProxy({
    codec: ordered,
    endpoints: [server.port],
    filter: { requestTimeoutMs: 60 },
  })
  await using client = await connectClient({ port: proxy.port, codec: ordered })
  client.send(Buffer.concat([get('a'), get('b')]))
  for (const reply of await client.take(2)) assert.match(text(reply), /request timeout/)
  assert.equal(text(await client.request(get('c'))), '$1 c')
  await server.open(1)
})

test('an upstream that closes fails all that were pipelined on it, in order and once', async () => {
  await using server = await startEchoServer({ codec: ordered, handler: () => {} })
  await using proxy = await startTestProxy({ codec: ordered, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: ordered })
  for (const key of ['a', 'b', 'c']) client.send(get(key))
  await server.arrived(3)
  server.connections[0]?.destroy()
  const failed = `-ERR meta protocol upstream request: remote connection failure '127.0.0.1:${server.port}'`
  assert.deepEqual((await client.take(3)).map(text), [failed, failed, failed])
  await proxy.until('request_active', 0)
})

test('more requests than one connection takes get another, and the replies their order', async () => {
  const hold = holding()
  await using server = await startEchoServer({ codec: ordered, handler: hold.handler })
  await using proxy = await startTestProxy({
    codec: ordered,
    endpoints: [server.port],
    filter: { maxInFlightPerConnection: 2000 },
    cluster: {
      circuitBreaker: { maxConnections: 9, maxPendingRequests: 2000, maxRequests: 2000, maxRetries: 0 },
    },
  })
  await using client = await connectClient({ port: proxy.port, codec: ordered })
  const keys = Array.from({ length: 1500 }, (_, n) => `key-${n}`)
  client.send(Buffer.concat(keys.map(get)))
  await server.arrived(1500)
  assert.equal(server.connections.length, 2)
  hold.release()
  assert.deepEqual(
    (await client.take(1500)).map((reply) => text(reply).split(' ')[1]),
    keys,
  )
})

test('a client is closed when too much waits for its turn behind a slow reply', async () => {
  await using slow = await startEchoServer({ codec: ordered, handler: () => {} })
  await using fast = await startEchoServer({
    codec: ordered,
    handler: (_request, connection) => connection.send(Buffer.from(`+${'x'.repeat(100_000)}\r\n`)),
  })
  await using proxy = await startTestProxy({
    codec: ordered,
    clusters: [testCluster('slow', [slow.port]), testCluster('fast', [fast.port])],
    routes: [testRoute('slow', { match: keyIs('command', 'SLOW') }), testRoute('fast')],
    filter: { maxDownstreamBufferBytes: 1_000_000 },
  })
  await using client = await connectClient({ port: proxy.port, codec: ordered })
  await using other = await connectClient({ port: proxy.port, codec: ordered })
  client.send(Buffer.concat([Buffer.from('SLOW a\r\n'), ...Array(20).fill(get('b'))]))
  await client.closed()
  assert.equal(client.received.length, 0)
  assert.equal(proxy.stat('meta_protocol.test.test.downstream_cx_overflow'), 1)
  assert.equal((await other.request(get('c'))).message.length, 100_003)
  await proxy.until('request_active', 0)
})

/** As `ordered`, but TELL wants no reply. */
const telling: CodecDefinition = {
  ...ordered,
  name: 'meltemi.test.telling',
  create: (side, config) => {
    const codec = ordered.create(side, config)
    return {
      decode: (buffer, metadata) => {
        const status = codec.decode(buffer, metadata)
        if (metadata.operation === 'TELL') metadata.type = MessageType.Oneway
        return status
      },
      encode: (metadata, mutation, out) => codec.encode(metadata, mutation, out),
      onError: (request, failure, out) => codec.onError(request, failure, out),
    }
  },
}

test('a reply does not wait for ever behind a one-way message that could not be sent at once', async () => {
  await using server = await startEchoServer({
    codec: telling,
    answer: () => Buffer.from('+ok\r\n'),
    handler: (request, connection) => (request.type === MessageType.Oneway ? undefined : connection.answer(request)),
  })
  await using proxy = await startTestProxy({
    codec: telling,
    clusters: [testCluster('service', [server.port])],
    routes: [testRoute('service', { match: keyIs('command', 'TELL') })],
  })
  await using client = await connectClient({ port: proxy.port, codec: telling })
  client.send(Buffer.concat([Buffer.from('TELL a\r\n'), get('b'), get('c')]))
  assert.match(text(await client.next()), /^-ERR .*no matched route/)
  assert.match(text(await client.next()), /^-ERR .*no matched route/)
  await proxy.until('request_active', 0)
})

test('a reply does not wait for ever behind a request that a filter has ended', async () => {
  const { promise: isEnded, resolve: end } = Promise.withResolvers<void>()
  await using server = await startEchoServer({ codec: ordered })
  await using proxy = await startTestProxy({
    codec: ordered,
    endpoints: [server.port],
    filter: { filters: [{ name: 'swallow', typeUrl: 'swallow', config: undefined }] },
    filters: [
      {
        name: 'swallow',
        typeUrl: 'swallow',
        parse: () => undefined,
        create: () => ({
          onRequest: (context) => {
            if (context.request.get('key') !== 'swallowed') return FilterStatus.Continue
            void isEnded.then(() => context.resume())
            return FilterStatus.Pause
          },
          onReply: (context) =>
            context.request.get('key') === 'swallowed' ? FilterStatus.Stop : FilterStatus.Continue,
        }),
      },
    ],
  })
  await using client = await connectClient({ port: proxy.port, codec: ordered })
  client.send(Buffer.concat([get('swallowed'), get('b')]))
  await proxy.until('response', 1)
  end()
  assert.equal(text(await client.next()), '$1 b')
  await proxy.until('request_active', 0)
})
