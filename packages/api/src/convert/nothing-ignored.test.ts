import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf'
import { messageRegistry } from '../encode/message-registry.ts'
import { BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'
import { parseRoutes } from '../xds-resources/parse-routes.ts'
import type { FilterRule, ValidateOptions } from './convert-context.ts'
import { noOps } from './no-ops.ts'
import { EveryField, type Json } from './testing/every-field.ts'

const RBAC = ['envoy.extensions.filters.network.rbac.v3.RBAC', 'envoy.extensions.filters.http.rbac.v3.RBAC']
const WRAPPER = 'type.googleapis.com/envoy.config.route.v3.FilterConfig'
const DIRECT = { error_type: 'Denied', message: 'closed' }
const FAULT = 'type.googleapis.com/meltemi.filters.fault.v1.Fault'
const METADATA = 'type.googleapis.com/meltemi.filters.metadata.v1.MetadataOperations'
const LOCAL_RATE_LIMIT = 'aeraki.meta_protocol_proxy.filters.local_ratelimit.v1alpha.LocalRateLimit'
const RATE_LIMIT = 'aeraki.meta_protocol_proxy.filters.ratelimit.v1alpha.RateLimit'
const EXT_AUTHZ = 'meltemi.v1.ExtAuthz'
const NEEDING = [LOCAL_RATE_LIMIT, RATE_LIMIT, EXT_AUTHZ]
const options: ValidateOptions = {
  codecs: new Map([['test.codec', { mutation: 'both', validate: () => [] }]]),
  filters: new Map([
    ...NEEDING.map((type): [string, FilterRule] => [
      type,
      { name: type, parse: (_json, problem) => problem('', 'is required') },
    ]),
    ...[FAULT, METADATA, ...RBAC].map((type): [string, FilterRule] => [type, { name: type, parse: () => ({}) }]),
  ]),
}
const resources = {
  options,
  sources: { hasAds: true, staticClusters: new Set<string>() },
  connectionLimits: new Map<string, number>(),
}
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const HASH = 'a'.repeat(64)
const SPKI = `${'A'.repeat(43)}=`
const registry = messageRegistry
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
  const isRead = 'parsed' in value
  const entries = Object.entries(value).filter(([key]) => key !== 'asConfigured' && !(isRead && key === 'config'))
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
      // the last one has neither listener filters nor TLS
      listeners: [metaProtocolListener(), rdsListener(), tlsListener(), tcpListener()],
      secrets: secrets(),
      clusters: [
        cluster('one', {
          lb_policy: 'RING_HASH',
          ring_hash_lb_config: { minimum_ring_size: 100, maximum_ring_size: 1000 },
        }),
        plainCluster('two', { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 251 } }),
        plainCluster('three', { lb_policy: 'LEAST_REQUEST', least_request_lb_config: leastRequest() }),
        plainCluster('round', { round_robin_lb_config: { slow_start_config: slowStart() } }),
        plainCluster('subsets', { lb_subset_config: subsetConfig() }),
        edsCluster(),
        socketCluster(),
        plainCluster('tls', tlsOfCluster()),
        plainCluster('four', { http2_protocol_options: {}, common_lb_config: { zone_aware_lb_config: zoneAware() } }),
        plainCluster('asked', { health_checks: [healthCheck({ custom_health_check: codecCheck() })] }),
        plainCluster('checked', { health_checks: [healthCheck({ tcp_health_check: tcpCheck() })] }),
        plainCluster('five', { common_lb_config: { locality_weighted_lb_config: {} } }),
        ...policies().map((policy, at) =>
          plainCluster(`policy${at}`, { load_balancing_policy: { policies: [policy] } }),
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

function secrets(): readonly Json[] {
  return [
    { name: 'own', tls_certificate: certificate() },
    { name: 'peers', validation_context: { trusted_ca: { inline_string: 'CA' }, crl: { inline_bytes: 'Y3Js' } } },
  ]
}

function certificate(): Json {
  return {
    certificate_chain: { filename: '/chain' },
    private_key: { filename: '/key' },
    password: { environment_variable: 'PASSWORD' },
  }
}

function validation(): Json {
  return {
    trusted_ca: { filename: '/ca' },
    crl: { filename: '/crl' },
    match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://' } }],
    match_subject_alt_names: [{ exact: 'a' }],
    verify_certificate_hash: [HASH],
    verify_certificate_spki: [SPKI],
  }
}

function tlsParams(): Json {
  return {
    tls_minimum_protocol_version: 'TLSv1_3',
    cipher_suites: ['ECDHE-RSA-AES128-GCM-SHA256'],
    ecdh_curves: ['P-256'],
  }
}

function sds(name: string, sds_config: Json): Json {
  return { name, sds_config }
}

function tlsListener(): Json {
  const file = { path_config_source: { path: '/secrets' } }
  const common_tls_context = {
    tls_certificates: [certificate()],
    tls_certificate_sds_secret_configs: [sds('fromFile', file), sds('fromAds', { ads: {} })],
    combined_validation_context: {
      default_validation_context: validation(),
      validation_context_sds_secret_config: sds('peers', { ads: {} }),
    },
    alpn_protocols: ['mine'],
    tls_params: tlsParams(),
  }
  const typed_config = {
    '@type': `${TLS}.DownstreamTlsContext`,
    common_tls_context,
    require_client_certificate: true,
    session_timeout: '60s',
    disable_stateless_session_resumption: true,
  }
  // rules may ask who a client is where its certificate is verified
  const proxy = {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: 'tls',
    protocol: { name: 'test', codec: { name: 'test.codec' } },
    route_config: { name: 'tls', routes: [{ route: { cluster: 'one' } }] },
    ...authorization(),
  }
  const chain = { filters: [{ name: 'any', typed_config: proxy }] }
  return {
    name: 'tls',
    address: address('127.0.0.1', 9093),
    filter_chains: [
      { ...chain, transport_socket: { name: 'tls', typed_config }, transport_socket_connect_timeout: '9s' },
    ],
  }
}

function tlsOfCluster(): Json {
  const upstream = (common_tls_context: Json): Json => ({
    name: 'tls',
    typed_config: {
      '@type': `${TLS}.UpstreamTlsContext`,
      common_tls_context,
      sni: 'service.test',
      max_session_keys: 3,
    },
  })
  const raw = { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' }
  return {
    transport_socket: upstream({
      validation_context: validation(),
      tls_params: { tls_maximum_protocol_version: 'TLSv1_2' },
    }),
    transport_socket_matches: [
      {
        name: 'tlsMode-istio',
        match: { tlsMode: 'istio' },
        transport_socket: upstream({ validation_context_sds_secret_config: sds('peers', { ads: {} }) }),
      },
      { name: 'tlsMode-disabled', transport_socket: { name: 'raw', typed_config: raw } },
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
          rules: [{ tlv_type: 208, on_tlv_present: { metadata_namespace: 'meltemi.client', key: 'principal' } }],
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
    route_config: {
      name: 'table',
      routes: [{ name: 'route', match: { metadata: matchers() }, ...route() }, directRoute(), namedRoute()],
    },
    max_message_bytes: 100,
    max_in_flight_per_connection: 2,
    request_timeout: '5s',
    max_downstream_buffer: 100,
    generate_request_id: true,
    partial_message_timeout: '5s',
    meta_protocol_filters: [
      { name: 'fault', config: fault() },
      { name: 'metadata', config: metadataOperations() },
      localRateLimit(),
      { name: 'limit', config: { '@type': `type.googleapis.com/${RATE_LIMIT}`, ...rateLimit() } },
      { name: 'authz', config: { '@type': `type.googleapis.com/${EXT_AUTHZ}`, ...extAuthz() } },
    ],
    ignore_client_timeout: true,
    tracing: tracing(tracer(otlpOverGrpc())),
    access_log: [
      accessLog('file.v3.FileAccessLog', { path: '/log', log_format: textFormat() }, everyLogFilter()),
      accessLog('stream.v3.StdoutAccessLog', { log_format: jsonFormat() }),
      accessLog('file.v3.FileAccessLog', { path: '/log', format: '%DURATION%' }),
      accessLog('stream.v3.StderrAccessLog', { log_format: { text_format: '%DURATION%' } }),
    ],
  }
}

function rateLimit(): Json {
  return {
    match: { metadata: matchers() },
    domain: 'domain',
    timeout: '1s',
    failure_mode_deny: true,
    rate_limit_service: { grpc_service: { envoy_grpc: { cluster_name: 'one' } } },
    descriptors: [{ property: 'a', descriptor_key: 'b' }],
    combined_descriptors: [
      {
        actions: [
          { request_headers: { header_name: 'a', descriptor_key: 'b', skip_if_absent: true } },
          { remote_address: {} },
          { generic_key: { descriptor_value: 'a', descriptor_key: 'b' } },
          {
            header_value_match: {
              descriptor_value: 'a',
              descriptor_key: 'b',
              expect_match: false,
              headers: matchers(),
            },
          },
        ],
        limit: { requests_per_unit: 5, unit: 'HOUR' },
        hits_addend: 2,
      },
    ],
    hits_addend: 3,
    stat_prefix: 'limits',
  }
}

function extAuthz(): Json {
  return {
    stat_prefix: 'authz',
    grpc_service: {
      envoy_grpc: { cluster_name: 'one', authority: 'authz' },
      timeout: '4s',
      initial_metadata: [{ key: 'a', value: 'b' }],
    },
    failure_mode_allow: true,
    include_tls_session: true,
    match: { metadata: matchers() },
    context_extensions: { a: 'b' },
  }
}

function localRateLimit(): Json {
  const token_bucket = { max_tokens: 5, tokens_per_fill: 2, fill_interval: '1.5s' }
  const token_bucket_scope = { per_downstream_connection: true, metadata_keys: ['a', 'b'], max_buckets: 7 }
  const condition = { match: { metadata: matchers() }, token_bucket, token_bucket_scope }
  return {
    name: 'limit',
    config: {
      '@type': `type.googleapis.com/${LOCAL_RATE_LIMIT}`,
      stat_prefix: 'limit',
      token_bucket,
      token_bucket_scope,
      conditions: [condition],
      shadow_mode: true,
    },
  }
}

function authorization(): Json {
  // anew each time, for a trial changes what it is given
  const any = () => [{ any: true }]
  const rules = () => ({ action: 'DENY', policies: { b: { permissions: any(), principals: any() } } })
  const own = [
    { rules: rbac(), shadow_rules: rules(), stat_prefix: 'p', enforcement_type: 'CONTINUOUS' },
    { rules: rules(), shadow_rules: rules(), rules_stat_prefix: 'r', track_per_rule_stats: true },
  ]
  const filters = own.map((more, at) => {
    const config = { '@type': `type.googleapis.com/${RBAC[at]}`, shadow_rules_stat_prefix: 's', ...more }
    return { name: `rbac${at}`, config }
  })
  return { meta_protocol_filters: filters }
}

function rbac(): Json {
  const range = (address_prefix = '10.0.0.0') => ({ address_prefix, prefix_len: 8 })
  const string_match = { exact: 'a' }
  const filter = 'aeraki.meta_protocol.request'
  const metadata = { filter, path: [{ key: 'k' }], value: { string_match }, invert: true }
  const header = { name: 'method', string_match }
  const permissions = [
    { and_rules: { rules: [{ any: true }, { destination_port: 80 }] } },
    { or_rules: { rules: [{ header }, { metadata }] } },
    { not_rule: { destination_ip: range() } },
    { destination_port_range: { start: 1, end: 9 } },
    { requested_server_name: { suffix: 'a' } },
    { metadata: { filter, path: [{ key: 'k' }], value: { present_match: true } } },
  ]
  const principals = [
    { and_ids: { ids: [{ any: true }, { authenticated: { principal_name: { prefix: 'a' } } }] } },
    { or_ids: { ids: [{ source_ip: range('11.0.0.0') }, { direct_remote_ip: range() }] } },
    { not_id: { remote_ip: range('12.0.0.0') } },
    { header },
    { metadata },
  ]
  return { action: 'LOG', policies: { a: { permissions, principals } } }
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
  const { '@type': type, stat_prefix, protocol } = metaProtocolProxy()
  const rds = { route_config_name: 'routes', config_source: { ads: {} } }
  const typed_config = { '@type': type, stat_prefix, protocol, rds, tracing: tracing(tracer(otlpOverHttp())) }
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
  const metadataExchange = {
    '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
    type_url: 'type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange',
    value: { protocol: 'istio-peer-exchange' },
  }
  const filters = [{ name: 'istio.metadata_exchange', typed_config: metadataExchange }]
  return { ...rest, type: 'EDS', eds_cluster_config, typed_extension_protocol_options: { http: http2 }, filters }
}

/** STATIC, the default: the one type that may have sockets of the machine. */
function socketCluster(): Json {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: '/socket' } } } }] }]
  return { name: 'socket', load_assignment: { cluster_name: 'socket', endpoints } }
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
      ...retries(),
      typed_per_filter_config: {
        fault: fault(),
        metadata: { '@type': WRAPPER, config: metadataOperations() },
      },
    },
    per_request_buffer_limit_bytes: 1000,
    request_mutation: [{ key: 'a', value: 'b' }],
    response_mutation: [{ key: 'a', value: 'b' }],
    request_remove: ['c'],
    response_remove: ['c'],
  }
}

function retries(): Json {
  const predicate = 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'
  return {
    retry_policy: {
      retry_on: 'reset,retriable-headers',
      num_retries: 4,
      per_try_timeout: '2s',
      retry_host_predicate: [{ name: 'tried', typed_config: { '@type': predicate } }],
      host_selection_retry_max_attempts: 3,
      retry_back_off: { base_interval: '3s', max_interval: '20s' },
      retriable_headers: [{ name: 'a', string_match: { exact: 'a' } }],
      retriable_request_headers: [{ name: 'b', string_match: { exact: 'b' } }],
    },
    hedge_policy: {
      initial_requests: 2,
      additional_request_chance: { numerator: 5, denominator: 'TEN_THOUSAND' },
      hedge_on_per_try_timeout: true,
    },
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
function directRoute(): Json {
  const off = { fault: { '@type': WRAPPER, disabled: true } }
  return { name: 'direct', route: { direct_response: { ...DIRECT }, typed_per_filter_config: off } }
}

function namedRoute(): Json {
  return { name: 'named', route: { cluster_header: 'key' } }
}

function fault(): Json {
  return {
    '@type': FAULT,
    match: { metadata: [{ name: 'a', exact_match: 'b' }] },
    delay: { fixed_delay: '1s', percentage: { numerator: 1, denominator: 'MILLION' } },
    abort: { error_type: 'Denied', percentage: { numerator: 1, denominator: 'MILLION' } },
    max_active_faults: 5,
    stat_prefix: 'here',
  }
}

function metadataOperations(): Json {
  const values = [
    { metadata: 'a' },
    { connection: 'remote_address' },
    { environment: 'A' },
    { node: 'id' },
    { text: 'a' },
  ]
  return {
    '@type': METADATA,
    request: [
      ...values.map((set, at) => ({ key: `k${at}`, set, in_message: true })),
      { key: 'append', append: { text: 'a' } },
      { key: 'copied', copy: 'other' },
      { key: 'removed', remove: true },
    ],
    response: [{ key: 'a', set: { request_metadata: 'b' } }],
  }
}

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
    ...retries(),
  }
  const headers = [{ header: { key: 'a', value: 'b' } }]
  const changes = {
    request_headers_to_add: headers,
    request_headers_to_remove: ['c'],
    response_headers_to_add: headers,
    response_headers_to_remove: ['c'],
    per_request_buffer_limit_bytes: 1000,
  }
  const typed_per_filter_config = {
    fault: fault(),
    metadata: { '@type': WRAPPER, config: metadataOperations() },
    off: { '@type': WRAPPER, disabled: true },
  }
  const match = { prefix: '/' }
  const routes = [
    { name: 'route', match: { ...match, headers: matchers() }, route, ...changes, typed_per_filter_config },
    { name: 'named', match, route: { cluster_header: 'key' } },
    {
      name: 'direct',
      match,
      filter_action: { action: { '@type': 'type.googleapis.com/meltemi.v1.DirectResponse', ...DIRECT } },
    },
  ]
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

/** With everything that clusters may have. */
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
      thresholds: [
        {
          max_connections: 1,
          max_pending_requests: 2,
          max_requests: 3,
          max_retries: 4,
          retry_budget: { budget_percent: { value: 30 }, min_retry_concurrency: 5 },
          track_remaining: true,
        },
      ],
    },
    common_lb_config,
    outlier_detection: outlierDetection(),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [endpoint(9000)], locality: locality(), priority: 1, load_balancing_weight: 5 }],
    },
    ...settings,
  }
}

/** With no more than its kind needs: what all of them may have is tried on the others. */
function plainCluster(name: string, settings: Json): Json {
  const lb_endpoints = [{ endpoint: { address: address('127.0.0.1', 9000) } }]
  const load_assignment = { cluster_name: name, endpoints: [{ lb_endpoints, load_balancing_weight: 5 }] }
  return { name, type: 'STRICT_DNS', load_assignment, ...settings }
}

function address(host: string, port: number): Json {
  return { socket_address: { address: host, port_value: port } }
}
function endpoint(port: number): Json {
  return {
    endpoint: {
      address: address('127.0.0.1', port),
      hostname: 'host',
      health_check_config: { port_value: 1, disable_active_health_check: true },
    },
    health_status: 'UNHEALTHY',
    load_balancing_weight: 3,
    metadata: matchOf('e'),
  }
}

/** Each time is one of its own, so that none can stand for another. */
function outlierDetection(): Json {
  return {
    consecutive_5xx: 1,
    interval: '11s',
    base_ejection_time: '12s',
    max_ejection_time: '13s',
    max_ejection_time_jitter: '14s',
    max_ejection_percent: 20,
  }
}

function healthCheck(kind: Json): Json {
  return {
    timeout: '1s',
    interval: '2s',
    initial_jitter: '3s',
    interval_jitter: '4s',
    interval_jitter_percent: 5,
    unhealthy_threshold: 6,
    healthy_threshold: 7,
    no_traffic_interval: '8s',
    no_traffic_healthy_interval: '9s',
    unhealthy_interval: '10s',
    unhealthy_edge_interval: '11s',
    healthy_edge_interval: '12s',
    ...kind,
  }
}

function tcpCheck(): Json {
  return { send: { text: '01' }, receive: [{ text: '02' }] }
}

function codecCheck(): Json {
  const typed_config = {
    '@type': 'type.googleapis.com/meltemi.v1.CodecHealthCheck',
    codec: { name: 'test.codec', config: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: { a: 1 } } },
  }
  return { name: 'any', typed_config }
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
