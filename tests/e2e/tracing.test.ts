import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ListenerConfig, TracingConfig } from '@meltemi/api'
import { type CodecDefinition, MessageType } from '@meltemi/sdk'
import { mutable, mutableFrame, streaming, streamingFrame, uuid, uuidFrame } from '../harness/codecs/index.ts'
import {
  closing,
  connectClient,
  type Handler,
  jsonLog,
  Observed,
  type RawClient,
  silent,
  startEchoServer,
  startProxyProcess,
  startTestProxy,
  type TestProxyOptions,
  testCluster,
  testRoute,
  type ZipkinSpan,
  zipkinTracing,
} from '../harness/index.ts'

type Pairs = Readonly<Record<string, string>>

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
/** Nobody listens there. */
const CLOSED_PORT = 1

interface Run {
  readonly tracing?: Partial<TracingConfig>
  readonly direction?: ListenerConfig['direction']
  readonly codec?: CodecDefinition
  readonly handler?: Handler
  readonly options?: (port: number) => Partial<TestProxyOptions>
  act(client: RawClient): Promise<unknown>
}

interface Result {
  readonly spans: readonly ZipkinSpan[]
  /** Of the requests that came to the service. */
  readonly received: readonly Pairs[]
  readonly lines: Observed['lines']
  stat(name: string): number
}

/** What becomes of the requests of a client at one proxy. */
async function run({ tracing, direction = 'outbound', codec = mutable, handler, options, act }: Run): Promise<Result> {
  const observed = new Observed()
  await using server = await startEchoServer({ codec, ...(handler === undefined ? {} : { handler }) })
  const more = options?.(server.port) ?? {}
  const proxy = await startTestProxy({
    codec,
    endpoints: [server.port],
    outlet: observed,
    config: {
      node: { id: 'node', cluster: 'shop', metadata: {}, locality: { region: 'r', zone: 'zone-1', subZone: '' } },
    },
    ...more,
    listener: { direction },
    filter: { tracing: zipkinTracing(tracing), ...more.filter },
  })
  try {
    await using client = await connectClient({ port: proxy.port, codec })
    await act(client)
  } finally {
    await proxy.proxy.stop()
  }
  const received = server.received.map((request) =>
    Object.fromEntries(Array.from({ length: request.size }, (_, at) => [request.key(at), request.value(at)])),
  )
  return { spans: observed.spans, received, lines: observed.lines, stat: (name) => proxy.stat(`tracing.${name}`) }
}

const ask = (pairs: Pairs) => (client: RawClient) => client.request(mutableFrame({ id: 7, pairs, body: 'body' }))

/** The span of the exchange and that of its try. */
function pair(spans: readonly ZipkinSpan[]): readonly [ZipkinSpan, ZipkinSpan] {
  assert.equal(spans.length, 2, JSON.stringify(spans))
  const [attempt, exchange] = spans as [ZipkinSpan, ZipkinSpan]
  assert.match(attempt.name, /^router /)
  assert.equal(attempt.parentId, exchange.id)
  assert.equal(attempt.traceId, exchange.traceId)
  return [exchange, attempt]
}

describe('a request that is traced', () => {
  test('has a span, and one for its try, with the tags of the reference', async () => {
    const { spans, received } = await run({ act: ask({ method: 'hello' }) })
    const [exchange, attempt] = pair(spans)
    assert.equal(exchange.kind, 'CLIENT')
    assert.equal(exchange.name, 'egress')
    assert.equal(exchange.parentId, undefined)
    assert.equal(exchange.localEndpoint.serviceName, 'shop')
    assert.ok(exchange.timestamp <= attempt.timestamp)
    assert.ok(exchange.timestamp + exchange.duration >= attempt.timestamp + attempt.duration)
    assert.ok(Math.abs(exchange.timestamp / 1000 - Date.now()) < 10_000)
    const size = String(mutableFrame({ id: 7, pairs: { method: 'hello' }, body: 'body' }).length)
    const { 'guid:x-request-id': id, response_size, ...tags } = exchange.tags as Record<string, string>
    assert.match(id as string, /^[0-9a-f]{8}-[0-9a-f]{4}-9/)
    const server = tags['request metadata: x-meta-protocol-real-server-address']
    assert.match(server as string, /^127\.0\.0\.1:\d+$/)
    for (const key of Object.keys(tags)) if (key.startsWith('response metadata: ')) delete tags[key]
    assert.ok(Number(response_size) > Number(size))
    assert.deepEqual(tags, {
      component: 'proxy',
      node_id: 'node',
      zone: 'zone-1',
      request_id: '7',
      request_size: size,
      'peer.address': '127.0.0.1',
      upstream_cluster: 'service',
      'upstream_cluster.name': 'service',
      'request metadata: method': 'hello',
      'request metadata: x-request-id': id,
      'request metadata: x-meta-protocol-application-protocol': 'test',
      'request metadata: x-meta-protocol-real-server-address': server,
    })
    assert.equal(exchange.tags['response metadata: method'], 'hello')
    assert.equal(attempt.kind, 'CLIENT')
    assert.equal(attempt.name, 'router service egress')
    assert.equal(attempt.tags['upstream_address'], server)
    // the service is a child of the try
    assert.deepEqual(received, [
      {
        method: 'hello',
        'x-request-id': id,
        'x-b3-traceid': exchange.traceId,
        'x-b3-spanid': attempt.id,
        'x-b3-parentspanid': exchange.id,
        'x-b3-sampled': '1',
      },
    ])
  })

  test('is a server’s on an inbound listener', async () => {
    for (const direction of ['inbound', 'unspecified'] as const) {
      const [exchange] = pair((await run({ direction, act: ask({}) })).spans)
      assert.deepEqual([exchange.kind, exchange.name], ['SERVER', 'ingress'])
    }
  })

  test('has the operation in the name of its span', async () => {
    const named: CodecDefinition = {
      ...mutable,
      create: (side, config) => {
        const codec = mutable.create(side, config)
        return {
          decode: (buffer, metadata) => {
            metadata.operation = 'Greeter/hello'
            return codec.decode(buffer, metadata)
          },
          encode: (metadata, mutation, out) => codec.encode(metadata, mutation, out),
          onError: (request, failure, out) => codec.onError(request, failure, out),
        }
      },
    }
    assert.equal(pair((await run({ codec: named, act: ask({}) })).spans)[0].name, 'egress Greeter/hello')
  })

  test('cuts long values, and tells when bytes came and went where it is asked to', async () => {
    const tracing = { maxTagLength: 5, verbose: true }
    const [exchange] = pair((await run({ tracing, act: ask({ method: 'a long one' }) })).spans)
    assert.equal(exchange.tags['request metadata: method'], 'a lon')
    const events = exchange.annotations?.map(({ value }) => value)
    assert.deepEqual(events, [
      'last_downstream_rx_byte_received',
      'first_upstream_tx_byte_sent',
      'last_upstream_tx_byte_sent',
      'first_upstream_rx_byte_received',
      'last_upstream_rx_byte_received',
      'first_downstream_tx_byte_sent',
      'last_downstream_tx_byte_sent',
    ])
    const times = exchange.annotations?.map(({ timestamp }) => timestamp) ?? []
    assert.deepEqual(times, times.toSorted())
  })

  test('by a codec that cannot tell others is traced alone', async () => {
    const { spans, received } = await run({
      codec: uuid,
      act: (client) => client.request(uuidFrame({ id: 5n, body: 'x' })),
    })
    pair(spans)
    assert.deepEqual(received, [{ body: 'x' }])
  })
})

describe('the span of what goes wrong says so:', () => {
  const rows: readonly (Omit<Run, 'act'> & { what: string; flags: string; details: string; tries: number })[] = [
    { what: 'no route', options: () => ({ routes: [] }), flags: 'NR', details: 'no_matched_route', tries: 0 },
    {
      what: 'no connection',
      options: () => ({ clusters: [testCluster('service', [CLOSED_PORT])] }),
      flags: 'UF',
      details: 'remote_connection_failure',
      tries: 1,
    },
    { what: 'a service that closes', handler: closing, flags: 'UC', details: 'upstream_response_incomplete', tries: 1 },
    {
      what: 'no answer in time',
      handler: silent,
      options: () => ({ filter: { requestTimeoutMs: 50 } }),
      flags: 'UT',
      details: 'request_timeout',
      tries: 1,
    },
  ]
  for (const { what, flags, details, tries, ...more } of rows) {
    test(what, async () => {
      const { spans } = await run({ ...more, act: ask({}) })
      assert.equal(spans.length, 1 + tries)
      for (const { tags } of spans) {
        assert.deepEqual(
          [tags['error'], tags['response_flags'], tags['response_code_details']],
          ['true', flags, details],
        )
      }
    })
  }

  test('a reply that says failure', async () => {
    const { spans } = await run({
      handler: (request, connection) => connection.send(mutableFrame({ id: Number(request.requestId), status: 1 })),
      act: ask({}),
    })
    for (const { tags } of pair(spans)) assert.equal(tags['error'], 'true')
  })

  test('a stream in which the service says failure', async () => {
    const frame = (type: MessageType, stream: number, status = 0) => streamingFrame({ type, id: 1, stream, status })
    const { spans } = await run({
      codec: streaming,
      handler: (request, connection) => {
        if (request.type !== MessageType.StreamData) return
        connection.send(frame(MessageType.StreamCloseTwoWay, request.streamId, 1))
      },
      act: async (client) => {
        client.send(frame(MessageType.StreamInit, 3))
        client.send(frame(MessageType.StreamData, 3))
        await client.next()
      },
    })
    const [exchange] = pair(spans)
    assert.equal(exchange.tags['error'], 'true')
  })

  test('a client that leaves', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { spans } = await run({
      handler: () => resolve(),
      act: async (client) => {
        client.send(mutableFrame({ id: 1 }))
        await promise
        client.socket.resetAndDestroy()
        await new Promise((done) => setTimeout(done, 50))
      },
    })
    const [exchange, attempt] = pair(spans)
    assert.deepEqual([exchange.tags['error'], exchange.tags['response_flags']], ['true', 'DC'])
    assert.equal(attempt.tags['error'], 'true')
    for (const { localEndpoint } of [exchange, attempt]) assert.ok((localEndpoint.port ?? 0) > 0)
  })

  test('what needs no reply is no failure without one', async () => {
    const { spans } = await run({
      codec: streaming,
      act: async (client) => {
        client.send(streamingFrame({ type: MessageType.Oneway, id: 1 }))
        client.send(streamingFrame({ type: MessageType.StreamInit, id: 1, stream: 3 }))
        client.send(streamingFrame({ type: MessageType.StreamData, id: 1, stream: 3 }))
        await client.next()
        client.send(streamingFrame({ type: MessageType.StreamCloseOneWay, id: 1, stream: 3 }))
        await client.next()
        await new Promise((done) => setTimeout(done, 50))
      },
    })
    assert.equal(spans.length, 4)
    for (const { tags } of spans) assert.equal(tags['error'], undefined)
  })
})

describe('the trace that a request belongs to', () => {
  const forms: readonly { what: string; pairs: Pairs; propagation: TracingConfig['propagation']; sent: RegExp[] }[] = [
    {
      what: 'traceparent',
      pairs: { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=b' },
      propagation: ['w3c'],
      sent: [new RegExp(`^traceparent=00-${TRACE}-TRY-01$`), /^tracestate=a=b$/],
    },
    {
      what: 'b3',
      pairs: { b3: `${TRACE}-${SPAN}-1` },
      propagation: ['b3'],
      sent: [new RegExp(`^b3=${TRACE}-TRY-1-EXCHANGE$`)],
    },
    {
      what: 'x-b3-*, in the case that they came in',
      pairs: { 'X-B3-TraceId': TRACE, 'X-B3-SpanId': SPAN, 'X-B3-Sampled': '1' },
      propagation: ['b3multi'],
      sent: [
        new RegExp(`^X-B3-TraceId=${TRACE}$`),
        /^X-B3-SpanId=TRY$/,
        /^X-B3-Sampled=1$/,
        /^x-b3-parentspanid=EXCHANGE$/,
      ],
    },
    {
      what: 'one form, sent on in that and in the one that is configured',
      pairs: { traceparent: `00-${TRACE}-${SPAN}-01` },
      propagation: ['b3'],
      sent: [new RegExp(`^traceparent=00-${TRACE}-TRY-01$`), new RegExp(`^b3=${TRACE}-TRY-1-EXCHANGE$`)],
    },
  ]
  for (const { what, pairs, propagation, sent } of forms) {
    test(`is continued: ${what}`, async () => {
      const { spans, received } = await run({ tracing: { propagation }, act: ask(pairs) })
      const [exchange, attempt] = pair(spans)
      assert.deepEqual([exchange.traceId, exchange.parentId], [TRACE, SPAN])
      const seen = Object.entries(received[0] as Pairs)
        .filter(([key]) => key !== 'x-request-id')
        .map(([key, value]) => `${key}=${value.replace(attempt.id, 'TRY').replace(exchange.id, 'EXCHANGE')}`)
      assert.equal(seen.length, sent.length, seen.join(' '))
      for (const each of sent)
        assert.ok(
          seen.some((text) => each.test(text)),
          `${each} in ${seen.join(' ')}`,
        )
    })
  }

  test('is begun anew where its context makes no sense, without what others had added to it', async () => {
    const pairs = { traceparent: 'nonsense', tracestate: 'a=b' }
    const { spans, received } = await run({ tracing: { propagation: ['w3c'] }, act: ask(pairs) })
    const [exchange, attempt] = pair(spans)
    assert.equal(exchange.parentId, undefined)
    assert.equal(received[0]?.['traceparent'], `00-${exchange.traceId}-${attempt.id}-01`)
    assert.equal(received[0]?.['tracestate'], undefined)
  })

  test('has short ids where Zipkin’s are to be short', async () => {
    const provider = { ...zipkinTracing().provider, traceId128bit: false } as NonNullable<TracingConfig['provider']>
    const [exchange] = pair((await run({ tracing: { provider }, act: ask({}) })).spans)
    assert.match(exchange.traceId, /^[0-9a-f]{16}$/)
  })

  test('is debugged all the way', async () => {
    const pairs = { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-flags': '1' }
    const { received } = await run({ tracing: { randomSampling: 0, overallSampling: 0 }, act: ask(pairs) })
    assert.deepEqual([received[0]?.['x-b3-flags'], received[0]?.['x-b3-sampled']], ['1', undefined])
  })

  test('is debugged all the way also where the form changes', async () => {
    const pairs = { b3: `${TRACE}-${SPAN}-d` }
    const { received, spans } = await run({ tracing: { randomSampling: 0, overallSampling: 0 }, act: ask(pairs) })
    const [exchange, attempt] = pair(spans)
    assert.deepEqual(
      ['b3', 'x-b3-traceid', 'x-b3-flags', 'x-b3-sampled'].map((key) => received[0]?.[key]),
      [`${TRACE}-${attempt.id}-d-${exchange.id}`, TRACE, '1', undefined],
    )
  })

  test('that is none, because its ids are zeros, decides nothing', async () => {
    const pairs = { traceparent: `00-${'0'.repeat(32)}-${SPAN}-00` }
    const [exchange] = pair((await run({ tracing: { propagation: ['w3c'] }, act: ask(pairs) })).spans)
    assert.equal(exchange.parentId, undefined)
  })

  test('what a route says counts more', async () => {
    const requestMutation = [{ key: 'x-b3-sampled', value: 'by the route' }]
    const { received } = await run({
      options: () => ({ routes: [testRoute('service', { requestMutation })] }),
      act: ask({}),
    })
    assert.equal(received[0]?.['x-b3-sampled'], 'by the route')
  })
})

describe('a request that is not traced', () => {
  test('has no span, and goes on as it came', async () => {
    for (const propagation of [['b3multi'], ['w3c', 'b3']] as const) {
      const { spans, received, stat } = await run({
        tracing: { randomSampling: 0, propagation },
        act: ask({ method: 'hello' }),
      })
      assert.deepEqual(spans, [])
      assert.deepEqual(received, [{ method: 'hello' }])
      assert.equal(stat('not_traceable'), 1)
    }
  })

  test('has an id that says so where a log asks for one', async () => {
    const { received, lines } = await run({
      tracing: { randomSampling: 0 },
      options: () => ({ filter: { accessLogs: [jsonLog({ id: '%REQ(x-request-id)%' })] } }),
      act: ask({}),
    })
    assert.match(received[0]?.['x-request-id'] ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-4/)
    assert.deepEqual(Object.keys(received[0] ?? {}), ['x-request-id'])
    assert.equal(lines[0]?.['id'], received[0]?.['x-request-id'])
  })

  test('because others have decided so goes on as it came', async () => {
    for (const pairs of [
      { 'x-request-id': '12345678-1234-4234-8234-123456789012' },
      { 'x-request-id': 'their own' },
      { 'x-request-id': 'x', traceparent: `00-${TRACE}-${SPAN}-00` },
    ]) {
      const { spans, received } = await run({ act: ask(pairs) })
      assert.deepEqual(spans, [])
      assert.deepEqual(received, [pairs])
    }
  })

  test('although its caller traces it is not traced behind us either', async () => {
    const pairs = { traceparent: `00-${TRACE}-${SPAN}-01` }
    const { spans, received } = await run({ tracing: { overallSampling: 0, propagation: ['w3c'] }, act: ask(pairs) })
    assert.deepEqual(spans, [])
    assert.equal(received[0]?.['traceparent'], `00-${TRACE}-${SPAN}-00`)
  })

  test('has no state of a trace that it does not belong to', async () => {
    const pairs = { traceparent: 'nonsense', tracestate: 'a=b', b3: '1' }
    const { received } = await run({ tracing: { overallSampling: 0, propagation: ['w3c'] }, act: ask(pairs) })
    assert.match(received[0]?.['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
    assert.deepEqual([received[0]?.['tracestate'], received[0]?.['b3']], [undefined, '0'])
  })

  test('without a collector is marked as it would be', async () => {
    const { spans, received, stat } = await run({ tracing: { provider: undefined }, act: ask({}) })
    assert.deepEqual(spans, [])
    assert.match(received[0]?.['x-request-id'] ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-9/)
    assert.equal(stat('random_sampling'), 1)
  })
})

test('of a thousand requests a share is traced, and the counters say why', async () => {
  const { spans, stat } = await run({
    tracing: { randomSampling: 2_500 },
    act: async (client) => {
      for (let id = 1; id <= 1000; id++) await client.request(mutableFrame({ id }))
      await client.request(mutableFrame({ id: 1, pairs: { 'x-client-trace-id': 'mine' } }))
      await client.request(mutableFrame({ id: 1, pairs: { 'x-envoy-force-trace': '1' } }))
    },
  })
  const traced = spans.length / 2 - 2
  assert.ok(Math.abs(traced - 250) < 80, String(traced))
  assert.equal(stat('random_sampling'), traced)
  assert.deepEqual([stat('client_enabled'), stat('service_forced'), stat('not_traceable')], [1, 1, 1000 - traced])
  const forced = spans.find(({ tags }) => tags['guid:x-client-trace-id'] === 'mine')
  assert.match(forced?.tags['guid:x-request-id'] ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-b/)
})

test('two proxies and what stands before and behind them are one trace', async () => {
  const [outside, inside] = [new Observed(), new Observed()]
  await using server = await startEchoServer({ codec: mutable })
  const tracing = zipkinTracing()
  const inbound = await startTestProxy({
    codec: mutable,
    endpoints: [server.port],
    outlet: inside,
    listener: { direction: 'inbound' },
    filter: { tracing: { ...tracing, randomSampling: 0 }, accessLogs: [jsonLog({ trace: '%TRACE_ID%' })] },
  })
  const outbound = await startTestProxy({
    codec: mutable,
    endpoints: [inbound.port],
    outlet: outside,
    listener: { direction: 'outbound' },
    filter: { tracing },
  })
  try {
    await using client = await connectClient({ port: outbound.port, codec: mutable })
    await client.request(mutableFrame({ id: 1, pairs: { b3: `${TRACE}-${SPAN}-1` } }))
  } finally {
    await outbound.proxy.stop()
    await inbound.proxy.stop()
  }
  const [egress, first] = pair(outside.spans)
  // the span that answers has the id of the one that asks, as Zipkin's instrumentations have it
  const [second, ingress] = inside.spans as [ZipkinSpan, ZipkinSpan]
  assert.deepEqual([egress.traceId, egress.parentId], [TRACE, SPAN])
  assert.deepEqual([ingress.traceId, ingress.id, ingress.parentId, ingress.shared], [TRACE, first.id, egress.id, true])
  assert.deepEqual([ingress.kind, second.parentId], ['SERVER', ingress.id])
  assert.equal(server.received[0]?.get('b3'), `${TRACE}-${second.id}-1-${ingress.id}`)
  assert.deepEqual(inside.lines, [{ trace: TRACE }])
})

const MODULE = fileURLToPath(new URL('../harness/codecs/index.ts', import.meta.url))

/** Takes spans, or does not. */
async function startCollector(status: number) {
  const bodies: string[] = []
  const server = createServer(async (request, reply) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    bodies.push(body)
    if (status !== 0) reply.writeHead(status).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    get spans(): readonly ZipkinSpan[] {
      return bodies.flatMap((body) => JSON.parse(body) as ZipkinSpan[])
    },
    cluster: {
      name: 'collector',
      load_assignment: {
        cluster_name: 'collector',
        endpoints: [
          {
            lb_endpoints: [
              {
                endpoint: {
                  address: {
                    socket_address: { address: '127.0.0.1', port_value: (server.address() as AddressInfo).port },
                  },
                },
              },
            ],
          },
        ],
      },
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const tracer = {
  name: 'envoy.tracers.zipkin',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig',
    collector_cluster: 'collector',
    collector_endpoint: '/api/v2/spans',
    collector_endpoint_version: 'HTTP_JSON',
  },
}

for (const concurrency of ['0', '2']) {
  test(`a proxy with --concurrency ${concurrency} has sent all its spans when it has drained`, async () => {
    await using collector = await startCollector(202)
    await using server = await startEchoServer({ codec: mutable })
    await using proxy = await startProxyProcess({
      codec: mutable.name,
      endpoints: [server.port],
      filter: { tracing: {} },
      clusters: [collector.cluster],
      bootstrap: { tracing: { http: tracer } },
      arguments: ['--concurrency', concurrency, '--module', MODULE, '--drain-time-s', '5'],
    })
    for (let n = 0; n < 4; n++) {
      await using client = await connectClient({ port: proxy.port, codec: mutable })
      for (let id = 1; id <= 25; id++) await client.request(mutableFrame({ id }))
    }
    proxy.child.kill('SIGTERM')
    assert.equal(await proxy.exited(), 0)
    assert.equal(collector.spans.length, 200)
    assert.equal(new Set(collector.spans.map(({ traceId }) => traceId)).size, 100)
  })
}

for (const [what, status] of [
  ['that answers nothing', 0],
  ['that refuses spans', 500],
] as const) {
  test(`a collector ${what} holds up no request, and what it does not take is counted`, async () => {
    await using collector = await startCollector(status)
    await using server = await startEchoServer({ codec: mutable })
    await using proxy = await startProxyProcess({
      codec: mutable.name,
      endpoints: [server.port],
      filter: { tracing: { provider: tracer } },
      clusters: [collector.cluster],
      arguments: ['--module', MODULE],
    })
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    const text = 'x'.repeat(200)
    const pairs = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`key-${n}`, text]))
    // some 25 KB each
    for (let id = 1; id <= 500; id++) await client.request(mutableFrame({ id, pairs }))
    const endMs = performance.now() + 15_000
    while ((await proxy.stat('tracing.zipkin.spans_dropped')) < 300) {
      assert.ok(performance.now() < endMs, `${await proxy.stat('tracing.zipkin.spans_dropped')} are counted`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.equal((await client.request(mutableFrame({ id: 1 }))).status, 0)
    await client.close()
    proxy.child.kill('SIGTERM')
    assert.equal(await proxy.exited(), 0)
  })
}
