import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ClusterConfig,
  DEFAULT_OUTLIER_DETECTION,
  type EndpointConfig,
  type HealthCheckConfig,
  type HealthCheckKind,
  NO_CHANGE,
} from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { MessageType, type Metadata } from '@meltemi/sdk'
import { type Fleet, startFleet, startService } from '../harness/fleet.ts'
import {
  AWESOMERPC,
  awesomerpcFrame,
  closing,
  connectClient,
  DUBBO,
  FOUR_PROTOCOLS,
  failing,
  holding,
  IN_ORDER,
  isFailed,
  silent,
  startEchoServer,
  startProxyProcess,
  type TestedProtocol,
  THRIFT,
} from '../harness/index.ts'

const PATIENCE_MS = 10_000
const THRIFT_PING = { health_check_method: 'ping' }

const CONNECT: HealthCheckKind = { kind: 'tcp', send: '', receive: [] }
const codecCheck = ({ codec }: TestedProtocol, options?: unknown): HealthCheckKind => ({
  kind: 'codec',
  codec: { name: codec.name, options, moduleDigest: undefined },
})

function checkOf(check: HealthCheckKind, changes: Partial<HealthCheckConfig> = {}): HealthCheckConfig {
  return {
    timeoutMs: 300,
    intervalMs: 40,
    unhealthyThreshold: 2,
    healthyThreshold: 2,
    initialJitterMs: 0,
    intervalJitterMs: 0,
    intervalJitterPercent: 0,
    reuseConnection: true,
    noTrafficIntervalMs: 40,
    noTrafficHealthyIntervalMs: 40,
    unhealthyIntervalMs: 40,
    unhealthyEdgeIntervalMs: 40,
    healthyEdgeIntervalMs: 40,
    alwaysLogFailures: false,
    alwaysLogSuccess: false,
    check,
    ...changes,
  }
}

function startChecked(
  protocol: TestedProtocol,
  ports: readonly number[],
  healthCheck: HealthCheckConfig,
  { workers = 4, ...cluster }: Partial<ClusterConfig> & { readonly workers?: number } = {},
): Promise<Fleet> {
  return startFleet({ protocol, workers, ports, cluster: { healthCheck, panicThresholdPercent: 0, ...cluster } })
}

function healthy(fleet: Fleet, count: number): Promise<void> {
  return fleet.until('membership_healthy', count)
}

/** Sends a request, and expects what its answer begins with. */
function bytesCheck({ request, answer }: TestedProtocol): HealthCheckKind {
  const sent = request(7)
  const message = { requestId: 7, message: sent, get: () => 'hello' } as unknown as Metadata
  const expected = answer(message)?.toString('hex') ?? ''
  return { kind: 'tcp', send: sent.toString('hex'), receive: [expected.slice(0, 8), expected.slice(-8)] }
}

const KINDS: readonly (readonly [name: string, protocol: TestedProtocol, kind: HealthCheckKind])[] = [
  ...FOUR_PROTOCOLS.map((protocol) => ['a connection', protocol, CONNECT] as const),
  ...FOUR_PROTOCOLS.map((protocol) => ['bytes sent and expected', protocol, bytesCheck(protocol)] as const),
  ['a call of thrift', THRIFT, codecCheck(THRIFT, THRIFT_PING)],
  ['a heartbeat of dubbo', DUBBO, codecCheck(DUBBO)],
  ['a third party’s codec', IN_ORDER, codecCheck(IN_ORDER)],
]

for (const [name, protocol, kind] of KINDS) {
  for (const workers of [1, 4]) {
    test(`a service that dies loses its traffic without a failed request, and has it again when it is back: ${name}, ${protocol.name}, ${workers} workers`, async () => {
      await using one = await startService(protocol)
      const two = await startService(protocol)
      const { port } = two
      await using fleet = await startChecked(protocol, [one.port, port], checkOf(kind), { workers })
      await healthy(fleet, 2)
      assert.deepEqual(await fleet.asks(8), { failed: 0 })
      await two.close()
      await healthy(fleet, 1)
      assert.deepEqual(await fleet.asks(20), { failed: 0 })
      await using back = await startEchoServer({ codec: protocol.codec, answer: protocol.answer, port })
      await healthy(fleet, 2)
      assert.deepEqual(await fleet.asks(4 * workers), { failed: 0 })
      assert.ok(back.received.some(({ type, message }) => type === MessageType.Request && !message.includes('ping')))
      const checkers = fleet.proxies.filter((proxy) => proxy.stat('health_check.attempt') > 0)
      assert.equal(checkers.length, 1, 'one worker checks for all')
      assert.ok(fleet.sum('health_check.network_failure') >= 2)
    })
  }
}

describe('a host is unhealthy', () => {
  test('at once when it answers its check with an error, whatever the threshold is', async () => {
    const fails = failing(THRIFT)
    let isIll = false
    await using service = await startService(THRIFT, (request, connection) =>
      isIll && request.get('method') === 'ping' ? fails(request, connection) : connection.answer(request),
    )
    const check = checkOf(codecCheck(THRIFT, THRIFT_PING), { unhealthyThreshold: 1_000_000 })
    await using fleet = await startChecked(THRIFT, [service.port], check)
    await healthy(fleet, 1)
    isIll = true
    await healthy(fleet, 0)
    assert.deepEqual(await fleet.asks(4), { failed: 4 })
    isIll = false
    await healthy(fleet, 1)
    assert.deepEqual(await fleet.asks(4), { failed: 0 })
  })

  test('when it is silent for longer than the timeout, and is told so', async () => {
    await using service = await startService(DUBBO, silent)
    await using fleet = await startChecked(DUBBO, [service.port], checkOf(codecCheck(DUBBO), { timeoutMs: 50 }))
    await fleet.first.until('membership_healthy', 0, PATIENCE_MS)
    while (fleet.sum('health_check.failure') < 3) await sleep(10)
    const [endpoint] = fleet.first.proxy.endpoints()
    assert.equal(endpoint?.healthy, false)
    assert.equal(endpoint?.saidHealthy, true)
    const [line] = fleet.proxies.flatMap(({ log }) => log)
    assert.deepEqual([line?.message, line?.fields['detail']], ['host fails its health check', 'no answer in time'])
  })

  test('when it sends something else than what is expected', async () => {
    await using service = await startService(AWESOMERPC)
    const kind: HealthCheckKind = { kind: 'tcp', send: awesomerpcFrame({ id: 7 }).toString('hex'), receive: ['ffff'] }
    await using fleet = await startChecked(AWESOMERPC, [service.port], checkOf(kind, { timeoutMs: 50 }))
    await healthy(fleet, 0)
    assert.deepEqual(await fleet.asks(2), { failed: 2 })
  })

  test('when it closes instead of answering, with a connection for each check', async () => {
    let isIll = false
    await using service = await startService(DUBBO, (request, connection) =>
      isIll ? closing(request, connection) : connection.answer(request),
    )
    const check = checkOf(codecCheck(DUBBO), { reuseConnection: false })
    await using fleet = await startChecked(DUBBO, [service.port], check, { workers: 1 })
    await healthy(fleet, 1)
    while (fleet.sum('health_check.success') < 4) await sleep(10)
    assert.ok(service.connections.length >= 4)
    isIll = true
    await healthy(fleet, 0)
  })
})

test('one connection is used for all checks of a host', async () => {
  await using service = await startService(DUBBO)
  await using fleet = await startChecked(DUBBO, [service.port], checkOf(codecCheck(DUBBO)))
  while (fleet.sum('health_check.success') < 5) await sleep(10)
  assert.equal(service.connections.length, 1)
  const ids = service.received.slice(0, 5).map(({ requestId }) => requestId)
  assert.deepEqual(ids, [1, 2, 3, 4, 5])
})

test('a host may be asked at another port, or not at all', async () => {
  await using service = await startService(AWESOMERPC)
  await using doctor = await startService(AWESOMERPC)
  const endpoint = (healthCheck: EndpointConfig['healthCheck']): EndpointConfig => ({
    address: { host: '127.0.0.1', port: service.port },
    hostname: '',
    weight: 1,
    healthy: true,
    ...(healthCheck === undefined ? {} : { healthCheck }),
  })
  const endpoints = [endpoint({ port: doctor.port })]
  await using fleet = await startChecked(AWESOMERPC, [], checkOf(CONNECT), { endpoints, workers: 1 })
  await healthy(fleet, 1)
  assert.ok(doctor.connections.length > 0)
  assert.equal(service.connections.length, 0)
  const unchecked = [endpoint({ isDisabled: true })]
  await using other = await startChecked(AWESOMERPC, [], checkOf(CONNECT), { endpoints: unchecked, workers: 1 })
  assert.deepEqual(await other.asks(3), { failed: 0 })
  assert.equal(other.sum('health_check.attempt'), 0)
})

async function assign(fleet: Fleet, ports: readonly number[]): Promise<void> {
  const endpoints = ports.map((port) => ({
    address: { host: '127.0.0.1', port },
    hostname: '',
    weight: 1,
    healthy: true,
  }))
  for (const { proxy } of fleet.proxies) {
    const change = { ...NO_CHANGE, endpoints: [{ cluster: 'service', endpoints }] }
    ;(await proxy.prepare({ change })).use()
  }
}

const EDS: Partial<ClusterConfig> = {
  discovery: 'eds',
  eds: { serviceName: 'service', source: { kind: 'ads', initialFetchTimeoutMs: 0 } },
}

test('a host that is new gets nothing before it has passed its first check', async () => {
  await using old = await startService(DUBBO)
  const hold = holding()
  await using fresh = await startService(DUBBO, (request, connection) =>
    request.type === MessageType.Heartbeat ? hold.handler(request, connection) : connection.answer(request),
  )
  const check = checkOf(codecCheck(DUBBO), { timeoutMs: 5_000 })
  await using fleet = await startChecked(DUBBO, [old.port], check, EDS)
  await healthy(fleet, 1)
  await assign(fleet, [old.port, fresh.port])
  await fresh.arrived(1)
  assert.deepEqual(await fleet.asks(16), { failed: 0 })
  assert.equal(fresh.received.length, 1)
  hold.release()
  await healthy(fleet, 2)
  await fleet.asks(8)
  assert.ok(fresh.received.length > 2)
})

test('hosts that nobody has checked yet count for nothing where that is said: there is no panic', async () => {
  await using old = await startService(DUBBO)
  await using fresh = await startService(DUBBO, silent)
  const check = checkOf(codecCheck(DUBBO), { timeoutMs: 60_000 })
  const panics = { ...EDS, panicThresholdPercent: 100, workers: 1 }
  await using fleet = await startChecked(DUBBO, [old.port], check, { ...panics, ignoresUncheckedHosts: true })
  await healthy(fleet, 1)
  await assign(fleet, [old.port, fresh.port])
  assert.deepEqual(await fleet.asks(8), { failed: 0 })
  assert.equal(fleet.sum('lb_healthy_panic'), 0)
})

for (const ignoresHealthOnRemoval of [false, true]) {
  test(`a host that discovery names no more ${ignoresHealthOnRemoval ? 'goes at once where that is said' : 'stays until it fails its checks'}`, async () => {
    await using one = await startService(AWESOMERPC)
    const two = await startService(AWESOMERPC)
    const cluster = { ...EDS, ignoresHealthOnRemoval }
    await using fleet = await startChecked(AWESOMERPC, [one.port, two.port], checkOf(CONNECT), cluster)
    await healthy(fleet, 2)
    await assign(fleet, [one.port])
    await fleet.until('membership_total', ignoresHealthOnRemoval ? 1 : 2)
    const before = two.received.length
    assert.deepEqual(await fleet.asks(8), { failed: 0 })
    assert.equal(two.received.length > before, !ignoresHealthOnRemoval)
    await two.close()
    await fleet.until('membership_total', 1)
    assert.deepEqual(await fleet.asks(8), { failed: 0 })
  })
}

test('a host that becomes unhealthy loses its connections where that is said', async () => {
  let isIll = false
  await using service = await startService(DUBBO, (request, connection) => {
    if (request.type === MessageType.Heartbeat && !isIll) connection.answer(request)
  })
  const check = checkOf(codecCheck(DUBBO), { timeoutMs: 50 })
  await using fleet = await startChecked(DUBBO, [service.port], check, { closesConnectionsOfUnhealthy: true })
  await healthy(fleet, 1)
  const asked = fleet.ask()
  await service.until(() => service.received.some(({ type }) => type === MessageType.Request), 'the request')
  isIll = true
  assert.ok(isFailed(await asked))
})

for (const how of ['stops', 'dies'] as const) {
  test(`another worker checks, and ends ejections, when the one that did so ${how}`, async () => {
    let isIll = true
    const fails = failing(AWESOMERPC)
    await using service = await startService(AWESOMERPC, (request, connection) =>
      isIll ? fails(request, connection) : connection.answer(request),
    )
    const outlierDetection = {
      ...DEFAULT_OUTLIER_DETECTION,
      maxEjectionPercent: 100,
      intervalMs: 50,
      baseEjectionTimeMs: 400,
      successfulActiveHealthCheckUnejectHost: false,
    }
    const cluster = { outlierDetection, workers: 3 }
    await using fleet = await startChecked(AWESOMERPC, [service.port], checkOf(CONNECT), cluster)
    await healthy(fleet, 1)
    const checks = () => fleet.proxies.map((proxy) => proxy.stat('health_check.attempt'))
    const leader = checks().findIndex((attempts) => attempts > 0)
    const others = fleet.proxies.filter((_, at) => at !== leader)
    while (fleet.sum('outlier_detection.ejections_enforced_total') === 0) await fleet.ask()
    isIll = false
    if (how === 'stops') await fleet.proxies[leader]?.proxy.stop()
    // what the main thread does when a worker has ended
    else fleet.limits.reclaim(leader)
    for (const other of others) await other.until('membership_healthy', 1, PATIENCE_MS)
    await until(async () => others.some((other) => other.stat('health_check.attempt') > 1))
  })
}

test('a host that passes its check is no longer ejected', async () => {
  const fails = failing(DUBBO)
  await using service = await startService(DUBBO, (request, connection) =>
    request.type === MessageType.Heartbeat ? connection.answer(request) : fails(request, connection),
  )
  const outlierDetection = {
    ...DEFAULT_OUTLIER_DETECTION,
    consecutive5xx: 2,
    maxEjectionPercent: 100,
    baseEjectionTimeMs: 600_000,
    maxEjectionTimeMs: 600_000,
  }
  await using fleet = await startChecked(DUBBO, [service.port], checkOf(codecCheck(DUBBO)), { outlierDetection })
  await healthy(fleet, 1)
  while (fleet.sum('outlier_detection.ejections_enforced_total') < 3) await fleet.ask()
  await healthy(fleet, 1)
})

test('in a process of four workers one checks, /clusters and the stats say what is found, and limits that are reached', async () => {
  const hold = holding()
  await using service = await startEchoServer({ codec: awesomerpc, handler: hold.handler })
  const dead = await startEchoServer({ codec: awesomerpc })
  await dead.close()
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [service.port, dead.port],
    cluster: {
      common_lb_config: { healthy_panic_threshold: { value: 0 } },
      circuit_breakers: { thresholds: [{ max_requests: 10, track_remaining: true }] },
      outlier_detection: {},
      health_checks: [
        {
          timeout: '1s',
          interval: '0.05s',
          no_traffic_interval: '0.05s',
          unhealthy_threshold: 1,
          healthy_threshold: 1,
          tcp_health_check: {},
        },
      ],
    },
    arguments: ['--concurrency', '4', '--log-level', 'error'],
  })
  const clusters = async () => (await proxy.get('/clusters')).text
  await until(async () => (await clusters()).includes(`${dead.port}::health_flags::/failed_active_hc\n`))
  assert.ok((await clusters()).includes(`${service.port}::health_flags::healthy\n`))
  assert.ok((await clusters()).includes('service::outlier::success_rate_average::-1\n'))
  const json = JSON.parse((await proxy.get('/clusters?format=json')).text) as {
    cluster_statuses: { host_statuses: { health_status: object }[] }[]
  }
  assert.deepEqual(json.cluster_statuses[0]?.host_statuses[1]?.health_status, {
    failed_active_health_check: true,
    eds_health_status: 'HEALTHY',
  })
  assert.equal(await proxy.stat('cluster.service.health_check.healthy'), 1)
  const breaker = (name: string) => proxy.stat(`cluster.service.circuit_breakers.default.${name}`)
  assert.deepEqual([await breaker('rq_open'), await breaker('remaining_rq')], [0, 10])
  const clients = await Promise.all(
    Array.from({ length: 24 }, () => connectClient({ port: proxy.port, codec: awesomerpc })),
  )
  const replies = clients.map((client, id) => client.request(awesomerpcFrame({ id })))
  await until(async () => (await proxy.stat('cluster.service.upstream_rq_overflow')) === 14)
  assert.deepEqual([await breaker('rq_open'), await breaker('remaining_rq')], [1, 0])
  assert.deepEqual([await breaker('cx_open'), await breaker('rq_pending_open')], [0, 0])
  hold.release()
  const failed = (await Promise.all(replies)).filter((reply) => reply.message.readInt16BE(11) !== 0)
  assert.equal(failed.length, 14)
  await until(async () => (await breaker('rq_open')) === 0)
  for (const client of clients) await client.close()
})

async function until(isMet: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS
  while (!(await isMet())) {
    assert.ok(performance.now() < endMs, 'it does not come to that')
    await sleep(20)
  }
}
