import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRegistry, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf'
import { StructSchema } from '@bufbuild/protobuf/wkt'
import { BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'
import { parseRoutes } from '../xds-resources/parse-routes.ts'
import type { ValidateOptions } from './convert-context.ts'
import { noOps } from './no-ops.ts'
import { EveryField, type Json } from './testing/every-field.ts'

const options: ValidateOptions = { codecs: new Map([['test.codec', { mutation: 'both', validate: () => [] }]]) }
const resources = {
  options,
  sources: { hasAds: true, staticClusters: new Set<string>() },
  connectionLimits: new Map<string, number>(),
}
const registry = createRegistry(StructSchema)

const subjects = new Map([
  [
    'a bootstrap',
    new EveryField(
      {
        root: BootstrapSchema,
        fixture: everyAcceptedMessage,
        parse: (json) => parseBootstrap(JSON.stringify(json), 'test.json', options),
      },
      noOps,
    ),
  ],
  [
    'a carrier of routes',
    new EveryField(
      {
        root: RouteConfigurationSchema,
        fixture: carrier,
        parse: (json) => {
          const message = fromJson(RouteConfigurationSchema, json as JsonValue, { registry })
          const { value, problems } = parseRoutes(toBinary(RouteConfigurationSchema, message), resources)
          return { config: value, problems }
        },
      },
      noOps,
    ),
  ],
])

for (const [name, subject] of subjects) {
  describe(`no field of ${name} is accepted and ignored`, () => {
    test('the configuration that each field is tried on is accepted', () => assert.deepEqual(subject.base.problems, []))

    for (const type of subject.types) {
      test(`each field of ${type.typeName} has an effect, is refused, or is a documented no-op`, () =>
        assert.deepEqual(subject.ignored(type), []))
    }
  })
}

describe('what is documented as a no-op', () => {
  for (const noOp of noOps) {
    test(`${noOp.message}.${noOp.field} is accepted, without effect`, () => {
      const tried = [...subjects.values()].flatMap((subject) => {
        const configs = subject.withNoOp(noOp)
        for (const config of configs ?? []) assert.deepEqual(config, subject.base.config)
        return configs ?? []
      })
      assert.ok(tried.length > 0)
    })
  }
})

/** A bootstrap in which each message that the loader accepts occurs, with proto names; a fresh copy each time. */
function everyAcceptedMessage(): Json {
  return {
    node: { id: 'id', cluster: 'cluster', metadata: { NAME: 'name' } },
    admin: admin(),
    stats_config: statsConfig(),
    static_resources: {
      listeners: [metaProtocolListener(), rdsListener(), tcpListener()],
      clusters: [
        cluster('one', {
          lb_policy: 'RING_HASH',
          ring_hash_lb_config: { minimum_ring_size: 100, maximum_ring_size: 1000 },
        }),
        cluster('two', { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 251 } }),
        cluster('three', { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: 3 } }, false),
        edsCluster(),
        cluster('four', { http2_protocol_options: {} }, false),
      ],
    },
    dynamic_resources: {
      ads_config: apiConfigSource('DELTA_GRPC'),
      lds_config: { ads: {}, initial_fetch_timeout: '6s' },
      cds_config: { api_config_source: apiConfigSource('GRPC') },
    },
    layered_runtime: {
      layers: [{ name: 'static', static_layer: { 'envoy.resource_limits.listener.tcp.connection_limit': 3 } }],
    },
    bootstrap_extensions: [
      { name: 'modules', typed_config: { '@type': 'type.googleapis.com/meltemi.v1.Modules', files: ['./codec.ts'] } },
    ],
  }
}

function admin(): Json {
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
    path: '/tmp/second',
  }
  return {
    address: address('127.0.0.1', 15000),
    access_log_path: '/tmp/first',
    access_log: [{ name: 'file', typed_config }],
  }
}

function statsConfig(): Json {
  return {
    stats_tags: [
      { tag_name: 'a', regex: '(a)' },
      { tag_name: 'b', fixed_value: 'b' },
    ],
    use_all_default_tags: false,
    stats_matcher: { inclusion_list: { patterns: [{ prefix: 'a' }] } },
    histogram_bucket_settings: [{ match: { suffix: 'ms' }, buckets: [2, 3] }],
  }
}

function metaProtocolListener(): Json {
  return {
    name: 'meta',
    address: address('127.0.0.1', 9090),
    traffic_direction: 'INBOUND',
    per_connection_buffer_limit_bytes: 1000,
    listener_filters: [
      {
        name: 'envoy.filters.listener.proxy_protocol',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
        },
      },
    ],
    filter_chains: [{ filters: [{ name: 'any', typed_config: metaProtocolProxy() }] }],
  }
}

function metaProtocolProxy(): Json {
  return {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: 'prefix',
    protocol: {
      name: 'test',
      codec: { name: 'test.codec', config: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: { a: 2 } } },
      multiplexing: true,
    },
    idle_timeout: '5s',
    route_config: { name: 'table', routes: [{ name: 'route', match: { metadata: matchers() }, ...route() }] },
    max_message_bytes: 100,
    max_in_flight_per_connection: 2,
    request_timeout: '5s',
    max_downstream_buffer: 100,
    generate_request_id: true,
    partial_message_timeout: '5s',
  }
}

function rdsListener(): Json {
  const { route_config: _, ...proxy } = metaProtocolProxy() as { route_config: unknown }
  const typed_config = { ...proxy, rds: { route_config_name: 'routes', config_source: { ads: {} } } }
  return {
    name: 'rds',
    address: address('127.0.0.1', 9092),
    filter_chains: [{ filters: [{ name: 'any', typed_config }] }],
  }
}

function apiConfigSource(api_type: string): Json {
  return { api_type, grpc_services: [{ envoy_grpc: { cluster_name: 'four' } }] }
}

function edsCluster(): Json {
  const { load_assignment: _, type: _type, dns_refresh_rate: _rate, ...rest } = cluster('eds', {}, false)
  const eds_cluster_config = { service_name: 'service', eds_config: { ads: {} } }
  const http2 = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  }
  return { ...rest, type: 'EDS', eds_cluster_config, typed_extension_protocol_options: { http: http2 } }
}

function route(): Json {
  const clusters = [
    { name: 'one', weight: 1 },
    { name: 'two', weight: 2 },
  ]
  return {
    route: { weighted_clusters: { clusters }, hash_policy: ['key'], request_mirror_policies: mirrors(), timeout: '5s' },
    request_mutation: [{ key: 'a', value: 'b' }],
    response_mutation: [{ key: 'a', value: 'b' }],
    request_remove: ['c'],
    response_remove: ['c'],
  }
}

function mirrors(): readonly Json[] {
  return [
    {
      cluster: 'one',
      runtime_fraction: { default_value: { numerator: 5, denominator: 'TEN_THOUSAND' } },
    },
  ]
}

/** Routes as they come over xDS. */
function carrier(): Json {
  const clusters = [
    { name: 'one', weight: 1 },
    { name: 'two', weight: 2 },
  ]
  const route = {
    weighted_clusters: { clusters },
    hash_policy: [{ header: { header_name: 'key' } }],
    request_mirror_policies: mirrors(),
    timeout: '5s',
  }
  const headers = [{ header: { key: 'a', value: 'b' } }]
  const changes = {
    request_headers_to_add: headers,
    request_headers_to_remove: ['c'],
    response_headers_to_add: headers,
    response_headers_to_remove: ['c'],
  }
  const routes = [{ name: 'route', match: { prefix: '/', headers: matchers() }, route, ...changes }]
  return { name: 'table', virtual_hosts: [{ name: 'dummy', domains: ['*'], routes }] }
}

function matchers(): readonly Json[] {
  return [
    { name: 'f', safe_regex_match: { regex: 'b+' } },
    { name: 'a', string_match: { exact: 'a' }, invert_match: true },
    { name: 'b', string_match: { safe_regex: { regex: 'a+' } } },
    { name: 'c', range_match: { start: 1, end: 4 }, treat_missing_header_as_empty: true },
    { name: 'd', exact_match: 'd' },
    { name: 'e' },
  ]
}

function tcpListener(): Json {
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'tcp',
    weighted_clusters: { clusters: [{ name: 'one', weight: 2 }] },
    idle_timeout: '5s',
    max_connect_attempts: 2,
  }
  return {
    name: 'tcp',
    address: address('127.0.0.1', 9091),
    filter_chains: [{ filters: [{ name: 'any', typed_config }] }],
  }
}

function cluster(name: string, settings: Json, isHashing = true): Json {
  const common_lb_config = {
    healthy_panic_threshold: { value: 10 },
    ...(isHashing ? { consistent_hashing_lb_config: { use_hostname_for_hashing: true } } : {}),
  }
  return {
    name,
    alt_stat_name: `${name}-stat`,
    type: 'STRICT_DNS',
    dns_refresh_rate: '6s',
    connect_timeout: '6s',
    per_connection_buffer_limit_bytes: 1000,
    circuit_breakers: {
      thresholds: [{ max_connections: 1, max_pending_requests: 2, max_requests: 3, max_retries: 4 }],
    },
    common_lb_config,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint(9000)] }] },
    ...settings,
  }
}

function address(host: string, port: number): Json {
  return { socket_address: { address: host, port_value: port } }
}
function endpoint(port: number): Json {
  return {
    endpoint: { address: address('127.0.0.1', port), hostname: 'host' },
    health_status: 'UNHEALTHY',
    load_balancing_weight: 3,
  }
}
