import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CodecDefinition, ErrorType, type Failure, FilterStatus, MessageType, type Metadata } from '@meltemi/sdk'
import { mutable, mutableFrame } from '../harness/codecs/index.ts'
import {
  closing,
  connectClient,
  echo,
  type Handler,
  resetting,
  startEchoServer,
  startTestProxy,
  type TestProxyOptions,
  testCluster,
  testRoute,
} from '../harness/index.ts'

const ID = 0xffff_fffe
/** Nobody listens there. */
const CLOSED_PORT = 1

function body(reply: Metadata): string {
  return reply.message.toString('utf8', reply.headerSize)
}

/** `mutable`, telling which failures it has been asked to write. */
function spying(failures: Failure[]): CodecDefinition {
  return {
    ...mutable,
    create: (side, config) => {
      const codec = mutable.create(side, config)
      return {
        decode: (buffer, metadata) => codec.decode(buffer, metadata),
        encode: (metadata, mutation, out) => codec.encode(metadata, mutation, out),
        onError: (request, failure, out) => {
          failures.push(failure)
          codec.onError(request, failure, out)
        },
        patchIds: (bytes, start, id, stream) => codec.patchIds?.(bytes, start, id, stream) ?? false,
      }
    },
  }
}

interface Row {
  readonly situation: string
  readonly type: ErrorType
  readonly text: (port: number) => string
  /** What the service does with requests of which `kind` is `bad`; others are answered. */
  readonly handler?: Handler
  readonly options?: (port: number) => Partial<TestProxyOptions>
}

const badKind = {
  name: 'kind',
  test: { kind: 'exact', text: 'bad', ignoreCase: false } as const,
  invert: false,
  treatMissingAsEmpty: false,
}
const bad = { metadata: [badKind] }
/** Bad requests go to the first cluster, others to one that works. */
const badTo = (cluster: ReturnType<typeof testCluster>) => (port: number) => ({
  clusters: [cluster, testCluster('service', [port])],
  routes: [testRoute(cluster.name, { match: bad }), testRoute('service')],
})
const full = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 }
const at = (port: number) => `'127.0.0.1:${port}'`

const ROWS: readonly Row[] = [
  {
    situation: 'no route matches',
    type: ErrorType.RouteNotFound,
    text: () => `meta protocol router: no matched route for request '${ID}'`,
    options: () => ({
      routes: [
        testRoute('service', { match: { metadata: [{ ...badKind, invert: true, treatMissingAsEmpty: true }] } }),
      ],
    }),
  },
  {
    situation: 'the cluster is unknown',
    type: ErrorType.ClusterNotFound,
    text: () => "meta protocol router: unknown cluster 'nowhere'",
    options: () => ({ routes: [testRoute('nowhere', { match: bad }), testRoute('service')] }),
  },
  {
    situation: 'no endpoint is there',
    type: ErrorType.NoHealthyUpstream,
    text: () => "meta protocol router: no healthy upstream for 'empty'",
    options: badTo(testCluster('empty', [])),
  },
  {
    situation: 'too many requests are pending',
    type: ErrorType.Unspecified,
    text: () => 'meta protocol upstream request: too many connections',
    options: badTo(testCluster('full', [CLOSED_PORT], { circuitBreaker: { ...full, maxPendingRequests: 0 } })),
  },
  {
    situation: 'no connection is allowed',
    type: ErrorType.Unspecified,
    text: () => 'meta protocol upstream request: too many connections',
    options: badTo(testCluster('full', [CLOSED_PORT], { circuitBreaker: { ...full, maxConnections: 0 } })),
  },
  {
    situation: 'too many requests are under way',
    type: ErrorType.Unspecified,
    text: () => 'meta protocol upstream request: too many connections',
    options: badTo(testCluster('full', [CLOSED_PORT], { circuitBreaker: { ...full, maxRequests: 0 } })),
  },
  {
    situation: 'the connection is refused',
    type: ErrorType.Unspecified,
    text: () => `meta protocol upstream request: remote connection failure ${at(CLOSED_PORT)}`,
    options: badTo(testCluster('refused', [CLOSED_PORT])),
  },
  {
    situation: 'the upstream closes instead of answering',
    type: ErrorType.Unspecified,
    text: (port) => `meta protocol upstream request: remote connection failure ${at(port)}`,
    handler: closing,
  },
  {
    situation: 'the upstream resets instead of answering',
    type: ErrorType.Unspecified,
    text: (port) => `meta protocol upstream request: remote connection failure ${at(port)}`,
    handler: resetting,
  },
  {
    situation: 'the upstream closes in the middle of its reply',
    type: ErrorType.Unspecified,
    text: (port) => `meta protocol upstream request: remote connection failure ${at(port)}`,
    handler: async (request, connection) => {
      await connection.sent((connection.answerTo(request) as Buffer).subarray(0, 6))
      connection.end()
    },
  },
  {
    situation: 'the reply cannot be decoded',
    type: ErrorType.BadResponse,
    text: () => "length 3 is below the header's 11",
    handler: (_request, connection) => connection.send(Buffer.from('0000000300000001000000', 'hex')),
  },
  {
    situation: 'the reply is longer than allowed',
    type: ErrorType.BadResponse,
    text: () => 'message length 2147483647 exceeds 16777216',
    handler: (_request, connection) => connection.send(Buffer.from('7fffffff00000001000000', 'hex')),
  },
  {
    situation: 'the reply has another id',
    type: ErrorType.BadResponse,
    text: () => `meta protocol test response: request ID is not equal, ${ID}:7`,
    handler: (_request, connection) => connection.send(mutableFrame({ id: 7 })),
    options: () => ({ multiplexing: false }),
  },
  {
    situation: 'the reply does not come in time',
    type: ErrorType.Timeout,
    text: () => "meta protocol router: request timeout for cluster 'service'",
    handler: () => {},
    options: () => ({ filter: { requestTimeoutMs: 40 } }),
  },
  {
    situation: 'the process has no memory to spare',
    type: ErrorType.OverLimit,
    text: () => `meta protocol overload: request '${ID}' has been rejected`,
    options: () => ({ overloadLevel: once(2) }),
  },
]

/** This at the first request that asks for it, then 0; being accepted asks too. */
function once(level: number): () => number {
  let asked = 0
  return () => (++asked === 2 ? level : 0)
}

for (const { situation, type, text, handler = echo, options } of ROWS) {
  test(`one reply with the literal text, and the connection stays usable, when ${situation}`, async () => {
    const failures: Failure[] = []
    const codec = spying(failures)
    await using server = await startEchoServer({
      codec,
      handler: (request, connection) =>
        request.get('kind') === 'bad' ? handler(request, connection) : connection.answer(request),
    })
    await using proxy = await startTestProxy({ codec, endpoints: [server.port], ...options?.(server.port) })
    await using client = await connectClient({ port: proxy.port, codec })
    const reply = await client.request(mutableFrame({ id: ID, pairs: { kind: 'bad' } }))
    assert.equal(body(reply), text(server.port))
    assert.deepEqual(
      failures.map((failure) => failure.type),
      [type],
    )
    assert.equal(body(await client.request(mutableFrame({ id: 9, body: 'fine' }))), 'fine')
    assert.equal(client.received.length, 2)
    assert.equal(proxy.stat('local_response_business_exception'), 1)
    assert.equal(proxy.stat('request_active'), 0)
    assert.equal(proxy.stat('upstream_rq_active'), 0)
  })
}

test('a reply that cannot be decoded fails all requests on its connection, each once, with the codec’s text', async () => {
  await using server = await startEchoServer({ codec: mutable, handler: () => {} })
  await using proxy = await startTestProxy({ codec: mutable, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const replies = [1, 2, 3].map((id) => client.request(mutableFrame({ id })))
  await server.arrived(3)
  server.connections[0]?.send(Buffer.alloc(11))
  for (const reply of await Promise.all(replies)) assert.equal(body(reply), "length 0 is below the header's 11")
  assert.equal(proxy.stat('response_decoding_error'), 3)
  assert.equal(proxy.stat('upstream_cx_protocol_error'), 1)
  assert.equal(client.received.length, 3)
})

test('a codec that throws in onError costs the connection, and is counted', async () => {
  const codec: CodecDefinition = {
    ...mutable,
    create: (side, config) => {
      const inner = mutable.create(side, config)
      return {
        decode: (buffer, metadata) => inner.decode(buffer, metadata),
        encode: (metadata, mutation, out) => inner.encode(metadata, mutation, out),
        onError: (_request, _failure, out) => {
          out.u32(17)
          throw new Error('no words')
        },
      }
    },
  }
  await using proxy = await startTestProxy({ codec, endpoints: [CLOSED_PORT] })
  await using client = await connectClient({ port: proxy.port, codec })
  client.send(Buffer.concat([mutableFrame({ id: 1 }), mutableFrame({ id: 2 })]))
  await client.closed()
  assert.equal(client.pendingBytes, 0)
  assert.equal(client.received.length, 0)
  assert.equal(proxy.stat('local_response_error'), 1)
  assert.equal(proxy.stat('request_active'), 0)
  assert.equal(proxy.stat('downstream_cx_active'), 0)
})

test('a codec that throws in encode gets the request a local reply, and nothing of it is sent', async () => {
  const codec: CodecDefinition = {
    ...mutable,
    create: (side, config) => {
      const inner = mutable.create(side, config)
      return {
        decode: (buffer, metadata) => inner.decode(buffer, metadata),
        encode: (metadata, mutation, out) => {
          if (metadata.get('kind') === 'bad') {
            out.u32(17)
            throw new Error('no room')
          }
          inner.encode(metadata, mutation, out)
        },
        onError: (request, failure, out) => inner.onError(request, failure, out),
      }
    },
  }
  for (const multiplexing of [true, false]) {
    await using server = await startEchoServer({ codec: mutable })
    await using proxy = await startTestProxy({
      codec,
      endpoints: [server.port],
      multiplexing,
      routes: [testRoute('service', { requestMutation: [{ key: 'a', value: 'b' }] })],
    })
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    const reply = await client.request(mutableFrame({ id: 1, pairs: { kind: 'bad' } }))
    assert.equal(body(reply), 'meta protocol upstream request: cannot encode: no room')
    assert.equal(body(await client.request(mutableFrame({ id: 2, body: 'fine' }))), 'fine')
    assert.equal(server.problems.length, 0)
    assert.equal(server.connections.length, 1)
    assert.equal(proxy.stat('upstream_rq_active'), 0)
  }
})

test('a filter that throws gets the request a local reply', async () => {
  await using server = await startEchoServer({ codec: mutable })
  await using proxy = await startTestProxy({
    codec: mutable,
    endpoints: [server.port],
    filter: { filters: [{ name: 'broken', typeUrl: 'broken', config: undefined }] },
    filters: [
      {
        name: 'broken',
        typeUrl: 'broken',
        parse: () => undefined,
        create: () => ({
          onRequest: (context) => {
            if (context.request.get('kind') === 'bad') throw new Error('broken filter')
            return FilterStatus.Continue
          },
        }),
      },
    ],
  })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const reply = await client.request(mutableFrame({ id: 1, pairs: { kind: 'bad' } }))
  assert.equal(body(reply), 'meta protocol filter: broken filter')
  assert.equal(body(await client.request(mutableFrame({ id: 2, body: 'fine' }))), 'fine')
  assert.equal(proxy.stat('filter_exception'), 1)
})

test('a one-way message that fails is not answered', async () => {
  const codec: CodecDefinition = {
    ...mutable,
    create: (side, config) => {
      const inner = mutable.create(side, config)
      return {
        decode: (buffer, metadata) => {
          const status = inner.decode(buffer, metadata)
          if (metadata.get('kind') === 'oneway') metadata.type = MessageType.Oneway
          return status
        },
        encode: (metadata, mutation, out) => inner.encode(metadata, mutation, out),
        onError: (request, failure, out) => inner.onError(request, failure, out),
      }
    },
  }
  await using proxy = await startTestProxy({ codec, endpoints: [CLOSED_PORT] })
  await using client = await connectClient({ port: proxy.port, codec })
  client.send(mutableFrame({ id: 1, pairs: { kind: 'oneway' } }))
  assert.match(body(await client.request(mutableFrame({ id: 2 }))), /remote connection failure/)
  assert.equal(client.received.length, 1)
  await proxy.until('request_active', 0)
})
