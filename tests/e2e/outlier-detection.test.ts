import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClusterConfig, DEFAULT_OUTLIER_DETECTION, NO_CHANGE, type OutlierDetectionConfig } from '@meltemi/api'
import { startBlackHole } from '../harness/black-hole.ts'
import { type Fleet, type FleetOptions, startFleet, startService } from '../harness/fleet.ts'
import {
  closing,
  connectClient,
  FOUR_PROTOCOLS,
  failing,
  type Handler,
  jsonLog,
  Observed,
  resetting,
  silent,
  startEchoServer,
  startTestProxy,
  type TestedProtocol,
  THIRD_PARTY,
  testCluster,
  testRetry,
  testRoute,
} from '../harness/index.ts'

const PATIENCE_MS = 10_000
const QUICK: OutlierDetectionConfig = {
  ...DEFAULT_OUTLIER_DETECTION,
  intervalMs: 50,
  baseEjectionTimeMs: 300,
  maxEjectionPercent: 50,
}

interface Options extends Omit<FleetOptions, 'protocol'> {
  readonly protocol?: TestedProtocol
  readonly outlier?: Partial<OutlierDetectionConfig>
}

function startOutlierFleet({ protocol = THIRD_PARTY, outlier, cluster, ...rest }: Options): Promise<Fleet> {
  return startFleet({ ...rest, protocol, cluster: { outlierDetection: { ...QUICK, ...outlier }, ...cluster } })
}

/** Resolves when all workers know that so many are ejected. */
function untilEjected(fleet: Fleet, count: number): Promise<void> {
  return fleet.until('outlier_detection.ejections_active', count)
}

for (const protocol of FOUR_PROTOCOLS) {
  for (const workers of [1, 4]) {
    test(`a host is out after exactly five failures in a row, and back when its time is over: ${protocol.name}, ${workers} workers`, async () => {
      await using good = await startService(protocol)
      let isIll = true
      const fails = failing(protocol)
      await using bad = await startService(protocol, (request, connection) =>
        isIll ? fails(request, connection) : connection.answer(request),
      )
      await using fleet = await startOutlierFleet({ protocol, workers, ports: [good.port, bad.port] })
      // before the failure that ejects it, so that no delay of this test makes the time seem shorter
      let ejectedMs = performance.now()
      while (bad.received.length < 5) {
        ejectedMs = performance.now()
        await fleet.ask()
      }
      await untilEjected(fleet, 1)
      isIll = false
      assert.deepEqual(await fleet.asks(20), { failed: 0 })
      const isSure = performance.now() - ejectedMs < QUICK.baseEjectionTimeMs
      if (isSure) assert.equal(bad.received.length, 5)
      assert.equal(fleet.sum('outlier_detection.ejections_enforced_consecutive_5xx'), 1)
      await untilEjected(fleet, 0)
      assert.ok(performance.now() - ejectedMs >= QUICK.baseEjectionTimeMs - 5)
      assert.deepEqual(await fleet.asks(20), { failed: 0 })
      assert.ok(bad.received.length >= 10, `${bad.received.length} in all`)
    })
  }
}

describe('a host is out', () => {
  for (const [name, handler] of [
    ['that closes instead of answering', closing],
    ['that resets', resetting],
    ['that talks garbage', (_request, connection) => connection.send(Buffer.alloc(64, 0xff))],
    ['that never answers', silent],
  ] as readonly [string, Handler][]) {
    test(name, async () => {
      await using good = await startService(THIRD_PARTY)
      await using bad = await startService(THIRD_PARTY, handler)
      const proxy = { filter: { requestTimeoutMs: 200 } }
      const outlier = { consecutive5xx: 3, baseEjectionTimeMs: 60_000 }
      await using fleet = await startOutlierFleet({ ports: [good.port, bad.port], outlier, proxy })
      while (fleet.first.stat('outlier_detection.ejections_active') === 0) await fleet.ask()
      await untilEjected(fleet, 1)
      assert.equal(bad.received.length, 3)
      assert.deepEqual(await fleet.asks(20), { failed: 0 })
      assert.equal(bad.received.length, 3)
    })
  }

  test('that refuses connections, and one to which none can be made', async () => {
    await using good = await startService(THIRD_PARTY)
    await using hole = await startBlackHole()
    const refused = await closedPort()
    await using fleet = await startOutlierFleet({
      ports: [good.port, hole.port, refused],
      outlier: { consecutive5xx: 3, baseEjectionTimeMs: 60_000, maxEjectionPercent: 100 },
      cluster: { connectTimeoutMs: 100, panicThresholdPercent: 0 },
    })
    while (fleet.first.stat('outlier_detection.ejections_active') < 2) await fleet.ask()
    await untilEjected(fleet, 2)
    assert.deepEqual(await fleet.asks(20), { failed: 0 })
  })

  test('that refuses connections of a listener that reads nothing', async () => {
    const refused = await closedPort()
    await using good = await startService(THIRD_PARTY)
    await using proxy = await startTestProxy({
      codec: THIRD_PARTY.codec,
      endpoints: [refused, good.port],
      cluster: { outlierDetection: { ...QUICK, consecutive5xx: 2, baseEjectionTimeMs: 60_000 } },
      tcpProxy: {
        kind: 'tcp-proxy',
        statPrefix: 'test',
        clusters: [{ cluster: 'service', weight: 1 }],
        idleTimeoutMs: 0,
        maxConnectAttempts: 1,
      },
    })
    const isServed = async () => {
      await using client = await connectClient({ port: proxy.port, codec: THIRD_PARTY.codec })
      return await client.request(THIRD_PARTY.request(1)).then(
        () => true,
        () => false,
      )
    }
    while (proxy.stat('outlier_detection.ejections_active') === 0) await isServed()
    for (let n = 0; n < 4; n++) assert.equal(await isServed(), true)
  })
})

test('a host that never answers is out although each of its requests is hedged and answered by another', async () => {
  await using good = await startService(THIRD_PARTY)
  await using bad = await startService(THIRD_PARTY, silent)
  const retry = testRetry({ perTryTimeoutMs: 30 })
  const hedge = {
    initialRequests: 1,
    additionalChance: { numerator: 0, denominator: 100 },
    onPerTryTimeout: true,
  } as const
  const outlier = { consecutive5xx: 3, baseEjectionTimeMs: 60_000 }
  const proxy = { routes: [testRoute('service', { retry, hedge })] }
  await using fleet = await startOutlierFleet({ workers: 1, ports: [good.port, bad.port], outlier, proxy })
  while (fleet.first.stat('outlier_detection.ejections_active') === 0)
    assert.deepEqual(await fleet.asks(1), { failed: 0 })
  assert.equal(bad.received.length, 3)
  assert.equal(fleet.first.stat('upstream_rq_per_try_timeout'), 3)
  assert.deepEqual(await fleet.asks(20), { failed: 0 })
  assert.equal(bad.received.length, 3)
})

for (const hasRetries of [false, true]) {
  test(`the time-out that ejects a host, and closes its connections, is one end and is told as what it is: ${hasRetries ? 'of a try' : 'of the request'}`, async () => {
    await using good = await startService(THIRD_PARTY)
    await using bad = await startService(THIRD_PARTY, silent)
    const observed = new Observed()
    const retry = testRetry({ retryOn: ['connect-failure'], perTryTimeoutMs: 100 })
    const clusters = [
      testCluster('service', [bad.port, good.port], {
        outlierDetection: { ...QUICK, consecutive5xx: 1, baseEjectionTimeMs: 60_000 },
        closesConnectionsOfUnhealthy: true,
      }),
    ]
    {
      await using proxy = await startTestProxy({
        codec: THIRD_PARTY.codec,
        clusters,
        routes: [testRoute('service', hasRetries ? { retry } : { timeoutMs: 100 })],
        filter: { accessLogs: [jsonLog({ code: '%RESPONSE_CODE_DETAILS%' })] },
        outlet: observed,
      })
      await using client = await connectClient({ port: proxy.port, codec: THIRD_PARTY.codec })
      for (let id = 1; proxy.stat('ejections_active') === 0; id++) await client.request(THIRD_PARTY.request(id))
      await proxy.until('upstream_rq_active', 0)
      const [host] = proxy.proxy.endpoints().filter(({ address }) => address.endsWith(`:${bad.port}`))
      assert.deepEqual([host?.rqTotal, host?.rqTimeout, host?.rqError], [1, 1, 1])
      await bad.open(0)
    }
    const codes = observed.lines.map(({ code }) => code).filter((code) => code !== '' && code !== null)
    assert.deepEqual(codes, [hasRetries ? 'upstream_per_try_timeout' : 'request_timeout'])
  })
}

test('without outlier detection nobody is ejected any more', async () => {
  await using good = await startService(THIRD_PARTY)
  await using bad = await startService(THIRD_PARTY, failing(THIRD_PARTY))
  const outlierDetection = { ...QUICK, baseEjectionTimeMs: 60_000 }
  const cluster = testCluster('service', [good.port, bad.port], { outlierDetection })
  await using proxy = await startTestProxy({ codec: THIRD_PARTY.codec, clusters: [cluster] })
  await using client = await connectClient({ port: proxy.port, codec: THIRD_PARTY.codec })
  for (let id = 1; proxy.stat('ejections_active') === 0; id++) await client.request(THIRD_PARTY.request(id))
  const change = { ...NO_CHANGE, clusters: [{ ...cluster, outlierDetection: undefined }] }
  const prepared = await proxy.proxy.prepare({ change })
  prepared.use()
  await proxy.until('ejections_active', 0)
})

test('each ejection lasts longer than the one before', async () => {
  await using good = await startService(THIRD_PARTY)
  await using bad = await startService(THIRD_PARTY, failing(THIRD_PARTY))
  // it is not forgiven in between: there is no good interval
  const outlier = { baseEjectionTimeMs: 150, consecutive5xx: 2, intervalMs: 30 }
  await using fleet = await startOutlierFleet({ workers: 2, ports: [good.port, bad.port], outlier })
  const { proxies } = fleet
  const ejections = proxies.flatMap(({ log }) => log)
  assert.equal(ejections.length, 0)
  for (let time = 1; time <= 3; time++) {
    let sinceMs = performance.now()
    while (fleet.sum('outlier_detection.ejections_enforced_total') < time) {
      sinceMs = performance.now()
      await fleet.ask()
    }
    await untilEjected(fleet, 1)
    await untilEjected(fleet, 0)
    const times = eventsOf(fleet, 'host is ejected').at(-1)?.fields['ejections'] as number
    assert.ok(performance.now() - sinceMs >= 150 * times - 10, `ejection ${time}, times ${times}`)
  }
  const times = eventsOf(fleet, 'host is ejected').map(({ fields }) => fields['ejections'])
  assert.ok(Math.max(...(times as number[])) >= 2, `${times}`)
})

function eventsOf({ proxies }: Fleet, message: string) {
  return proxies.flatMap(({ log }) => log.filter((line) => line.message === message))
}

test('of four hosts that all fail no more than half are out, and what would be is counted', async () => {
  const services = await Promise.all([1, 2, 3, 4].map(() => startService(THIRD_PARTY, failing(THIRD_PARTY))))
  const ports = services.map(({ port }) => port)
  await using fleet = await startOutlierFleet({ ports, outlier: { baseEjectionTimeMs: 60_000 } })
  while (fleet.sum('outlier_detection.ejections_overflow') < 4) await fleet.ask()
  await untilEjected(fleet, 2)
  assert.equal(fleet.sum('outlier_detection.ejections_enforced_total'), 2)
  for (const service of services) await service.close()
})

test('of five hosts the one whose successes are far below the others’ is found', async () => {
  let asked = 0
  const fails = failing(THIRD_PARTY)
  const services = await Promise.all(
    [1, 2, 3, 4, 5].map((number) =>
      startService(THIRD_PARTY, (request, connection) => {
        if (number === 4 && asked++ % 2 === 0) return fails(request, connection)
        connection.answer(request)
      }),
    ),
  )
  await using fleet = await startOutlierFleet({
    ports: services.map(({ port }) => port),
    outlier: {
      consecutive5xx: 0,
      baseEjectionTimeMs: 60_000,
      intervalMs: 500,
      successRate: { minimumHosts: 5, requestVolume: 10, stdevFactor: 1900 },
    },
  })
  while (fleet.sum('outlier_detection.ejections_enforced_success_rate') === 0) {
    await Promise.all(Array.from({ length: 100 }, () => fleet.ask()))
  }
  await untilEjected(fleet, 1)
  const before = services.map(({ received }) => received.length)
  assert.deepEqual(await fleet.asks(40), { failed: 0 })
  const more = services.map(({ received }, at) => received.length - (before[at] as number))
  assert.deepEqual(
    more.map((count) => count > 0),
    [true, true, true, false, true],
  )
  const [event] = eventsOf(fleet, 'host is ejected')
  assert.deepEqual(event?.fields, {
    cluster: 'service',
    host: `127.0.0.1:${services[3]?.port}`,
    cause: 'success_rate',
    isEnforced: true,
    ejections: 1,
  })
  for (const service of services) await service.close()
})

test('a service that dies fails a few requests and none after these, and is used again when it is back', async () => {
  await using one = await startService(THIRD_PARTY)
  const two = await startService(THIRD_PARTY)
  const { port } = two
  await using fleet = await startOutlierFleet({ ports: [one.port, port], outlier: { consecutive5xx: 2 } })
  assert.deepEqual(await fleet.asks(8), { failed: 0 })
  await two.close()
  while (fleet.sum('outlier_detection.ejections_enforced_total') === 0) await fleet.ask()
  await untilEjected(fleet, 1)
  assert.deepEqual(await fleet.asks(20), { failed: 0 })
  await using back = await startEchoServer({ codec: THIRD_PARTY.codec, port })
  const endMs = performance.now() + PATIENCE_MS
  while (back.received.length === 0) {
    assert.ok(performance.now() < endMs, 'it is not used again')
    await fleet.ask()
    await sleep(5)
  }
})

test('who is out stays out when the cluster changes, and is back when there is no outlier detection any more', async () => {
  await using good = await startService(THIRD_PARTY)
  await using bad = await startService(THIRD_PARTY, failing(THIRD_PARTY))
  const ports = [good.port, bad.port]
  await using fleet = await startOutlierFleet({ ports, outlier: { baseEjectionTimeMs: 60_000 } })
  while (bad.received.length < 5) await fleet.ask()
  await untilEjected(fleet, 1)
  const change = async (changes: Partial<ClusterConfig>) => {
    const clusters = [testCluster('service', ports, changes)]
    for (const { proxy } of fleet.proxies) (await proxy.prepare({ change: { ...NO_CHANGE, clusters } })).use()
  }
  await change({ outlierDetection: { ...QUICK, baseEjectionTimeMs: 60_000, consecutive5xx: 7 }, connectTimeoutMs: 77 })
  assert.deepEqual(await fleet.asks(20), { failed: 0 })
  await change({ statName: 'other', outlierDetection: { ...QUICK, baseEjectionTimeMs: 60_000 } })
  assert.deepEqual(await fleet.asks(20), { failed: 0 })
  await untilEjected(fleet, 1)
  await change({ outlierDetection: undefined })
  assert.ok((await fleet.asks(8)).failed > 0)
})

async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
