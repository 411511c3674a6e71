/** Bootstraps with the habits of those that people run the reference with; see testdata/reference/README.md. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { FilterRule, ValidateOptions } from './convert/convert-context.ts'
import { loadBootstrap } from './load-bootstrap.ts'
import { formatProblem, type ListenerConfig, type MetaProtocolConfig, type ProxyConfig } from './model/index.ts'
import { parseBootstrap } from './parse-bootstrap.ts'

const FOLDER = new URL('./testdata/reference/', import.meta.url)
const FILTERS = 'aeraki.meta_protocol_proxy.filters'
/** What is said of the parts that are the work of others, as long as they are. */
const LATER = /^\S+ \S+: filter "aeraki\.meta_protocol\.filters\.\w+" \(\S+\) is not supported yet$/

const PATH = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config'

function fileOf(name: string): string {
  return fileURLToPath(new URL(name, FOLDER))
}

function load(name: string): { readonly config: ProxyConfig; readonly warnings: readonly string[] } {
  const { config, problems } = loadBootstrap(fileOf(name))
  const warnings = problems.map((problem) => formatProblem({ ...problem, file: name }))
  return { config: config ?? assert.fail(warnings.join('\n')), warnings }
}

function filterOf(listener: ListenerConfig | undefined): MetaProtocolConfig {
  const filter = listener?.filter
  return filter?.kind === 'meta-protocol' ? filter : assert.fail('no MetaProtocolProxy')
}

test('listeners, clusters, endpoints and services may be one mapping instead of a list', () => {
  const { config } = load('greeter.yaml')
  assert.deepEqual(
    config.listeners.map(({ name }) => name),
    ['greeter_in'],
  )
  assert.deepEqual(config.clusters[0]?.endpoints[0]?.address, { host: '127.0.0.1', port: 18082 })
  const [listener] = load('routes-by-rds.yaml').config.listeners
  assert.deepEqual(filterOf(listener).rds, {
    routeConfigName: 'org.apache.dubbo.samples.basic.api.demoservice_20880',
    source: { kind: 'grpc', api: { cluster: 'aeraki-xds', delta: false }, initialFetchTimeoutMs: 15_000 },
  })
})

test('the old application_protocol and codec name the protocol and its codec', () => {
  const { applicationProtocol, codec } = filterOf(load('greeter.yaml').config.listeners[0])
  assert.deepEqual([applicationProtocol, codec.name], ['awesomerpc', 'aeraki.meta_protocol.codec.awesomerpc'])
})

test('a filter without config is its default message, and the router needs none', () => {
  assert.deepEqual(filterOf(load('greeter.yaml').config.listeners[0]).filters, [])
})

test('spaces and comments behind values do not belong to them', () => {
  const { config, warnings } = load('greeter.yaml')
  const filter = filterOf(config.listeners[0])
  assert.deepEqual(
    [config.listeners[0]?.name, config.clusters[0]?.name, filter.statPrefix, filter.routes.name],
    ['greeter_in', 'callee', 'greeter', 'local'],
  )
  assert.equal(filter.routes.routes[0]?.clusters[0]?.cluster, 'callee')
  assert.deepEqual(warnings, [])
})

test('access_log_path is the file of the admin pages’ log, as access_log is; /dev/null is none', () => {
  assert.deepEqual(load('greeter.yaml').config.adminAccessLogs, ['/tmp/meltemi-admin.log'])
  assert.equal(load('sidecar.yaml').config.adminAccessLogs, undefined)
  const log = '"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /tmp/b'
  const { config } = parseBootstrap(`admin: {access_log: [{name: x, typed_config: {${log}}}]}`, 'b.yaml')
  assert.deepEqual(config?.adminAccessLogs, ['/tmp/b'])
})

test('the old matchers of metadata mean what string_match says today', () => {
  const [route] = filterOf(load('matchers.yaml').config.listeners[0]).routes.routes
  const text = (kind: string, value: string) => ({ kind, text: value, ignoreCase: false })
  assert.deepEqual(
    route?.match.metadata.map((matcher) => [matcher.name, matcher.test]),
    [
      ['method', text('exact', 'add')],
      ['user', text('prefix', 'test-')],
      ['region', text('suffix', '-1')],
      ['build', text('contains', 'beta')],
      ['batch', { kind: 'present', present: true }],
      ['service', { kind: 'regex', pattern: 'calc.*' }],
    ],
  )
})

test('an empty match is one that everything fits', () => {
  const { routes } = filterOf(load('matchers.yaml').config.listeners[0]).routes
  assert.deepEqual(routes[1]?.match, { metadata: [] })
})

test('names may be in both spellings in one document', () => {
  const { config } = load('mixed-case.yaml')
  const { statPrefix, routes } = filterOf(config.listeners[0])
  assert.equal(statPrefix, 'outbound|18100||hello')
  assert.deepEqual(routes.routes[0]?.clusters, [
    { cluster: 'one', weight: 20 },
    { cluster: 'two', weight: 80 },
  ])
  assert.deepEqual(routes.routes[0]?.requestMutation, [{ key: 'caller', value: 'proxy' }])
})

test('of a key that is there twice the last one wins, with a warning that has its place, in free-form parts too', () => {
  const { config, warnings } = load('mixed-case.yaml')
  assert.equal(config.clusters[1]?.connectTimeoutMs, 500)
  assert.deepEqual(config.node.metadata, { LABELS: { app: 'greeter' } })
  const filter = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config'
  assert.deepEqual(warnings, [
    `mixed-case.yaml:12:11: ${filter}.stat_prefix: stat_prefix is set more than once, the last one wins`,
    'mixed-case.yaml:39:5: static_resources.clusters[1].connect_timeout: connect_timeout is set more than once, the last one wins',
    'mixed-case.yaml:44:27: node.metadata.LABELS.app: app is set more than once, the last one wins',
  ])
})

test('an empty http2_protocol_options is HTTP/2 without negotiation, and without it there is none', () => {
  const { clusters } = load('routes-by-rds.yaml').config
  assert.deepEqual(
    clusters.map(({ name, http2 }) => [name, http2]),
    [
      ['aeraki-xds', true],
      ['ratelimit', false],
    ],
  )
})

test('a filter is the same inline and in either TypedStruct, whatever its name', () => {
  const { config } = load('typed-struct.yaml')
  const [inline, udpa, xds] = config.listeners.map(({ filter }) => filter)
  assert.deepEqual(udpa, inline)
  assert.deepEqual(xds, inline)
  assert.equal(filterOf(config.listeners[0]).idleTimeoutMs, 300_000)
})

test('names have bars, and listeners directions', () => {
  const { config } = load('sidecar.yaml')
  assert.deepEqual(
    config.listeners.map(({ direction, filter }) => [direction, filter.statPrefix]),
    [
      ['outbound', 'outbound|20880||hello.apps.svc.cluster.local'],
      ['inbound', 'inbound|20880||'],
    ],
  )
  assert.deepEqual(
    config.clusters.map(({ name }) => name),
    ['outbound|20880||hello.apps.svc.cluster.local', 'inbound|20880||'],
  )
})

test('node.metadata is kept as it is written', () => {
  const { metadata, id, cluster } = load('sidecar.yaml').config.node
  assert.deepEqual([id, cluster], ['sidecar~10.0.0.7~hello-1.apps~apps.svc.cluster.local', 'hello.apps'])
  assert.deepEqual(metadata['LABELS'], { app: 'hello', version: 'v1', 'service.istio.io/canonical-name': 'hello' })
  assert.deepEqual([metadata['INSTANCE_IPS'], metadata['PLATFORM_METADATA']], ['10.0.0.7,fe80::7', {}])
})

test('stats_config is read whole', () => {
  const { stats } = load('sidecar.yaml').config
  assert.equal(stats?.useDefaultTags, false)
  assert.deepEqual(
    stats?.tags.map((tag) => [tag.name, tag.kind]),
    [
      ['cluster_name', 'regex'],
      ['tcp_prefix', 'regex'],
      ['response_code', 'regex'],
      ['reporter', 'regex'],
      ['pod', 'fixed'],
    ],
  )
  assert.deepEqual(
    [stats?.matcher?.kind, stats?.matcher?.patterns.map(({ kind }) => kind)],
    ['include', ['prefix', 'prefix', 'suffix', 'regex']],
  )
  assert.deepEqual(stats?.histogramBuckets, [
    { match: { kind: 'suffix', text: 'request_time_ms', ignoreCase: false }, bounds: [1, 10, 100] },
  ])
})

test('every field of the filter loads, but for what is not there yet, which is said', () => {
  const { problems } = loadBootstrap(fileOf('whole-filter.yaml'))
  assert.deepEqual(
    problems.map((problem) => formatProblem({ ...problem, file: 'f' })).filter((line) => !LATER.test(line)),
    [`f:15:20: ${PATH}.tracing.provider: there is none, here or in the bootstrap, so there will be no spans`],
  )
})

test('every filter’s configuration reaches the filter in proto JSON, in order and without the router', () => {
  const text = readFileSync(fileOf('whole-filter.yaml'), 'utf8').replace(/^ *tracing: .*\n/m, '')
  const { config, problems } = parseBootstrap(text, 'f', { filters: ALL_FILTERS })
  assert.deepEqual(problems.map(formatProblem), [])
  const filter = filterOf(config?.listeners[0])
  assert.deepEqual(
    filter.filters.map(({ name }) => name.replace(/^.*\./, '')),
    ['local_ratelimit', 'ratelimit', 'metadata_exchange', 'istio_stats'],
  )
  const [local, global, , stats] = filter.filters.map((each) => each.config as Record<string, unknown>)
  assert.deepEqual(local?.['tokenBucket'], { maxTokens: 5, tokensPerFill: 5, fillInterval: '60s' })
  assert.deepEqual([global?.['domain'], global?.['timeout'], global?.['failureModeDeny']], ['production', '0.1s', true])
  assert.deepEqual(global?.['descriptors'], [{ property: 'method', descriptorKey: 'method' }])
  assert.deepEqual(stats, { destinationService: 'hello.apps.svc.cluster.local' })
  assert.deepEqual(filter.routes.routes[0]?.mirrors, [{ cluster: 'm', numerator: 500_000, denominator: 1_000_000 }])
  assert.deepEqual(filter.routes.routes[0]?.responseMutation, [{ key: 'x', value: 'y' }])
})

const ALL_FILTERS: NonNullable<ValidateOptions['filters']> = new Map(
  ['local_ratelimit.v1alpha.LocalRateLimit', 'ratelimit.v1alpha.RateLimit']
    .concat(['metadata_exchange.v1alpha.MetadataExchange', 'istio_stats.v1alpha.IstioStats'])
    .map((type): [string, FilterRule] => {
      const name = `aeraki.meta_protocol.filters.${type.replace(/\..*$/, '')}`
      return [`type.googleapis.com/${FILTERS}.${type}`, { name, parse: (json) => json }]
    }),
)
