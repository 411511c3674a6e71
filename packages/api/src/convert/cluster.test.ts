import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClusterConfig, LoadBalancerConfig } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

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
    ['transport_socket: {name: tls}', 'transport_socket', 'transport_socket is not supported yet'],
    ['health_checks: [{}]', 'health_checks', 'health_checks is not supported yet'],
    ['outlier_detection: {}', 'outlier_detection', 'outlier_detection is not supported yet'],
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
    [
      'load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: /a}}}}]}]}',
      'load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.pipe',
      'pipe is not supported yet',
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

function parse(settings: string) {
  return parseBootstrap(`static_resources: {clusters: [{name: c, ${settings}}]}`, 'file.yaml')
}

function accept(settings: string): ClusterConfig {
  const { config, problems } = parse(settings)
  assert.deepEqual(problems, [])
  return config?.clusters[0] ?? assert.fail('no cluster')
}
