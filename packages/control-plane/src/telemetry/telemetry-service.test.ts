import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Telemetry } from '@meltemi/api/xds'
import { createLogger, MergedRegistry } from '@meltemi/runtime'
import { createGrpcClient, GrpcCode, type GrpcServer, type GrpcStatus, startGrpcServer } from '@meltemi/runtime/grpc'
import { FakeClock } from '@meltemi/runtime/testing'
import { RunningCodecs } from './running-codecs.ts'
import { telemetryService } from './telemetry-service.ts'
import { TrafficStore } from './traffic-store.ts'

const metrics = new MergedRegistry()
const clock = new FakeClock()
const store = new TrafficStore(metrics, clock)
const codecs = new RunningCodecs()
let server: GrpcServer
before(async () => {
  const logger = createLogger({ level: 'off' })
  server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [telemetryService({ store, codecs, metrics, logger })],
  })
})
after(() => server.close())

function metric(name: string): number {
  const [found] = metrics.read((each) => each === `control_plane.${name}`)
  return found !== undefined && found.kind !== 'histogram' ? found.value : 0
}

interface Series {
  readonly service: string
  readonly version?: string
  readonly method?: string
  readonly requests?: number
}

/** Sends these reports on a stream of its own and returns how that ended. */
async function report(...reports: readonly (readonly Series[])[]): Promise<GrpcStatus> {
  const client = createGrpcClient({ address: `127.0.0.1:${server.port}` })
  try {
    return await new Promise((resolve) => {
      const stream = client.open(Telemetry.method.report, { onMessage: () => {}, onClose: resolve })
      for (const series of reports) stream.write({ series: [...series] })
      stream.end()
    })
  } finally {
    client.close()
  }
}

test('what a proxy reports is there, and its stream ends well', async () => {
  const series = { service: 'greeter', version: 'v1', method: 'hello', requests: 8 }
  assert.equal((await report([series], [series], [])).code, GrpcCode.OK)
  clock.advance(2_000)
  assert.deepEqual(
    store.rows().map(({ service, version, requestsPerSecond }) => [service, version, requestsPerSecond]),
    [
      ['greeter', undefined, 2],
      ['greeter', 'v1', 2],
      ['greeter', 'v1', 2],
    ],
  )
  assert.equal(metric('telemetry_reports'), 3)
  assert.equal(metric('telemetry_streams'), 0)
})

test('which codecs a proxy runs is known for as long as it reports', async () => {
  const client = createGrpcClient({ address: `127.0.0.1:${server.port}` })
  const closed = Promise.withResolvers<GrpcStatus>()
  const stream = client.open(Telemetry.method.report, { onMessage: () => {}, onClose: closed.resolve })
  const [one, two] = ['a'.repeat(64), 'b'.repeat(64)]
  stream.write({ node: { id: 'edge' }, codecs: [{ codec: 'mine', digest: one }] })
  stream.write({ codecs: [{ codec: 'mine', digest: two }] })
  while (codecs.byNode().get('edge')?.[0]?.digest !== two) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(codecs.byNode(), new Map([['edge', [{ codec: 'mine', digest: two }]]]))
  stream.end()
  assert.equal((await closed.promise).code, GrpcCode.OK)
  client.close()
  while (codecs.byNode().size > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('codecs without a name or a digest, or more than a proxy has, are no report', async () => {
  const codec = { codec: 'mine', digest: 'a'.repeat(64) }
  for (const bad of [
    [{ ...codec, codec: '' }],
    [{ ...codec, codec: 'x'.repeat(300) }],
    [{ ...codec, digest: 'mine' }],
    Array.from({ length: 65 }, () => codec),
  ]) {
    const client = createGrpcClient({ address: `127.0.0.1:${server.port}` })
    const closed = Promise.withResolvers<GrpcStatus>()
    const stream = client.open(Telemetry.method.report, { onMessage: () => {}, onClose: closed.resolve })
    stream.write({ node: { id: 'edge' }, codecs: bad })
    const { code, message } = await closed.promise
    client.close()
    assert.equal(code, GrpcCode.INVALID_ARGUMENT)
    assert.match(message, /codec/)
  }
  assert.equal(codecs.byNode().size, 0)
})

test('what is no report ends its stream with the reason, and is counted', async () => {
  const cases: readonly (readonly [Series[], RegExp])[] = [
    [[{ service: '' }], /needs the name of its service/],
    [[{ service: 'a', method: 'x'.repeat(300) }], /at most 255 characters/],
    [[{ service: 'a\0b' }], /characters/],
    [Array.from({ length: 1_001 }, () => ({ service: 'a' })), /at most 1000 series/],
  ]
  const refused = metric('telemetry_reports_refused')
  for (const [series, expected] of cases) {
    const { code, message } = await report(series)
    assert.equal(code, GrpcCode.INVALID_ARGUMENT)
    assert.match(message, expected)
  }
  assert.equal(metric('telemetry_reports_refused') - refused, cases.length)
  assert.equal(
    store.rows().some(({ service }) => service.startsWith('a')),
    false,
  )
})
