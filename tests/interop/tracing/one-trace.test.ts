import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { mutable, mutableFrame } from '../../harness/codecs/index.ts'
import {
  closing,
  connectClient,
  type Handler,
  type ProxyProcess,
  startEchoServer,
  startProxyProcess,
} from '../../harness/index.ts'
import { chainOf } from './chain-of.ts'
import type { CollectedSpan, Collector } from './collected-span.ts'
import { startOtelCollector } from './otel-collector.ts'
import { TracedApp } from './traced-app.ts'
import { pairsOf, type TracedCodec } from './traced-codec.ts'
import { startZipkin } from './zipkin.ts'

const CODECS: readonly TracedCodec[] = [
  {
    codec: mutable,
    module: fileURLToPath(new URL('../../harness/codecs/index.ts', import.meta.url)),
    request: (id, pairs) => mutableFrame({ id, pairs }),
  },
]

const COLLECTORS: readonly { readonly what: string; start(): Promise<Collector> }[] = [
  { what: 'Zipkin', start: startZipkin },
  { what: 'OpenTelemetry’s receiver over gRPC', start: () => startOtelCollector('grpc') },
  { what: 'OpenTelemetry’s receiver over HTTP', start: () => startOtelCollector('http') },
]

async function startProxy(
  traced: TracedCodec,
  collector: Collector,
  direction: 'INBOUND' | 'OUTBOUND',
  endpoint: number,
): Promise<ProxyProcess> {
  const address = { socket_address: { address: '127.0.0.1', port_value: collector.port } }
  const load_assignment = { cluster_name: 'collector', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] }
  return startProxyProcess({
    codec: traced.codec.name,
    endpoints: [endpoint],
    listener: { traffic_direction: direction },
    // the inbound one does as the outbound one has decided
    filter: { tracing: { random_sampling: { value: direction === 'OUTBOUND' ? 100 : 0 } } },
    clusters: [{ name: 'collector', load_assignment }],
    bootstrap: {
      node: { id: direction.toLowerCase(), cluster: direction.toLowerCase() },
      tracing: { http: { name: 'tracer', typed_config: collector.tracer } },
    },
    arguments: ['--drain-time-s', '5', ...(traced.module === undefined ? [] : ['--module', traced.module])],
  })
}

/** The spans of one call from a client through two proxies to a service, each under a name of its own. */
async function traceOf(traced: TracedCodec, collector: Collector, handler: Handler, count: number) {
  await using clientApp = new TracedApp('client', collector)
  await using serverApp = new TracedApp('server', collector)
  await using server = await startEchoServer({
    codec: traced.codec,
    handler: async (request, connection) => {
      const span = serverApp.answer('answer', pairsOf(request))
      await handler(request, connection)
      span.end()
    },
  })
  await using inbound = await startProxy(traced, collector, 'INBOUND', server.port)
  await using outbound = await startProxy(traced, collector, 'OUTBOUND', inbound.port)
  const { span, pairs } = clientApp.ask('ask')
  {
    await using client = await connectClient({ port: outbound.port, codec: traced.codec })
    await client.request(traced.request(1, pairs))
  }
  span.end()
  for (const proxy of [outbound, inbound]) {
    proxy.child.kill('SIGTERM')
    assert.equal(await proxy.exited(), 0)
  }
  await Promise.all([clientApp.flush(), serverApp.flush()])
  return collector.trace(span.spanContext().traceId, count)
}

for (const { what, start } of COLLECTORS) {
  describe(what, () => {
    let collector: Collector
    before(async () => {
      collector = await start()
    })
    after(() => collector?.[Symbol.asyncDispose]())

    for (const traced of CODECS) {
      test(`joins client, both proxies and service in one trace (${traced.codec.name})`, async () => {
        const spans = await traceOf(traced, collector, (request, connection) => connection.answer(request), 6)
        assert.deepEqual(chainOf(spans), [
          'client: ask (CLIENT)',
          'outbound: egress (CLIENT)',
          'outbound: router service egress (CLIENT)',
          'inbound: ingress (SERVER)',
          'inbound: router service egress (CLIENT)',
          'server: answer (SERVER)',
        ])
        assert.ok(spans.every(({ isError }) => !isError))
        const egress = spans.find(({ name }) => name === 'egress') as CollectedSpan
        const ingress = spans.find(({ name }) => name === 'ingress') as CollectedSpan
        assert.equal(egress.tags['guid:x-request-id'], ingress.tags['guid:x-request-id'])
        assert.ok(egress.startUs <= ingress.startUs + 1000 && egress.endUs + 1000 >= ingress.endUs)
      })

      test(`has what went wrong in all spans that it concerns (${traced.codec.name})`, async () => {
        const spans = await traceOf(traced, collector, closing, 6)
        const failed = spans.filter(({ isError }) => isError).map(({ service, name }) => `${service}: ${name}`)
        assert.deepEqual(failed.toSorted(), [
          'inbound: ingress',
          'inbound: router service egress',
          'outbound: egress',
          'outbound: router service egress',
        ])
        const ingress = spans.find(({ name }) => name === 'ingress') as CollectedSpan
        assert.equal(ingress.tags['response_flags'], 'UC')
      })
    }
  })
}
