import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  type AuthorizationConfig,
  DEFAULT_OUTLIER_DETECTION,
  type ExtAuthzConfig,
  type GlobalRateLimitConfig,
  type HealthCheckConfig,
  type ListenerConfig,
  type MetaProtocolConfig,
  type ProxyConfig,
  type TcpProxyConfig,
} from '@meltemi/api'
import { loadModules, type RunningProxy, startProxy } from '@meltemi/proxy'
import {
  authorization,
  extAuthz,
  globalRateLimit,
  istioStats,
  MESH_LIMITS,
  metadataExchange,
} from '@meltemi/proxy/filters'
import { readLabels } from '@meltemi/runtime'
import { ROOT } from '../scripts/workspace.ts'
import { abort, faultFilter, metadataFilter } from './harness/actions.ts'
import { TestAuthority } from './harness/certificates.ts'
import { uuid, uuidFrame } from './harness/codecs/index.ts'
import { connectClient, testCluster, testRoute, textLog, zipkinTracing } from './harness/index.ts'
import { bucketOf, limitFilter } from './harness/rate-limited.ts'
import { clientTls, serverTls } from './harness/secrets.ts'

const MODULE = fileURLToPath(new URL('./harness/codecs/index.ts', import.meta.url))
const BUILT_IN = fileURLToPath(new URL('../packages/cli/src/modules.ts', import.meta.url))
const authority = await TestAuthority.create()
const identity = await authority.issue()
const KINDS = ['counter', 'gauge', 'histogram']

/** Of filters that ask a service, about no request. */
const asking = {
  match: {
    metadata: [
      { name: 'never', test: { kind: 'present', present: true }, invert: false, treatMissingAsEmpty: false } as const,
    ],
  },
  grpcService: { cluster: 'service', authority: '', headers: [], timeoutMs: 0 },
}
const limit: GlobalRateLimitConfig = {
  ...asking,
  domain: 'here',
  failureModeDeny: false,
  descriptors: [],
  hitsAddend: 0,
  statPrefix: '',
}
const authz: ExtAuthzConfig = {
  ...asking,
  statPrefix: 'here',
  failureModeAllow: true,
  includeTlsSession: false,
  contextExtensions: {},
}

const metaProtocol: MetaProtocolConfig = {
  kind: 'meta-protocol',
  statPrefix: 'here',
  applicationProtocol: 'uuid',
  codec: { name: uuid.name, options: undefined, moduleDigest: undefined },
  multiplexing: true,
  filters: [
    { name: authorization.name, typeUrl: authorization.typeUrl, config: {}, parsed: triedRules() },
    limitFilter({ token_bucket: bucketOf(9) }),
    ...[metadataExchange, istioStats].map(({ name, typeUrl }) => ({ name, typeUrl, config: undefined })),
    { name: 'limit', typeUrl: globalRateLimit.typeUrl, config: {}, parsed: limit },
    { name: 'authz', typeUrl: extAuthz.typeUrl, config: {}, parsed: authz },
    faultFilter(abort()),
    metadataFilter([{ key: 'a', kind: 'remove', value: undefined, inMessage: false }]),
  ],
  routes: { name: 'routes', routes: [testRoute('service')] },
  rds: undefined,
  idleTimeoutMs: 0,
  maxMessageBytes: 1024,
  maxInFlightPerConnection: 1,
  requestTimeoutMs: 0,
  maxDownstreamBufferBytes: 1024,
  partialMessageTimeoutMs: 0,
  generateRequestId: false,
}

const LIMITS = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 }
const HEALTH_CHECK: HealthCheckConfig = {
  timeoutMs: 100,
  intervalMs: 1_000,
  unhealthyThreshold: 1,
  healthyThreshold: 1,
  initialJitterMs: 0,
  intervalJitterMs: 0,
  intervalJitterPercent: 0,
  reuseConnection: true,
  noTrafficIntervalMs: 1_000,
  noTrafficHealthyIntervalMs: 1_000,
  unhealthyIntervalMs: 1_000,
  unhealthyEdgeIntervalMs: 1_000,
  healthyEdgeIntervalMs: 1_000,
  alwaysLogFailures: false,
  alwaysLogSuccess: false,
  check: { kind: 'tcp', send: '', receive: [] },
}

const ads = { kind: 'ads', initialFetchTimeoutMs: 0 } as const
const rds = { routeConfigName: 'table', source: ads }
const routed: MetaProtocolConfig = { ...metaProtocol, statPrefix: 'routed', rds }

const collector = {
  kind: 'otlp-grpc',
  cluster: 'service',
  timeoutMs: 1000,
  path: '',
  host: '',
  headers: [],
  serviceName: '',
} as const
const observed: MetaProtocolConfig = {
  ...metaProtocol,
  accessLogs: [textLog('\n')],
  tracing: zipkinTracing(),
}
const alsoObserved: MetaProtocolConfig = { ...metaProtocol, tracing: zipkinTracing({ provider: collector }) }

const tcpProxy: TcpProxyConfig = {
  kind: 'tcp-proxy',
  statPrefix: 'there',
  clusters: [{ cluster: 'service', weight: 1 }],
  idleTimeoutMs: 0,
  maxConnectAttempts: 1,
}

/** That let everything pass. */
function triedRules(): AuthorizationConfig {
  const policies = [{ name: 'one', condition: { kind: 'any' } as const }]
  const rules = { action: 'allow', policies } as const
  const prefixes = { statPrefix: '', rulesStatPrefix: '', shadowStatPrefix: '' }
  return { kind: 'authorization', ...prefixes, rules, shadowRules: rules, tracksEachPolicy: true }
}

test('docs/metrics.md lists every stat that a running proxy has, with its kind, and no other', async () => {
  const documented = readDocument(readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8'))
  const registered = await statsOfRunningProxy()
  assert.ok(registered.length > 80, `only ${registered.length} stats`)
  assert.deepEqual(
    documented.filter((line) => !registered.includes(line)),
    [],
    'documented, but not registered',
  )
  assert.deepEqual(
    registered.filter((line) => !documented.includes(line)),
    [],
    'registered, but not documented',
  )
  assert.equal(new Set(documented).size, documented.length, 'documented once each')
})

test('the stats of docs/operations.md stand in docs/metrics.md too, with the same kind', () => {
  const documented = readDocument(readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8'))
  const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
  const named = [...page.matchAll(/^\| (`[^|]+`) \| (counter|gauge|histogram) \|/gm)].flatMap(([, names, kind]) =>
    [...(names as string).matchAll(/`([^`]+)`/g)].map(([, name]) => `${name} ${kind}`),
  )
  assert.ok(named.length > 5)
  assert.deepEqual(
    named.filter((line) => !documented.includes(line)),
    [],
  )
})

test('docs/metrics.md lists the labels of Istio’s metrics, and no others', async () => {
  const page = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')
  const [, section = ''] = page.split('\n## Requests by workload\n')
  const [, table = ''] = section.split('| label | what it says |\n')
  const documented = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `(\w+)` \|/gm)].map(
    ([, label]) => label as string,
  )
  const labels = await labelsOfRunningProxy()
  assert.ok(labels.length > 20)
  assert.deepEqual(documented.toSorted(), labels.toSorted())
})

test('docs/metrics.md tells the limits of what is known of the mesh', () => {
  const page = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')
  const [, table = ''] = page.split('| limit | value | beyond it |\n')
  const rows = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `(\w+)` \| ([\d,]+) \w+ \|/gm)]
  const documented = Object.fromEntries(rows.map(([, limit, value]) => [limit, Number(value?.replaceAll(',', ''))]))
  assert.deepEqual(documented, { ...MESH_LIMITS })
})

/** `name kind` of each row; sections with a prefix say so in their text. */
function readDocument(markdown: string): readonly string[] {
  return markdown.split(/^## /m).flatMap((section) => {
    const prefix = /Prefix `([^`]+)`/.exec(section)?.[1] ?? ''
    const rows = section.matchAll(/^\| `([^`]+)` \| (\w+) \| [^|]{3,} \|$/gm)
    return [...rows].map(([, name, kind]) => `${prefix}${name} ${kind}`)
  })
}

async function statsOfRunningProxy(): Promise<readonly string[]> {
  return withRunningProxy(async (proxy) => {
    const lines = await Promise.all(KINDS.map((kind) => namesOf(proxy, kind)))
    return [...new Set(lines.flat())]
  })
}

async function labelsOfRunningProxy(): Promise<readonly string[]> {
  return withRunningProxy(async (proxy) => {
    const text = await readStats(proxy, 'filter=istio_requests_total')
    return [...(readLabels(text.slice(0, text.lastIndexOf(': ')))?.labels.keys() ?? [])]
  })
}

async function withRunningProxy<T>(use: (proxy: RunningProxy) => Promise<T>): Promise<T> {
  const proxy = await startProxy({
    config: configuration(),
    bootstrap: {},
    modules: (await loadModules([BUILT_IN, MODULE])).modules.map(({ version }) => version),
    watchModules: false,
    concurrency: 1,
    adminAddress: { host: '127.0.0.1', port: 0 },
    drainTimeS: 0,
    logLevel: 'off',
    memoryLimitBytes: undefined,
  })
  try {
    await callOnce(proxy)
    return await use(proxy)
  } finally {
    await proxy.stop()
  }
}

async function readStats({ adminAddress: { host, port } }: RunningProxy, query: string): Promise<string> {
  const reply = await fetch(`http://${host}:${port}/stats?${query}`, { headers: { connection: 'close' } })
  assert.equal(reply.status, 200)
  return reply.text()
}

/** With placeholders where configuration gives the name. */
async function namesOf(proxy: RunningProxy, kind: string): Promise<readonly string[]> {
  const lines = (await readStats(proxy, `type=${kind}s`)).split('\n').filter((line) => line !== '')
  return lines.map((line) => {
    // a stat with labels is one stat
    const name = line.slice(0, line.indexOf(': ')).replace(/\{.*\}$/, '')
    return `${name
      .replace(/^(?:listener_manager\.lds|cluster_manager\.cds|meta_protocol\.uuid\.routed\.rds\.table)\./, '<what>.')
      .replace('meta_protocol.uuid.here.', 'meta_protocol.<protocol>.<prefix>.')
      .replace('ext_authz.here.', 'ext_authz.<prefix>.')
      .replace('meta_protocol.limit.local_rate_limit.', 'meta_protocol.<prefix>.local_rate_limit.')
      .replace('.rbac.policy.one.', '.rbac.policy.<policy>.')
      .replace('tcp.there.', 'tcp.<prefix>.')
      .replace('cluster.service.', 'cluster.<cluster>.')
      .replace(/^codec\.(?:meltemi\.test|aeraki\.meta_protocol\.codec)\.\w+\./, 'codec.<codec>.')
      .replace(/^listener\.127\.0\.0\.1_\d+\./, 'listener.<address>.')} ${kind}`
  })
}

function configuration(): ProxyConfig {
  return {
    node: { id: '', cluster: '', metadata: {} },
    admin: undefined,
    listeners: [
      listener('here', metaProtocol),
      listener('there', tcpProxy),
      listener('routed', routed),
      listener('observed', observed),
      listener('also observed', alsoObserved),
      { ...listener('secure', tcpProxy), tls: serverTls(identity, authority) },
    ],
    clusters: [
      testCluster('service', [1], {
        outlierDetection: DEFAULT_OUTLIER_DETECTION,
        healthCheck: HEALTH_CHECK,
        circuitBreaker: { ...LIMITS, tracksRemaining: true },
      }),
      testCluster('secure', [1], { statName: 'service', tls: clientTls(identity, authority) }),
    ],
    dynamic: { ads: { cluster: 'service', delta: true }, listeners: ads, clusters: ads },
    modules: [],
  }
}

function listener(name: string, filter: MetaProtocolConfig | TcpProxyConfig): ListenerConfig {
  return {
    name,
    address: { host: '127.0.0.1', port: 0 },
    direction: 'unspecified',
    proxyProtocol: false,
    bufferLimitBytes: 1024,
    maxConnections: 0,
    filter,
  }
}

/** What is told by workload begins with the first request; this one has no service that would answer. */
async function callOnce(proxy: RunningProxy): Promise<void> {
  const port = proxy.config.listeners[0]?.address.port ?? 0
  await using client = await connectClient({ port, codec: uuid })
  await client.request(uuidFrame({ id: 1 }))
}
