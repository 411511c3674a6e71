import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { type ClusterConfig, type ListenerConfig, NO_CHANGE, type ProxyConfig } from '@meltemi/api/model'
import { createLogger, MergedRegistry } from '@meltemi/runtime'
import { LiveConfig } from '../config/live-config.ts'
import type { EndpointReport, ProxyInspector, ServerState } from './inspector.ts'
import { startAdmin } from './start-admin.ts'

const POST = { method: 'POST', headers: { 'content-type': 'application/json' } }
const PEM = readFileSync(new URL('../../../runtime/src/grpc/testdata/server.pem', import.meta.url), 'utf8')
const certificates = [{ authorities: [], chain: [{ path: '/etc/server.pem', pem: PEM }] }]

function cluster(name: string): ClusterConfig {
  return {
    name,
    statName: name,
    discovery: 'static',
    dnsRefreshMs: 5000,
    dnsLookupFamily: 'auto',
    endpoints: [{ address: { host: '10.0.0.1', port: 80 }, hostname: '', weight: 1, healthy: true }],
    connectTimeoutMs: 1000,
    loadBalancer: { kind: 'round-robin' },
    circuitBreaker: { maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxRetries: 4 },
    panicThresholdPercent: 50,
    eds: undefined,
    outlierDetection: undefined,
    http2: false,
    bufferLimitBytes: 1,
  }
}

function listener(name: string, host: string): ListenerConfig {
  const clusters = [{ cluster: 'a', weight: 1 }]
  return {
    name,
    address: { host, port: 9090 },
    direction: 'inbound',
    proxyProtocol: false,
    bufferLimitBytes: 1,
    maxConnections: 0,
    filter: { kind: 'tcp-proxy', statPrefix: 's', clusters, idleTimeoutMs: 0, maxConnectAttempts: 1 },
  }
}

function report(address: string, overrides: Partial<EndpointReport> = {}): EndpointReport {
  const health = { healthy: true, degraded: false }
  const connections = { cxActive: 1, cxTotal: 2, cxConnectFail: 3 }
  const requests = { rqActive: 4, rqTotal: 5, rqError: 6, rqPendingActive: 9, rqSuccess: 7, rqTimeout: 8 }
  return { cluster: 'a', address, hostname: 'h', weight: 7, ...health, ...connections, ...requests, ...overrides }
}

function configuration(): ProxyConfig {
  return {
    node: { id: 'node-1', cluster: 'c', metadata: { DB_PASSWORD: 'hunter2', region: 'eu' } },
    admin: undefined,
    listeners: [listener('in', '0.0.0.0'), listener('in6', '::1')],
    clusters: [cluster('a'), cluster('outbound|80||b.c')],
    dynamic: { ads: undefined, listeners: undefined, clusters: undefined },
    modules: [],
  }
}

/** Of two threads. */
const REPORTS = [
  report('10.0.0.1:80', { priority: 1, locality: { region: 'eu', zone: '', subZone: '' } }),
  report('10.0.0.2:80'),
  report('10.0.0.1:80', { healthy: false }),
]

async function startWith(t: TestContext, config: ProxyConfig = configuration(), reports = REPORTS) {
  const logger = createLogger({ destination: { write: () => undefined } })
  logger.child('xds')
  const metrics = new MergedRegistry()
  const done: string[] = []
  const hasQuit = Promise.withResolvers<void>()
  const profiling = { promise: Promise.resolve() }
  const process = { state: 'LIVE' as ServerState, update: () => {} }
  const live = new LiveConfig(config)
  const inspector: ProxyInspector = {
    live,
    bootstrap: {},
    metrics,
    version: '0.1.0',
    startedAtMs: Date.now() - 5500,
    commandLineOptions: { concurrency: 2, token: 'hunter2' },
    state: () => process.state,
    endpoints: () => Promise.resolve(reports),
    workers: 2,
    updateStats: () => process.update(),
    memory: () => ({ limitBytes: 1000, usedBytes: 900, overloadLevel: 1, allocatedBytes: 700, heapBytes: 800 }),
    certificates: () => certificates,
    secrets: () => [],
    profile: async (kind, thread, durationMs) => {
      done.push(`${kind} ${thread} ${durationMs}`)
      await profiling.promise
      return thread === 1 ? undefined : '{"nodes":[]}'
    },
    setHealthCheck: (isFailing) => {
      process.state = isFailing ? 'DRAINING' : 'LIVE'
    },
    modules: () => [
      {
        module: '/etc/codec.ts',
        version: 2,
        digest: 'sha256:ab',
        since: '2026-01-01T00:00:00.000Z',
        codecs: [{ name: 'mine', contract: 1, correlation: 'id' }],
        filters: [],
        previous: [],
        refused: null,
      },
    ],
    changeModules: (what, name) => {
      done.push(`${what} ${name}`)
      const fault = {
        module: '/etc/codec.ts',
        version: 2,
        digest: 'sha256:ab',
        outcome: 'refused',
        faults: ['no'],
      } as const
      return Promise.resolve(name === 'mine' ? [fault] : [])
    },
    logLevels: () => logger.levels(),
    reopenLogs: () => void done.push('reopen'),
    setLogLevel: (level, component) => logger.setLevel(level, component),
    drainListeners: () => done.push('drain'),
    quit: () => hasQuit.resolve(),
  }
  const server = await startAdmin({ address: { host: '127.0.0.1', port: 0 }, inspector, logger })
  t.after(() => server.close())
  const call = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init)
    const text = await response.text()
    return { status: response.status, type: response.headers.get('content-type'), text, json: () => JSON.parse(text) }
  }
  return { call, metrics, done, process, live, profiling, hasQuit: hasQuit.promise }
}

test('/ready is 200 while live and 503 before and while draining', async (t) => {
  const { call, process } = await startWith(t)
  const answers: unknown[] = []
  for (const state of ['PRE_INITIALIZING', 'LIVE', 'DRAINING'] as const) {
    process.state = state
    const { status, text } = await call('/ready')
    answers.push([status, text])
  }
  assert.deepEqual(answers, [
    [503, 'PRE_INITIALIZING\n'],
    [200, 'LIVE\n'],
    [503, 'DRAINING\n'],
  ])
})

test('/stats shows all, those that a pattern finds, the used ones, or one kind', async (t) => {
  const { call, metrics } = await startWith(t)
  metrics.counter('cluster.a.upstream_cx_total').add(2)
  metrics.gauge('cluster.a.upstream_cx_active')
  metrics.histogram('meta_protocol.x.request_time_ms').record(2)
  const names = async (path: string) => {
    const { text } = await call(path)
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.replace(/: .*/, ''))
  }
  assert.deepEqual(await names('/stats'), [
    'cluster.a.upstream_cx_active',
    'cluster.a.upstream_cx_total',
    'metrics_overflow',
    'stat_names_forgotten',
    'meta_protocol.x.request_time_ms',
  ])
  assert.deepEqual(await names('/stats?filter=upstream_cx'), [
    'cluster.a.upstream_cx_active',
    'cluster.a.upstream_cx_total',
  ])
  assert.deepEqual(await names('/stats?filter=%5Ecluster.*total%24'), ['cluster.a.upstream_cx_total'])
  assert.deepEqual(await names('/stats?usedonly'), ['cluster.a.upstream_cx_total', 'meta_protocol.x.request_time_ms'])
  assert.deepEqual(await names('/stats?type=Histograms'), ['meta_protocol.x.request_time_ms'])
  assert.match(
    (await call('/stats?filter=request_time')).text,
    /^meta_protocol\.x\.request_time_ms: P0\(nan,1\.9\d+\) P25/,
  )
})

test('/stats comes as JSON and for Prometheus too', async (t) => {
  const { call, metrics } = await startWith(t)
  metrics.counter('cluster.a.upstream_cx_total').add(2)
  const json = await call('/stats?format=json&filter=cluster')
  assert.equal(json.type, 'application/json')
  assert.deepEqual(json.json(), { stats: [{ name: 'cluster.a.upstream_cx_total', value: 2 }] })
  const prometheus = await call('/stats/prometheus?usedonly')
  assert.equal(prometheus.type, 'text/plain; version=0.0.4; charset=utf-8')
  assert.match(
    prometheus.text,
    /^# HELP .*\n# TYPE envoy_cluster_upstream_cx_total counter\nenvoy_cluster_upstream_cx_total{envoy_cluster_name="a"} 2\n$/,
  )
  assert.equal((await call('/stats?format=prometheus&usedonly')).text, prometheus.text)
})

test('a question that makes no sense gets 400 and a reason', async (t) => {
  const { call } = await startWith(t)
  for (const path of [
    '/stats?format=xml',
    '/stats?type=Text',
    '/stats?filter=(',
    '/stats?filter=(%3F!x)',
    `/stats?filter=${'x'.repeat(600)}`,
    '/clusters?format=yaml',
    '/listeners?format=yaml',
    '/config_dump?name_regex=%5B',
  ]) {
    const { status, text } = await call(path)
    assert.equal(status, 400, path)
    assert.ok(text.length > 10)
  }
})

test('/clusters adds up the threads and prints what Envoy prints', async (t) => {
  const { call } = await startWith(t)
  const { text } = await call('/clusters')
  const lines = text.split('\n')
  for (const line of [
    'a::observability_name::a',
    'a::default_priority::max_connections::1',
    'a::default_priority::max_retries::4',
    'a::high_priority::max_connections::1024',
    'a::10.0.0.1:80::rq_pending_active::18',
    'a::10.0.0.1:80::rq_success::14',
    'a::10.0.0.2:80::rq_timeout::8',
    'a::10.0.0.1:80::region::eu',
    'a::10.0.0.1:80::priority::1',
    'a::10.0.0.2:80::priority::0',
    'a::added_via_api::false',
    'a::10.0.0.1:80::cx_active::2',
    'a::10.0.0.2:80::cx_active::1',
    'a::10.0.0.1:80::rq_total::10',
    'a::10.0.0.1:80::health_flags::/failed_eds_health',
    'a::10.0.0.2:80::health_flags::healthy',
    'a::10.0.0.1:80::weight::7',
    'outbound|80||b.c::added_via_api::false',
  ]) {
    assert.ok(lines.includes(line), line)
  }
  assert.equal(new Set(lines).size, lines.length)
  const { cluster_statuses: statuses } = (await call('/clusters?format=json')).json()
  assert.deepEqual(statuses[0].host_statuses[0].address, { socket_address: { address: '10.0.0.1', port_value: 80 } })
  assert.deepEqual(statuses[0].host_statuses[0].stats[0], { type: 'GAUGE', name: 'cx_active', value: '2' })
  assert.deepEqual(
    [statuses[0].host_statuses[0].locality, statuses[0].host_statuses[0].priority],
    [{ region: 'eu' }, 1],
  )
  assert.deepEqual(
    statuses[0].circuit_breakers.thresholds.map((each: { priority?: string }) => each.priority),
    [undefined, 'HIGH'],
  )
  assert.deepEqual(statuses[1].host_statuses, [])
})

test('/clusters says what is degraded, unless it is unhealthy as well', async (t) => {
  const reports = [report('10.0.0.1:80', { degraded: true }), report('10.0.0.2:80', { degraded: true, healthy: false })]
  const { call } = await startWith(t, configuration(), reports)
  const { text } = await call('/clusters')
  assert.match(text, /^a::10\.0\.0\.1:80::health_flags::\/degraded_eds_health$/m)
  assert.match(text, /^a::10\.0\.0\.2:80::health_flags::\/failed_eds_health$/m)
  const { cluster_statuses: statuses } = (await call('/clusters?format=json')).json()
  assert.deepEqual(
    statuses[0].host_statuses.map(({ health_status }: { health_status: object }) => health_status),
    [{ eds_health_status: 'DEGRADED' }, { eds_health_status: 'UNHEALTHY' }],
  )
})

test('/clusters and /listeners show what has come since the start, and what has gone no more', async (t) => {
  const { call, live } = await startWith(t)
  const change = { ...NO_CHANGE, clusters: [cluster('new')], listeners: [listener('later', '127.0.0.1')] }
  live.apply({ ...change, clustersRemoved: ['a'] }, () => '')
  const { text } = await call('/clusters')
  assert.match(text, /^new::added_via_api::true$/m)
  assert.doesNotMatch(text, /^a::/m)
  assert.match((await call('/listeners')).text, /^later::127\.0\.0\.1:9090$/m)
})

test('/listeners shows names and addresses', async (t) => {
  const { call } = await startWith(t)
  assert.equal((await call('/listeners')).text, 'in::0.0.0.0:9090\nin6::[::1]:9090\n')
  assert.deepEqual((await call('/listeners?format=json')).json().listener_statuses[1], {
    name: 'in6',
    local_address: { socket_address: { address: '::1', port_value: 9090 } },
  })
})

test('/server_info and /memory tell about the process', async (t) => {
  const { call } = await startWith(t)
  const info = (await call('/server_info')).json()
  assert.deepEqual(
    [info.version, info.state, info.node.id, info.command_line_options],
    ['0.1.0', 'LIVE', 'node-1', { concurrency: 2, token: '[redacted]' }],
  )
  assert.match(info.uptime_current_epoch, /^[5-9]s$/)
  const memory = (await call('/memory')).json()
  assert.deepEqual([memory.process_limit, memory.overload_level], ['1000', 1])
  assert.deepEqual([memory.allocated, memory.heap_size], ['700', '800'])
  assert.ok(Number(memory.main_thread.allocated) > 1_000_000)
  assert.ok(Number(memory.total_physical_bytes) > 10_000_000)
})

test('/logging lists levels, and changes them for one component or all', async (t) => {
  const { call } = await startWith(t)
  assert.equal((await call('/logging')).text, 'active loggers:\n  main: info\n  xds: info\n')
  assert.equal((await call('/logging?xds=debug', POST)).text, 'active loggers:\n  main: info\n  xds: debug\n')
  assert.equal((await call('/logging?level=error', POST)).text, 'active loggers:\n  main: error\n  xds: error\n')
  assert.equal((await call('/logging?level=loud', POST)).status, 400)
  assert.equal((await call('/logging?xds=debug&nobody=debug', POST)).status, 400)
  assert.equal((await call('/logging')).text, 'active loggers:\n  main: error\n  xds: error\n')
})

test('/drain_listeners and /quitquitquit act on POST only', async (t) => {
  const { call, done, hasQuit } = await startWith(t)
  assert.equal((await call('/drain_listeners')).status, 405)
  assert.equal((await call('/drain_listeners?inboundonly', POST)).status, 400)
  assert.equal((await call('/quitquitquit')).status, 405)
  assert.deepEqual(done, [])
  assert.equal((await call('/drain_listeners', POST)).text, 'OK\n')
  assert.deepEqual(done, ['drain'])
  assert.equal((await call('/quitquitquit', POST)).text, 'OK\n')
  await hasQuit
})

test('/codecs shows modules and changes them by POST only, with 409 for what was refused', async (t) => {
  const { call, done } = await startWith(t)
  const { modules } = JSON.parse((await call('/codecs')).text) as { modules: { module: string; version: number }[] }
  assert.deepEqual([modules[0]?.module, modules[0]?.version], ['/etc/codec.ts', 2])
  assert.equal((await call('/codecs/reload')).status, 405)
  assert.equal((await call('/codecs/rollback', POST)).status, 400)
  assert.deepEqual(done, [])
  const refused = await call('/codecs/reload?name=mine', POST)
  assert.equal(refused.status, 409)
  assert.match(refused.text, /"no"/)
  assert.match((await call('/codecs/rollback?name=other', POST)).text, /no module .* for 'other'/)
  assert.deepEqual(done, ['reload mine', 'rollback other'])
})

test('the start page links to every endpoint, and an unknown one lists them', async (t) => {
  const { call } = await startWith(t)
  const { text, type } = await call('/')
  assert.equal(type, 'text/html; charset=utf-8')
  const links = [...text.matchAll(/href="([^"]+)"/g)].map((match) => match[1] ?? '')
  assert.equal(links.length, 12)
  for (const link of links) assert.notEqual((await call(link)).status, 404, link)
  assert.match((await call('/nothing')).text, /POST \/quitquitquit/)
})

test('/healthcheck/fail takes /ready away and /healthcheck/ok gives it back, by POST only', async (t) => {
  const { call, metrics, process } = await startWith(t)
  process.update = () => metrics.gauge('server.live').set(process.state === 'LIVE' ? 1 : 0)
  const ready = async () => {
    const { status, text } = await call('/ready')
    return `${status} ${text.trim()}`
  }
  assert.equal((await call('/healthcheck/fail')).status, 405)
  assert.equal(await ready(), '200 LIVE')
  assert.equal((await call('/healthcheck/fail', POST)).text, 'OK\n')
  assert.equal(await ready(), '503 DRAINING')
  assert.equal((await call('/server_info')).json().state, 'DRAINING')
  assert.match((await call('/stats?filter=server.live')).text, /^server\.live: 0$/m)
  assert.equal((await call('/healthcheck/ok', POST)).text, 'OK\n')
  assert.equal(await ready(), '200 LIVE')
  assert.match((await call('/stats?filter=server.live')).text, /^server\.live: 1$/m)
})

test('/certs shows names, numbers and times of each certificate, and no key', async (t) => {
  const { call } = await startWith(t)
  const [{ ca_cert, cert_chain }] = (await call('/certs')).json().certificates
  assert.deepEqual(ca_cert, [])
  const { path, serial_number, subject_alt_names, days_until_expiration, ...times } = cert_chain[0]
  assert.equal(path, '/etc/server.pem')
  assert.match(serial_number, /^[0-9a-f]+$/)
  assert.match(days_until_expiration, /^\d+$/)
  assert.ok(subject_alt_names.length > 0)
  assert.ok(Date.parse(times.valid_from) < Date.parse(times.expiration_time))
})

test('/hot_restart_version says what Envoy says without hot restart', async (t) => {
  const { call } = await startWith(t)
  assert.equal((await call('/hot_restart_version')).text, 'disabled\n')
})

test('profiles are taken by POST, of the thread that is named, for a time that has a limit', async (t) => {
  const { call, done } = await startWith(t)
  assert.equal((await call('/cpuprofiler')).status, 405)
  assert.deepEqual((await call('/cpuprofiler?seconds=0.5', POST)).json(), { nodes: [] })
  assert.equal((await call('/heapprofiler?thread=main', POST)).status, 200)
  assert.equal((await call('/cpuprofiler?thread=1&seconds=30', POST)).status, 503)
  assert.deepEqual(done, ['cpu 0 500', 'heap main 10000', 'cpu 1 30000'])
  for (const query of ['seconds=31', 'seconds=0', 'seconds=x', 'thread=2', 'thread=-1', 'enable=y']) {
    const { status, text } = await call(`/cpuprofiler?${query}`, POST)
    assert.equal(status, 400, query)
    assert.ok(text.length > 10)
  }
  assert.equal(done.length, 3)
})

test('one profile at a time', async (t) => {
  const { call, profiling, done } = await startWith(t)
  const gate = Promise.withResolvers<void>()
  profiling.promise = gate.promise
  const first = call('/cpuprofiler', POST)
  while (done.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await call('/heapprofiler', POST)).status, 409)
  gate.resolve()
  assert.equal((await first).status, 200)
  assert.equal((await call('/heapprofiler', POST)).status, 200)
})

test('stats_config decides what is shown, and by what names', async (t) => {
  const stats = {
    tags: [{ kind: 'regex', name: 'which', pattern: '^cluster\\.((.+?)\\.)' }],
    useDefaultTags: false,
    matcher: { kind: 'include', patterns: [{ kind: 'prefix', text: 'cluster.', ignoreCase: false }] },
    histogramBuckets: [{ match: { kind: 'suffix', text: 'ms', ignoreCase: false }, bounds: [4, 8] }],
  } as const
  const { call, metrics } = await startWith(t, { ...configuration(), stats })
  metrics.counter('cluster.a.upstream_cx_total').add(2)
  metrics.histogram('cluster.a.upstream_cx_connect_ms').record(5)
  metrics.counter('listener.b.downstream_cx_total').add(2)
  assert.match((await call('/stats?type=Counters')).text, /^cluster\.a\.upstream_cx_total: 2\n$/)
  const samples = (await call('/stats/prometheus')).text.split('\n').filter((line) => !/^#|^$/.test(line))
  assert.deepEqual(samples.slice(0, -2), [
    'envoy_cluster_upstream_cx_connect_ms_bucket{which="a",le="4"} 0',
    'envoy_cluster_upstream_cx_connect_ms_bucket{which="a",le="8"} 1',
    'envoy_cluster_upstream_cx_connect_ms_bucket{which="a",le="+Inf"} 1',
    samples[3],
  ])
  assert.equal(samples.at(-1), 'envoy_cluster_upstream_cx_total{which="a"} 2')
  assert.equal((await call('/stats?format=json&type=Counters')).json().stats.length, 1)
})
