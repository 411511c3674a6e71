import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { formatPrometheus } from '@meltemi/runtime'
import { MessageType, type Metadata } from '@meltemi/sdk'
import { streaming, streamingFrame } from '../harness/codecs/index.ts'
import {
  awesomerpcFrame,
  connectClient,
  type Handler,
  startEchoServer,
  startProxyProcess,
  startTestProxy,
  type TestProxy,
} from '../harness/index.ts'

const PREFIX = 'meta_protocol.test.test.'

/** The names of the reference, which dashboards are built on. */
const COUNTERS = [
  'cx_destroy_local_with_active_rq',
  'cx_destroy_remote_with_active_rq',
  'idle_timeout',
  'local_response_business_exception',
  'local_response_error',
  'local_response_success',
  'request',
  'request_decoding_error',
  'request_decoding_success',
  'request_event',
  'request_oneway',
  'request_stream',
  'request_twoway',
  'response',
  'response_business_exception',
  'response_decoding_error',
  'response_decoding_success',
  'response_error',
  'response_error_caused_connection_close',
  'response_success',
]

const { Request, Oneway, Heartbeat, Response, StreamInit, StreamData, StreamCloseTwoWay } = MessageType
const GARBAGE = Buffer.from('this is not the protocol at all, and never will be')

/** Does what the body of a request says. */
const obedient: Handler = (request, connection) => {
  const id = Number(request.requestId)
  switch (bodyOf(request)) {
    case 'fail':
      return connection.send(streamingFrame({ type: Response, id, status: 1 }))
    case 'raise':
      return connection.send(streamingFrame({ type: MessageType.Error, id, status: 1 }))
    case 'close':
      return connection.destroy()
    case 'garbage':
      return connection.send(GARBAGE)
    case 'silence':
      return
    default:
      return connection.answer(request)
  }
}

function bodyOf(message: Metadata): string {
  return message.message.toString('utf8', message.headerSize)
}

function call(id: number, body = ''): Buffer {
  return streamingFrame({ type: Request, id, body })
}

function valuesOf(proxy: TestProxy): Record<string, number> {
  const values: Record<string, number> = {}
  for (const metric of proxy.metrics.read((name) => name.startsWith(PREFIX))) {
    values[metric.name.slice(PREFIX.length)] = metric.kind === 'histogram' ? metric.histogram.count : metric.value
  }
  return values
}

test('the reference’s statistics are there by their names from the start, with 0', async () => {
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [1] })
  const values = valuesOf(proxy)
  for (const name of [...COUNTERS, 'request_active', 'request_time_ms']) assert.equal(values[name], 0, name)
})

test('after a mix of everything each counter says how often that was, and the gauges are back at 0', async () => {
  await using server = await startEchoServer({ codec: streaming, handler: obedient })
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port], multiplexing: false })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  for (const body of ['', '', '', 'fail', 'fail', 'raise', 'close', 'garbage']) await client.request(call(1, body))

  for (const id of [1, 2]) client.send(streamingFrame({ type: Oneway, id }))
  await server.arrived(10)
  client.send(streamingFrame({ type: Heartbeat, id: 3 }))
  assert.equal((await client.next()).type, Heartbeat)
  client.send(
    Buffer.concat([
      streamingFrame({ type: StreamInit, id: 4, stream: 9 }),
      streamingFrame({ type: StreamData, id: 4, stream: 9, body: 'x' }),
    ]),
  )
  assert.equal((await client.next()).type, StreamData)
  client.send(streamingFrame({ type: StreamCloseTwoWay, id: 4, stream: 9 }))
  await proxy.until('stream_active', 0)

  await using leaving = await connectClient({ port: proxy.port, codec: streaming })
  leaving.send(Buffer.concat([call(1, 'silence'), call(2, 'silence')]))
  await proxy.until('request_active', 2)
  leaving.socket.resetAndDestroy()
  await proxy.until('request_active', 0)

  await using bad = await connectClient({ port: proxy.port, codec: streaming })
  bad.send(Buffer.concat([call(1, 'silence'), GARBAGE]))
  await bad.closed()

  assert.deepEqual(subset(valuesOf(proxy), COUNTERS), {
    cx_destroy_local_with_active_rq: 1,
    cx_destroy_remote_with_active_rq: 2,
    local_response_business_exception: 2,
    request: 8 + 2 + 1 + 2 + 1,
    request_decoding_error: 1,
    request_decoding_success: 8 + 2 + 1 + 3 + 2 + 1,
    request_event: 2,
    request_oneway: 2,
    request_stream: 1,
    request_twoway: 8 + 2 + 1,
    response: 6,
    response_business_exception: 1,
    response_decoding_error: 1,
    response_decoding_success: 6,
    response_error: 3,
    response_success: 3,
  })
  const { request_active, stream_active, downstream_cx_active, request_time_ms } = valuesOf(proxy)
  assert.deepEqual([request_active, stream_active, downstream_cx_active], [0, 0, 1])
  assert.equal(request_time_ms, 14, 'the histogram has a record for each request')
})

/** Those of the named values that are not 0. */
function subset(values: Record<string, number>, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, values[name] as number]).filter(([, value]) => value !== 0))
}

test('an idle connection that is closed is counted', async () => {
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [1], filter: { idleTimeoutMs: 40 } })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  await client.closed()
  assert.deepEqual(subset(valuesOf(proxy), COUNTERS), { idle_timeout: 1 })
})

test('clusters count connections, requests and bytes by Envoy’s names', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 1; id <= 4; id++) await client.request(awesomerpcFrame({ id, body: 'xyz' }))
  await client.close()
  await proxy.until('downstream_cx_active', 0)
  const stat = (name: string) => proxy.stat(`cluster.service.${name}`)
  assert.deepEqual(['upstream_cx_total', 'upstream_cx_active', 'upstream_rq_total'].map(stat), [1, 1, 4])
  assert.deepEqual(['upstream_rq_active', 'upstream_rq_pending_total', 'membership_total'].map(stat), [0, 1, 1])
  assert.equal(stat('upstream_cx_rx_bytes_total'), 4 * 16)
  assert.equal(proxy.stat(`${PREFIX}downstream_cx_rx_bytes_total`), 4 * 16)
  assert.equal(proxy.stat(`${PREFIX}downstream_cx_tx_bytes_total`), 4 * 16)
  for (const name of ['cluster.service.upstream_rq_time', 'cluster.service.upstream_cx_connect_ms']) {
    const [metric] = proxy.metrics.read((other) => other === name)
    assert.ok(metric?.kind === 'histogram' && metric.histogram.count > 0, name)
  }
})

test('Prometheus gets the statistics of a listener with their whole name, histograms with buckets', async () => {
  await using server = await startEchoServer({ codec: streaming })
  await using proxy = await startTestProxy({ codec: streaming, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  for (const id of [1, 2, 3]) await client.request(call(id))
  const lines = formatPrometheus(proxy.metrics.read()).split('\n')
  const family = 'envoy_meta_protocol_test_test_'
  for (const name of COUNTERS) assert.ok(lines.includes(`# TYPE ${family}${name} counter`), name)
  for (const line of [
    `${family}request 3`,
    `${family}response_success 3`,
    `# TYPE ${family}request_active gauge`,
    `${family}request_active 0`,
    `# TYPE ${family}request_time_ms histogram`,
    `${family}request_time_ms_bucket{le="+Inf"} 3`,
    `${family}request_time_ms_count 3`,
    'envoy_cluster_upstream_rq_total{envoy_cluster_name="service"} 3',
  ]) {
    assert.ok(lines.includes(line), line)
  }
})

test('a running proxy shows them on /stats and /stats/prometheus, by the name of the reference', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const name = 'aeraki.meta_protocol.codec.awesomerpc'
  await using proxy = await startProxyProcess({
    codec: name,
    endpoints: [server.port],
    filter: {
      stat_prefix: 'outbound|20880||org.apache.dubbo.samples.basic.api.demoservice',
      protocol: { name: 'dubbo', codec: { name }, multiplexing: true },
    },
    arguments: ['--log-level', 'error'],
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (const id of [1, 2]) await client.request(awesomerpcFrame({ id }))
  const prefix = 'meta_protocol.dubbo.outbound|20880||org.apache.dubbo.samples.basic.api.demoservice'
  assert.equal(await proxy.stat(`${prefix}.request`), 2)
  const { text } = await proxy.get('/stats/prometheus')
  const family = 'envoy_meta_protocol_dubbo_outbound_20880__org_apache_dubbo_samples_basic_api_demoservice_request'
  assert.match(text, new RegExp(`^${family} 2$`, 'm'))
  assert.match(text, new RegExp(`^${family}_time_ms_count 2$`, 'm'))
})
