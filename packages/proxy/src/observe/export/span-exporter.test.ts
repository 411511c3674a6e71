import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TracingProvider } from '@meltemi/api/model'
import { createLogger, MergedRegistry, systemClock } from '@meltemi/runtime'
import { Exporters } from './exporters.ts'
import { spanDestination } from './outlet.ts'

const ZIPKIN: TracingProvider = {
  kind: 'zipkin',
  cluster: 'collector',
  timeoutMs: 300,
  path: '/api/v2/spans',
  host: 'outbound|9411||zipkin',
  traceId128bit: false,
  sharedSpanContext: true,
}

interface Report {
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A collector that answers as it is told, and what it was sent. */
async function startCollector(answer: (reply: ServerResponse, count: number) => void) {
  const reports: Report[] = []
  const server = createServer(async (request, reply) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    reports.push({ url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() })
    answer(reply, reports.length)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    reports,
    address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    closeConnections: () => server.closeAllConnections(),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function setUp(addresses: () => readonly { host: string; port: number }[], provider = ZIPKIN) {
  const metrics = new MergedRegistry()
  const lines: string[] = []
  const logger = createLogger({ destination: { write: (line: string) => void lines.push(line) } })
  const exporters = new Exporters({ clock: systemClock, logger, metrics, addressesOf: addresses })
  const take = (text: string, count = 1) =>
    new Promise<void>((resolve) => {
      const bytes = Buffer.from(new Uint8Array(Buffer.from(text)).buffer)
      exporters.take({ destination: spanDestination(provider, 'me'), bytes, count }, resolve)
    })
  const stat = (name: string) => {
    const prefix = provider.kind === 'zipkin' ? 'tracing.zipkin.' : 'tracing.opentelemetry.'
    const [metric] = metrics.read((candidate) => candidate === prefix + name)
    return metric?.kind === 'histogram' ? undefined : metric?.value
  }
  return { exporters, take, stat, lines }
}

test('spans of Zipkin are posted as one list, those that come meanwhile with the next report', async () => {
  await using collector = await startCollector((reply) => void reply.writeHead(202).end())
  const { exporters, take, stat } = setUp(() => [collector.address])
  await Promise.all([take('{"a":1},'), take('{"b":1},{"c":1},', 2), take('{"d":1},')])
  await exporters.close()
  const [first, ...more] = collector.reports
  assert.deepEqual([first?.url, first?.headers['content-type']], ['/api/v2/spans', 'application/json'])
  assert.equal(first?.headers.host, 'outbound|9411||zipkin')
  assert.deepEqual(
    [first, ...more].map((report) => JSON.parse(report?.body ?? '')),
    [[{ a: 1 }], [{ b: 1 }, { c: 1 }, { d: 1 }]],
  )
  assert.deepEqual([stat('spans_sent'), stat('reports_sent'), stat('spans_dropped')], [4, 2, 0])
})

test('what a collector refuses is lost and counted', async () => {
  await using collector = await startCollector((reply) => void reply.writeHead(400).end('no'))
  const { exporters, take, stat } = setUp(() => [collector.address])
  await take('{},', 3)
  await exporters.close()
  assert.deepEqual([stat('spans_dropped'), stat('reports_dropped'), stat('reports_failed')], [3, 1, 0])
})

test('one that refuses is left for the next endpoint, and its status is told', async () => {
  await using broken = await startCollector((reply) => void reply.writeHead(503).end('no'))
  await using other = await startCollector((reply) => void reply.writeHead(202).end())
  const { exporters, take, stat, lines } = setUp(() => [broken.address, other.address])
  await take('{},')
  await take('{},')
  await exporters.close()
  assert.deepEqual([stat('reports_dropped'), stat('spans_dropped'), stat('spans_sent')], [1, 1, 1])
  assert.deepEqual([broken.reports.length, other.reports.length], [1, 1])
  assert.match(lines.join(''), /spans are not taken/)
  assert.match(lines.join(''), /status 503/)
})

test('one that does not answer is given up in time, and the next endpoint is asked', async () => {
  await using silent = await startCollector(() => {})
  await using other = await startCollector((reply) => void reply.writeHead(202).end())
  const { exporters, take, stat } = setUp(() => [silent.address, other.address])
  await take('{},')
  await take('{},')
  await exporters.close()
  assert.deepEqual([stat('reports_failed'), stat('spans_dropped'), stat('spans_sent')], [1, 1, 1])
  assert.deepEqual([silent.reports.length, other.reports.length], [1, 1])
})

test('without a cluster, or an endpoint, nothing is sent', async () => {
  const { exporters, take, stat } = setUp(() => [])
  await take('{},', 2)
  await exporters.close()
  assert.deepEqual([stat('reports_skipped_no_cluster'), stat('spans_dropped')], [1, 2])
})

test('what waits for a slow collector has a limit, and what waits at the end is sent as far as there is time', async () => {
  await using collector = await startCollector((reply, count) => {
    if (count > 1) reply.writeHead(202).end()
  })
  const { exporters, take, stat } = setUp(() => [collector.address], { ...ZIPKIN, timeoutMs: 200 })
  const large = `{"a":"${'x'.repeat(1024 * 1024 - 9)}"},`
  const all = Array.from({ length: 6 }, () => take(large))
  assert.equal(stat('spans_dropped'), 2)
  await exporters.close()
  await Promise.all(all)
  // the first one was not answered
  assert.deepEqual([stat('spans_sent'), stat('spans_dropped')], [3, 3])
})

test('a connection that the collector closed while nobody used it costs nothing', async () => {
  await using collector = await startCollector((reply) => void reply.writeHead(202).end())
  const { exporters, take, stat } = setUp(() => [collector.address])
  for (let n = 0; n < 5; n++) {
    await take('{},')
    collector.closeConnections()
  }
  await exporters.close()
  assert.deepEqual([stat('spans_sent'), stat('spans_dropped')], [5, 0])
})

test('an endless reply does not hold up the next report for longer than a report may take', async () => {
  await using collector = await startCollector((reply) => {
    reply.writeHead(202).write('more')
  })
  const { exporters, take, stat } = setUp(() => [collector.address])
  for (let n = 0; n < 4; n++) await take('{},')
  await exporters.close()
  assert.equal(stat('spans_sent'), 4)
})

test('what comes after the end is lost and counted', async () => {
  const { exporters, take, stat } = setUp(() => [])
  await exporters.close()
  await take('{},', 3)
  assert.equal(stat('spans_dropped'), 3)
})
