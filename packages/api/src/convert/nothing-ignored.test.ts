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
/** What clusters have only when they resolve names, or have endpoints of their own. */
const OF_NAMES = new Set([
  'type',
  'load_assignment',
  'dns_refresh_rate',
  'dns_failure_refresh_rate',
  'respect_dns_ttl',
  'typed_dns_resolver_config',
])

const subjects = new Map([
  [
    'a bootstrap',
    new EveryField(
      {
        root: BootstrapSchema,
        fixture: everyAcceptedMessage,
        parse: (json) => {
          const { config, problems } = parseBootstrap(JSON.stringify(json), 'test.json', options)
          return { config: withoutOriginals(config), problems }
        },
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

/** What is kept for those who show it has no effect. */
function withoutOriginals(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOriginals)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const entries = Object.entries(value).filter(([key]) => key !== 'asConfigured')
  return Object.fromEntries(entries.map(([key, entry]) => [key, withoutOriginals(entry)]))
}

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
    node: { id: 'id', cluster: 'cluster', metadata: { NAME: 'name' }, locality: locality() },
    cluster_manager: { local_cluster_name: 'one' },
    tracing: { http: tracer(zipkin()) },
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
        cluster('three', { lb_policy: 'LEAST_REQUEST', least_request_lb_config: leastRequest() }, false),
        cluster('round', { round_robin_lb_config: { slow_start_config: slowStart() } }, false),
        cluster('subsets', { lb_subset_config: subsetConfig() }, false),
        edsCluster(),
        cluster('four', { http2_protocol_options: {}, common_lb_config: { zone_aware_lb_config: zoneAware() } }, false),
        cluster('five', { common_lb_config: { locality_weighted_lb_config: {} } }, false),
        ...policies().map((policy, at) =>
          cluster(`policy${at}`, { load_balancing_policy: { policies: [policy] } }, false),
        ),
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
    tracing: tracing(tracer(otlpOverGrpc())),
    access_log: [
      accessLog('file.v3.FileAccessLog', { path: '/log', log_format: textFormat() }, everyLogFilter()),
      accessLog('stream.v3.StdoutAccessLog', { log_format: jsonFormat() }),
      accessLog('file.v3.FileAccessLog', { path: '/log', format: '%DURATION%' }),
      accessLog('stream.v3.StderrAccessLog', { log_format: { text_format: '%DURATION%' } }),
    ],
  }
}

function tracing(provider: Json): Json {
  const percent = (value: number) => ({ value })
  return {
    client_sampling: percent(5),
    random_sampling: percent(6),
    overall_sampling: percent(7),
    verbose: true,
    max_tag_length: 8,
    provider,
    propagation: ['b3', 'w3c'],
  }
}

function tracer(config: Json): Json {
  return { name: 'tracer', typed_config: config }
}

function zipkin(): Json {
  return {
    '@type': 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig',
    collector_cluster: 'one',
    collector_endpoint: '/api/v2/spans',
    trace_id_128bit: true,
    shared_span_context: false,
    collector_endpoint_version: 'HTTP_JSON',
    collector_hostname: 'zipkin',
  }
}

function otlpOverGrpc(): Json {
  const grpc_service = {
    envoy_grpc: { cluster_name: 'one', authority: 'collector' },
    timeout: '4s',
    initial_metadata: [{ key: 'a', value: 'b' }],
  }
  return { '@type': 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig', grpc_service, service_name: 'me' }
}

function otlpOverHttp(): Json {
  const http_service = {
    http_uri: { uri: 'http://collector/v1/traces', cluster: 'one', timeout: '4s' },
    request_headers_to_add: [{ header: { key: 'a', value: 'b' } }],
  }
  return { '@type': 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig', http_service }
}

function accessLog(type: string, config: Json, filter?: Json): Json {
  const typed_config = { '@type': `type.googleapis.com/envoy.extensions.access_loggers.${type}`, ...config }
  return { name: 'log', ...(filter === undefined ? {} : { filter }), typed_config }
}

function textFormat(): Json {
  return { text_format_source: { inline_string: '%START_TIME% %REQ(A?B):5%' }, omit_empty_values: true }
}

function jsonFormat(): Json {
  return {
    json_format: { b: '%DURATION%', a: ['x'] },
    json_format_options: { sort_properties: true },
    omit_empty_values: true,
  }
}

function everyLogFilter(): Json {
  const comparison = (op: string) => ({ op, value: { default_value: 5, runtime_key: 'key' } })
  const string_match = { exact: 'a' }
  const matcher = {
    filter: 'aeraki.meta_protocol.request',
    path: [{ key: 'k' }],
    value: { string_match },
    invert: true,
  }
  const percent_sampled = { numerator: 5, denominator: 'TEN_THOUSAND' }
  return {
    and_filter: {
      filters: [
        { status_code_filter: { comparison: comparison('GE') } },
        { duration_filter: { comparison: comparison('LE') } },
        { or_filter: { filters: [{ not_health_check_filter: {} }, { traceable_filter: {} }] } },
        { runtime_filter: { runtime_key: 'key', percent_sampled, use_independent_randomness: true } },
        { header_filter: { header: { name: 'method', string_match } } },
        { response_flag_filter: { flags: ['UF'] } },
        { metadata_filter: { matcher, match_if_key_not_found: false } },
        { log_type_filter: { types: ['DownstreamEnd'], exclude: true } },
      ],
    },
  }
}

function rdsListener(): Json {
  const { route_config: _, ...proxy } = metaProtocolProxy() as { route_config: unknown }
  const rds = { route_config_name: 'routes', config_source: { ads: {} } }
  const typed_config = { ...proxy, rds, tracing: tracing(tracer(otlpOverHttp())) }
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
  const others = Object.entries(cluster('eds', {}, false)).filter(([name]) => !OF_NAMES.has(name))
  const rest = Object.fromEntries(others)
  const eds_cluster_config = { service_name: 'service', eds_config: { ads: {} } }
  const http2 = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  }
  return { ...rest, type: 'EDS', eds_cluster_config, typed_extension_protocol_options: { http: http2 } }
}

function route(): Json {
  const clusters = [
    { name: 'one', weight: 1, metadata_match: matchOf('a') },
    { name: 'two', weight: 2 },
  ]
  return {
    route: {
      weighted_clusters: { clusters },
      metadata_match: matchOf('b'),
      hash_policy: ['key'],
      request_mirror_policies: mirrors(),
      timeout: '5s',
    },
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
    { name: 'one', weight: 1, metadata_match: matchOf('a') },
    { name: 'two', weight: 2 },
  ]
  const route = {
    weighted_clusters: { clusters },
    metadata_match: matchOf('b'),
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
    weighted_clusters: { clusters: [{ name: 'one', weight: 2, metadata_match: matchOf('c') }] },
    metadata_match: matchOf('b'),
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
    dns_failure_refresh_rate: { base_interval: '1s', max_interval: '20s' },
    respect_dns_ttl: true,
    typed_dns_resolver_config: {
      name: 'cares',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
        resolvers: [address('127.0.0.1', 53)],
      },
    },
    connect_timeout: '6s',
    per_connection_buffer_limit_bytes: 1000,
    circuit_breakers: {
      thresholds: [{ max_connections: 1, max_pending_requests: 2, max_requests: 3, max_retries: 4 }],
    },
    common_lb_config,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [endpoint(9000)], locality: locality(), priority: 1, load_balancing_weight: 5 }],
    },
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
    metadata: matchOf('e'),
  }
}

function locality(): Json {
  return { region: 'region', zone: 'zone', sub_zone: 'part' }
}

/** What endpoints have, or are to have, in their metadata. */
function matchOf(key: string): Json {
  return { filter_metadata: { 'envoy.lb': { [key]: '1' } } }
}

function slowStart(): Json {
  return {
    slow_start_window: '5s',
    aggression: { default_value: 2, runtime_key: 'key' },
    min_weight_percent: { value: 20 },
  }
}

function leastRequest(): Json {
  return {
    choice_count: 3,
    active_request_bias: { default_value: 2, runtime_key: 'key' },
    slow_start_config: slowStart(),
  }
}

function zoneAware(): Json {
  return { routing_enabled: { value: 20 }, min_cluster_size: 3, fail_traffic_on_panic: true }
}

function subsetConfig(): Json {
  return {
    fallback_policy: 'DEFAULT_SUBSET',
    default_subset: { b: '1' },
    subset_selectors: [
      { keys: ['a', 'b'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['a'], single_host_per_subset: true },
    ],
    panic_mode_any: true,
    list_as_any: true,
    metadata_fallback_policy: 'FALLBACK_LIST',
  }
}

/** One of each type that an extension may have. */
function policies(): readonly Json[] {
  const policy = (type: string, settings: Json) => ({
    typed_extension_config: {
      name: 'any',
      typed_config: { '@type': `type.googleapis.com/envoy.extensions.load_balancing_policies.${type}`, ...settings },
    },
  })
  const inner = { policies: [policy('random.v3.Random', {})] }
  const peak = {
    decay_time: '5s',
    default_rtt: '0.5s',
    penalty_value: 3,
    aggregation_interval: '1s',
    max_samples_per_host: 9,
  }
  return [
    policy('round_robin.v3.RoundRobin', {
      slow_start_config: slowStart(),
      locality_lb_config: { zone_aware_lb_config: zoneAware() },
    }),
    policy('least_request.v3.LeastRequest', {
      ...leastRequest(),
      locality_lb_config: { locality_weighted_lb_config: {} },
    }),
    policy('random.v3.Random', { locality_lb_config: { locality_weighted_lb_config: {} } }),
    policy('ring_hash.v3.RingHash', {
      minimum_ring_size: 100,
      maximum_ring_size: 1000,
      locality_weighted_lb_config: {},
    }),
    policy('maglev.v3.Maglev', {
      table_size: 251,
      consistent_hashing_lb_config: { use_hostname_for_hashing: true },
      locality_weighted_lb_config: {},
    }),
    policy('subset.v3.Subset', { ...subsetConfig(), allow_redundant_keys: true, subset_lb_policy: inner }),
    policy('wrr_locality.v3.WrrLocality', {
      endpoint_picking_policy: { policies: [policy('peak_ewma.v3alpha.PeakEwma', peak)] },
    }),
    policy('peak_ewma.v3alpha.PeakEwma', peak),
  ]
}
