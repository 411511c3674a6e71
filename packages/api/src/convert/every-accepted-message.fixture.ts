type Json = { [key: string]: unknown }

const address = (host: string, port: number): Json => ({ socket_address: { address: host, port_value: port } })
const endpoint = (port: number): Json => ({
  endpoint: { address: address('127.0.0.1', port), hostname: 'host' },
  health_status: 'UNHEALTHY',
  load_balancing_weight: 3,
})

/** A bootstrap in which each message that the loader accepts occurs, with proto names; a fresh copy each time. */
export function everyAcceptedMessage(): Json {
  return {
    node: { id: 'id', cluster: 'cluster', metadata: { NAME: 'name' } },
    admin: { address: address('127.0.0.1', 15000) },
    static_resources: {
      listeners: [metaProtocolListener(), tcpListener()],
      clusters: [
        cluster('one', {
          lb_policy: 'RING_HASH',
          ring_hash_lb_config: { minimum_ring_size: 100, maximum_ring_size: 1000 },
        }),
        cluster('two', { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 251 } }),
        cluster('three', { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: 3 } }, false),
        cluster('four', {}, false),
      ],
    },
    bootstrap_extensions: [
      { name: 'modules', typed_config: { '@type': 'type.googleapis.com/meltemi.v1.Modules', files: ['./codec.ts'] } },
    ],
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

function route(): Json {
  const clusters = [
    { name: 'one', weight: 1 },
    { name: 'two', weight: 2 },
  ]
  return {
    route: { weighted_clusters: { clusters }, hash_policy: ['key'], timeout: '5s' },
    request_mutation: [{ key: 'a', value: 'b' }],
    response_mutation: [{ key: 'a', value: 'b' }],
    request_remove: ['c'],
    response_remove: ['c'],
  }
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
