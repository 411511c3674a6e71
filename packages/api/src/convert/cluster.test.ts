import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ClusterConfig, DEFAULT_OUTLIER_DETECTION, type LoadBalancerConfig } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

const CHECK = 'timeout: 1s, interval: 5s, unhealthy_threshold: 2, healthy_threshold: 3'

describe('a load balancer', () => {
  const cases: readonly (readonly [string, LoadBalancerConfig])[] = [
    ['lb_policy: ROUND_ROBIN', { kind: 'round-robin' }],
    ['lb_policy: RANDOM', { kind: 'random' }],
    ['lb_policy: LEAST_REQUEST', { kind: 'least-request', choiceCount: 2 }],
    ['lb_policy: 1, least_request_lb_config: {choice_count: 5}', { kind: 'least-request', choiceCount: 5 }],
    [
      'lb_policy: RING_HASH',
      { kind: 'ring-hash', minimumRingSize: 1024, maximumRingSize: 8_388_608, useHostname: false },
    ],
    [
      'lb_policy: RING_HASH, ring_hash_lb_config: {minimum_ring_size: "3", maximum_ring_size: 9, hash_function: XX_HASH}',
      { kind: 'ring-hash', minimumRingSize: 3, maximumRingSize: 9, useHostname: false },
    ],
    [
      'lb_policy: MAGLEV, common_lb_config: {consistent_hashing_lb_config: {use_hostname_for_hashing: true}}',
      { kind: 'maglev', tableSize: 65_537, useHostname: true },
    ],
    ['lb_policy: MAGLEV, maglev_lb_config: {table_size: 503}', { kind: 'maglev', tableSize: 503, useHostname: false }],
  ]
  for (const [text, expected] of cases)
    test(`reads ${text}`, () => assert.deepEqual(accept(text).loadBalancer, expected))
})

describe('a cluster', () => {
  test('reads its limits, thresholds and times', () => {
    const cluster = accept(`alt_stat_name: stat, connect_timeout: 0.0001s, dns_refresh_rate: 30s, type: STRICT_DNS,
      per_connection_buffer_limit_bytes: 7, common_lb_config: {healthy_panic_threshold: {value: 12.5}},
      circuit_breakers: {thresholds: {priority: DEFAULT, max_connections: 0, max_pending_requests: 1, max_requests: 2, max_retries: 3}}`)
    assert.deepEqual(cluster, {
      name: 'c',
      statName: 'stat',
      discovery: 'strict-dns',
      dnsRefreshMs: 30_000,
      dnsLookupFamily: 'auto',
      endpoints: [],
      connectTimeoutMs: 1,
      loadBalancer: { kind: 'round-robin' },
      circuitBreaker: { maxConnections: 0, maxPendingRequests: 1, maxRequests: 2, maxRetries: 3 },
      panicThresholdPercent: 12.5,
      bufferLimitBytes: 7,
      eds: undefined,
      outlierDetection: undefined,
      http2: false,
    })
  })

  test('looks names up in the family that is asked for', () => {
    const families = ['AUTO', 'V4_ONLY', 'V6_ONLY', 'V4_PREFERRED', 'ALL'].map(
      (family) => accept(`type: STRICT_DNS, dns_lookup_family: ${family}`).dnsLookupFamily,
    )
    assert.deepEqual(families, ['auto', 'v4-only', 'v6-only', 'v4-preferred', 'all'])
  })

  test('has a panic threshold of 0 when an empty percentage is given, and 50 without', () => {
    assert.equal(accept('common_lb_config: {healthy_panic_threshold: {}}').panicThresholdPercent, 0)
    assert.equal(accept('common_lb_config: {}').panicThresholdPercent, 50)
  })

  test('joins the endpoints of its localities and knows their health, weight and name', () => {
    const endpoint = (host: string, rest: string) =>
      `{endpoint: {address: {socket_address: {address: "${host}", port_value: 1}}, hostname: h}, ${rest}}`
    const groups = ['UNKNOWN', 'HEALTHY', 'UNHEALTHY', 'DRAINING', 'TIMEOUT'].map(
      (status) => `{lb_endpoints: [${endpoint('::1', `health_status: ${status}, load_balancing_weight: 2`)}]}`,
    )
    const { endpoints } = accept(`load_assignment: {cluster_name: c, endpoints: [${groups}]}`)
    assert.deepEqual(
      endpoints.map((each) => each.healthy),
      [true, true, false, false, false],
    )
    assert.deepEqual(endpoints[0], { address: { host: '::1', port: 1 }, hostname: 'h', weight: 2, healthy: true })
  })
})

describe('a wrong or unsupported cluster is refused', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['type: LOGICAL_DNS', 'load_assignment', 'load_assignment is required'],
    ['type: 4', 'type', 'ORIGINAL_DST is not supported yet'],
    ['dns_refresh_rate: 1s', 'dns_refresh_rate', 'dns_refresh_rate needs type STRICT_DNS or LOGICAL_DNS'],
    ['dns_lookup_family: V4_ONLY', 'dns_lookup_family', 'dns_lookup_family needs type STRICT_DNS or LOGICAL_DNS'],
    ['type: STRICT_DNS, dns_refresh_rate: 0.0005s', 'dns_refresh_rate', 'must be more than 0.001s, got 0.0005s'],
    ['cluster_type: {name: x}', 'cluster_type', 'cluster_type is not supported yet'],
    ['lb_policy: CLUSTER_PROVIDED', 'lb_policy', 'CLUSTER_PROVIDED is not supported yet'],
    [
      'ring_hash_lb_config: {minimum_ring_size: 5}',
      'ring_hash_lb_config',
      'ring_hash_lb_config needs lb_policy RING_HASH, not ROUND_ROBIN',
    ],
    [
      'lb_policy: RING_HASH, ring_hash_lb_config: {maximum_ring_size: 5}',
      'ring_hash_lb_config.maximum_ring_size',
      'must be at least minimum_ring_size 1024, got 5',
    ],
    [
      'lb_policy: RING_HASH, ring_hash_lb_config: {hash_function: MURMUR_HASH_2}',
      'ring_hash_lb_config.hash_function',
      'MURMUR_HASH_2 is not supported yet',
    ],
    [
      'lb_policy: MAGLEV, maglev_lb_config: {table_size: 100}',
      'maglev_lb_config.table_size',
      'must be a prime number, got 100',
    ],
    [
      'type: STRICT_DNS, lb_policy: RING_HASH, ring_hash_lb_config: {minimum_ring_size: 1048577}',
      'ring_hash_lb_config.minimum_ring_size',
      'more than 1048576 is not supported where addresses change (STRICT_DNS, EDS)',
    ],
    [
      'type: STRICT_DNS, lb_policy: MAGLEV, maglev_lb_config: {table_size: 1048583}',
      'maglev_lb_config.table_size',
      'more than 1048576 is not supported where addresses change (STRICT_DNS, EDS)',
    ],
    [
      'lb_policy: LEAST_REQUEST, least_request_lb_config: {choice_count: 1}',
      'least_request_lb_config.choice_count',
      'must be at least 2, got 1',
    ],
    [
      'common_lb_config: {healthy_panic_threshold: {value: 101}}',
      'common_lb_config.healthy_panic_threshold.value',
      'must be at most 100, got 101',
    ],
    [
      'circuit_breakers: {thresholds: [{priority: HIGH}]}',
      'circuit_breakers.thresholds[0].priority',
      'HIGH is not supported yet',
    ],
    [
      'circuit_breakers: {thresholds: [{}, {}]}',
      'circuit_breakers.thresholds[1]',
      'there is already an entry for this priority',
    ],
    ['transport_socket: {name: tls}', 'transport_socket.typed_config', 'typed_config is required'],
    ['outlier_detection: {monitors: [{}]}', 'outlier_detection.monitors', 'monitors is not supported yet'],
    [
      'outlier_detection: {base_ejection_time: 2s, max_ejection_time: 1s}',
      'outlier_detection.max_ejection_time',
      'must not be less than base_ejection_time',
    ],
    [
      'close_connections_on_host_health_failure: true',
      'close_connections_on_host_health_failure',
      'close_connections_on_host_health_failure is not supported yet',
    ],
    [
      `health_checks: [{${CHECK}, tcp_health_check: {}}, {${CHECK}, tcp_health_check: {}}]`,
      'health_checks[1]',
      'a cluster has one health check',
    ],
    [
      `health_checks: [{${CHECK}, http_health_check: {path: /}}]`,
      'health_checks[0].http_health_check',
      'http_health_check is not supported: tcp_health_check and custom_health_check are',
    ],
    [
      `health_checks: [{${CHECK}, tcp_health_check: {send: {text: "0"}}}]`,
      'health_checks[0].tcp_health_check.send.text',
      'expected bytes in hex, two digits each',
    ],
    [
      `health_checks: [{${CHECK}, tls_options: {}, tcp_health_check: {}}]`,
      'health_checks[0].tls_options',
      'tls_options is not supported yet',
    ],
    [
      `health_checks: [{${CHECK}, custom_health_check: {name: a}}]`,
      'health_checks[0].custom_health_check.typed_config',
      'typed_config is required',
    ],
    ['dns_refresh_rate: 0.001s', 'dns_refresh_rate', 'must be more than 0.001s, got 0.001s'],
    [
      'load_assignment: {cluster_name: c, endpoints: [{priority: 129}]}',
      'load_assignment.endpoints[0].priority',
      'must be at most 128, got 129',
    ],
    [
      'load_assignment: {cluster_name: c, policy: {overprovisioning_factor: 100}}',
      'load_assignment.policy.overprovisioning_factor',
      'anything but 140 is not supported yet',
    ],
    [
      'load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: a.b, port_value: 1}}}}]}]}',
      'load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address',
      'expected an IP address, got "a.b"; host names need a cluster of type STRICT_DNS or LOGICAL_DNS',
    ],
  ]
  for (const [text, path, message] of cases) {
    test(text, () => {
      const { config, problems } = parse(text)
      assert.equal(config, undefined)
      assert.deepEqual(
        problems.map((problem) => [problem.path, problem.message]),
        [[`static_resources.clusters[0].${path}`, message]],
      )
    })
  }
})

describe('outlier detection', () => {
  test('has Envoy’s defaults, and grows with the base time', () => {
    assert.deepEqual(accept('outlier_detection: {}').outlierDetection, DEFAULT_OUTLIER_DETECTION)
    const long = accept('outlier_detection: {base_ejection_time: 600s}').outlierDetection
    assert.equal(long?.maxEjectionTimeMs, 600_000)
  })

  test('is read whole', () => {
    const { outlierDetection } = accept(`outlier_detection: {
      consecutive_5xx: 1, consecutive_gateway_failure: 2, consecutive_local_origin_failure: 3,
      split_external_local_origin_errors: true, interval: 4s, base_ejection_time: 5s, max_ejection_time: 6s,
      max_ejection_time_jitter: 7s, max_ejection_percent: 8, always_eject_one_host: true,
      successful_active_health_check_uneject_host: false,
      success_rate_minimum_hosts: 9, success_rate_request_volume: 10, success_rate_stdev_factor: 11,
      failure_percentage_threshold: 12, failure_percentage_minimum_hosts: 13, failure_percentage_request_volume: 14,
      enforcing_consecutive_5xx: 15, enforcing_consecutive_gateway_failure: 16,
      enforcing_consecutive_local_origin_failure: 17, enforcing_success_rate: 18,
      enforcing_local_origin_success_rate: 19, enforcing_failure_percentage: 20,
      enforcing_failure_percentage_local_origin: 21}`)
    assert.deepEqual(outlierDetection, {
      consecutive5xx: 1,
      consecutiveGatewayFailure: 2,
      consecutiveLocalOriginFailure: 3,
      splitExternalLocalOriginErrors: true,
      intervalMs: 4_000,
      baseEjectionTimeMs: 5_000,
      maxEjectionTimeMs: 6_000,
      maxEjectionTimeJitterMs: 7_000,
      maxEjectionPercent: 8,
      alwaysEjectOneHost: true,
      successfulActiveHealthCheckUnejectHost: false,
      successRate: { minimumHosts: 9, requestVolume: 10, stdevFactor: 11 },
      failurePercentage: { threshold: 12, minimumHosts: 13, requestVolume: 14 },
      enforcing: {
        consecutive5xx: 15,
        consecutiveGatewayFailure: 16,
        consecutiveLocalOriginFailure: 17,
        successRate: 18,
        localOriginSuccessRate: 19,
        failurePercentage: 20,
        localOriginFailurePercentage: 21,
      },
    })
  })
})

describe('a health check', () => {
  test('has Envoy’s defaults, and its intervals follow each other', () => {
    const { healthCheck } = accept(`health_checks: [{${CHECK}, unhealthy_interval: 7s, tcp_health_check: {}}]`)
    assert.deepEqual(healthCheck, {
      timeoutMs: 1_000,
      intervalMs: 5_000,
      unhealthyThreshold: 2,
      healthyThreshold: 3,
      initialJitterMs: 0,
      intervalJitterMs: 0,
      intervalJitterPercent: 0,
      reuseConnection: true,
      noTrafficIntervalMs: 60_000,
      noTrafficHealthyIntervalMs: 60_000,
      unhealthyIntervalMs: 7_000,
      unhealthyEdgeIntervalMs: 7_000,
      healthyEdgeIntervalMs: 5_000,
      alwaysLogFailures: false,
      alwaysLogSuccess: false,
      check: { kind: 'tcp', send: '', receive: [] },
    })
  })

  test('sends and expects bytes, in hex or in base64', () => {
    const tcp = 'send: {text: "0AfF"}, receive: [{text: "01"}, {binary: "/w=="}]'
    const { healthCheck } = accept(`health_checks: [{${CHECK}, tcp_health_check: {${tcp}}}]`)
    assert.deepEqual(healthCheck?.check, { kind: 'tcp', send: '0aff', receive: ['01', 'ff'] })
  })

  test('may be of a codec, which must have one', () => {
    const type = 'type.googleapis.com/meltemi.v1.CodecHealthCheck'
    const check = (codec: string) =>
      `health_checks: [{${CHECK}, custom_health_check: {name: any, typed_config: {"@type": ${type}, codec: {name: ${codec}}}}}]`
    const codecs = new Map([
      ['able', { create: () => ({ healthCheck: () => {} }) }],
      ['unable', { create: () => ({}) }],
    ])
    const parseWith = (codec: string) =>
      parseBootstrap(`static_resources: {clusters: [{name: c, ${check(codec)}}]}`, 'file.yaml', { codecs })
    assert.deepEqual(parseWith('able').config?.clusters[0]?.healthCheck?.check, {
      kind: 'codec',
      codec: { name: 'able', options: undefined, moduleDigest: undefined },
    })
    for (const [codec, fault] of [
      ['unable', 'this codec, with these options, has no health check'],
      ['nobody', 'there is no codec "nobody", known are: able, unable'],
    ] as const) {
      assert.deepEqual(
        parseWith(codec).problems.map(({ message }) => message),
        [fault],
      )
    }
  })
})

function parse(settings: string) {
  return parseBootstrap(`static_resources: {clusters: [{name: c, ${settings}}]}`, 'file.yaml')
}

function accept(settings: string): ClusterConfig {
  const { config, problems } = parse(settings)
  assert.deepEqual(problems, [])
  return config?.clusters[0] ?? assert.fail('no cluster')
}
