import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeCluster, encodeEndpoints, encodeListener, encodeRoutes, xdsToJson } from '../encode.ts'
import {
  type ClusterConfig,
  DEFAULT_OUTLIER_DETECTION,
  type HealthCheckConfig,
  type ListenerConfig,
  type MetaProtocolConfig,
  type OutlierDetectionConfig,
  type RouteConfig,
} from '../model/index.ts'

const HOST = 'org.apache.dubbo.samples.basic.api.demoservice'

const PLAIN_ROUTE: RouteConfig = {
  name: 'default',
  match: { metadata: [] },
  clusters: [{ cluster: `outbound|20880||${HOST}`, weight: 1 }],
  hashPolicy: [],
  mirrors: [],
  timeoutMs: undefined,
  requestMutation: [],
  responseMutation: [],
}

function routesJson(...routes: readonly RouteConfig[]): unknown {
  return xdsToJson('route', encodeRoutes({ name: `${HOST}_20880`, routes }))
}

describe('routes have the shape that Aeraki sends', () => {
  test('split by weight', () => {
    const split: RouteConfig = {
      ...PLAIN_ROUTE,
      name: 'traffic-spilt',
      clusters: [
        { cluster: `outbound|20880|v1|${HOST}`, weight: 20 },
        { cluster: `outbound|20880|v2|${HOST}`, weight: 80 },
      ],
    }
    const clusters = split.clusters.map(({ cluster, weight }) => ({ name: cluster, weight }))
    const route = {
      name: 'traffic-spilt',
      match: { prefix: '/' },
      route: { weighted_clusters: { clusters, total_weight: 100 } },
    }
    assert.deepEqual(routesJson(split), {
      name: `${HOST}_20880`,
      virtual_hosts: [{ name: 'dummy', domains: ['*'], routes: [route] }],
    })
  })

  test('with attributes, changes, a mirror and a hash', () => {
    const full: RouteConfig = {
      name: 'x',
      match: {
        metadata: [
          { name: 'method', test: { kind: 'regex', pattern: '^s.*o$' }, invert: false, treatMissingAsEmpty: false },
        ],
      },
      clusters: [{ cluster: 'outbound|20880|v1|host', weight: 1 }],
      hashPolicy: ['method'],
      mirrors: [{ cluster: 'outbound|20880|v2|host', numerator: 500_000, denominator: 1_000_000 }],
      timeoutMs: undefined,
      requestMutation: [{ key: 'foo', value: 'bar' }],
      responseMutation: [{ key: 'a', value: 'b' }],
    }
    const route = {
      name: 'x',
      match: {
        prefix: '/',
        headers: [{ name: 'method', safe_regex_match: { google_re2: {}, regex: '^s.*o$' } }],
      },
      route: {
        cluster: 'outbound|20880|v1|host',
        hash_policy: [{ header: { header_name: 'method' } }],
        request_mirror_policies: [
          {
            cluster: 'outbound|20880|v2|host',
            runtime_fraction: { default_value: { numerator: 500_000, denominator: 'MILLION' } },
          },
        ],
      },
      request_headers_to_add: [{ header: { key: 'foo', value: 'bar' } }],
      response_headers_to_add: [{ header: { key: 'a', value: 'b' } }],
    }
    assert.deepEqual(routesJson(full), {
      name: `${HOST}_20880`,
      virtual_hosts: [{ name: 'dummy', domains: ['*'], routes: [route] }],
    })
  })

  test('one route to all of a service', () => {
    const route = { name: 'default', match: { prefix: '/' }, route: { cluster: `outbound|20880||${HOST}` } }
    assert.deepEqual(routesJson(PLAIN_ROUTE), {
      name: `${HOST}_20880`,
      virtual_hosts: [{ name: 'dummy', domains: ['*'], routes: [route] }],
    })
  })

  test('matches in the forms that it knows', () => {
    const match = (test: RouteConfig['match']['metadata'][number]['test']) =>
      routesJson({
        ...PLAIN_ROUTE,
        match: { metadata: [{ name: 'method', test, invert: false, treatMissingAsEmpty: false }] },
      })
    const shown = [
      [match({ kind: 'exact', text: 'a', ignoreCase: false }), { exact_match: 'a' }],
      [match({ kind: 'prefix', text: 'a', ignoreCase: false }), { prefix_match: 'a' }],
      [match({ kind: 'present', present: true }), { present_match: true }],
    ] as const
    for (const [json, expected] of shown) {
      const headers = [{ name: 'method', ...expected }]
      assert.deepEqual(json, {
        name: `${HOST}_20880`,
        virtual_hosts: [
          {
            name: 'dummy',
            domains: ['*'],
            routes: [
              { name: 'default', match: { prefix: '/', headers }, route: { cluster: `outbound|20880||${HOST}` } },
            ],
          },
        ],
      })
    }
  })
})

const PROXY: MetaProtocolConfig = {
  kind: 'meta-protocol',
  statPrefix: `outbound|20880||${HOST}`,
  applicationProtocol: 'dubbo',
  codec: { name: 'aeraki.meta_protocol.codec.dubbo', options: undefined, moduleDigest: undefined },
  multiplexing: false,
  filters: [],
  routes: { name: '', routes: [] },
  rds: {
    routeConfigName: `${HOST}_20880`,
    source: { kind: 'grpc', api: { cluster: 'aeraki-xds', delta: false }, initialFetchTimeoutMs: 15_000 },
  },
  idleTimeoutMs: 0,
  maxMessageBytes: 16 * 1024 * 1024,
  maxInFlightPerConnection: 1_024,
  requestTimeoutMs: 15_000,
  maxDownstreamBufferBytes: 16 * 1024 * 1024,
  partialMessageTimeoutMs: 15_000,
  generateRequestId: false,
}

const LISTENER: ListenerConfig = {
  name: '240.240.0.1_20880',
  address: { host: '240.240.0.1', port: 20_880 },
  direction: 'outbound',
  proxyProtocol: false,
  bufferLimitBytes: 1024 * 1024,
  maxConnections: 0,
  filter: PROXY,
}

function filterJson(filter: ListenerConfig['filter']): unknown {
  const json = xdsToJson('listener', encodeListener({ ...LISTENER, filter })) as unknown as {
    filter_chains: readonly { filters: readonly unknown[] }[]
  }
  return json.filter_chains[0]?.filters[0]
}

describe('a listener', () => {
  test('has the MetaProtocolProxy that Aeraki writes, but for the Istio filters', () => {
    assert.deepEqual(filterJson(PROXY), {
      name: 'envoy.filters.network.meta_protocol_proxy',
      typed_config: {
        '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
        stat_prefix: `outbound|20880||${HOST}`,
        application_protocol: 'dubbo',
        codec: { name: 'aeraki.meta_protocol.codec.dubbo' },
        rds: {
          route_config_name: `${HOST}_20880`,
          config_source: {
            resource_api_version: 'V3',
            api_config_source: {
              api_type: 'GRPC',
              transport_api_version: 'V3',
              grpc_services: [{ envoy_grpc: { cluster_name: 'aeraki-xds' } }],
            },
          },
        },
        meta_protocol_filters: [{ name: 'aeraki.meta_protocol.filters.router' }],
      },
    })
  })

  test('says multiplexing in the newer fields, which alone can', () => {
    const json = filterJson({ ...PROXY, multiplexing: true }) as { typed_config: Record<string, unknown> }
    assert.deepEqual(json.typed_config['protocol'], {
      name: 'dubbo',
      codec: { name: 'aeraki.meta_protocol.codec.dubbo' },
      multiplexing: true,
    })
    assert.equal(json.typed_config['codec'], undefined)
    assert.equal(json.typed_config['application_protocol'], undefined)
  })

  test('has filters of types that only others know as a TypedStruct', () => {
    const filters = [{ name: 'mine', typeUrl: 'type.googleapis.com/my.Filter', config: { level: 3 } }]
    const json = filterJson({ ...PROXY, filters }) as { typed_config: Record<string, unknown> }
    assert.deepEqual(json.typed_config['meta_protocol_filters'], [
      {
        name: 'mine',
        config: {
          '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
          type_url: 'type.googleapis.com/my.Filter',
          value: { level: 3 },
        },
      },
      { name: 'aeraki.meta_protocol.filters.router' },
    ])
  })

  test('with a limit of connections cannot be said', () => {
    assert.throws(
      () => encodeListener({ ...LISTENER, maxConnections: 5 }),
      /240\.240\.0\.1_20880.*limit of connections/,
    )
  })
})

const CLUSTER: ClusterConfig = {
  name: 'outbound|80|v1|host',
  statName: 'outbound|80|v1|host',
  discovery: 'eds',
  eds: { serviceName: 'outbound|80|v1|host', source: { kind: 'ads', initialFetchTimeoutMs: 15_000 } },
  dnsRefreshMs: 5_000,
  dnsLookupFamily: 'auto',
  endpoints: [],
  connectTimeoutMs: 5_000,
  loadBalancer: { kind: 'round-robin' },
  circuitBreaker: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 },
  panicThresholdPercent: 50,
  bufferLimitBytes: 1024 * 1024,
  outlierDetection: undefined,
  http2: false,
}

describe('a cluster', () => {
  test('leaves out what has its default', () => {
    assert.deepEqual(xdsToJson('cluster', encodeCluster(CLUSTER)), {
      name: 'outbound|80|v1|host',
      type: 'EDS',
      eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } },
    })
  })

  test('says of outlier detection what is not Envoy’s default', () => {
    const json = (outlierDetection: OutlierDetectionConfig) =>
      (xdsToJson('cluster', encodeCluster({ ...CLUSTER, outlierDetection })) as Record<string, unknown>)[
        'outlier_detection'
      ]
    assert.deepEqual(json(DEFAULT_OUTLIER_DETECTION), {})
    const enforcing = { ...DEFAULT_OUTLIER_DETECTION.enforcing, consecutiveGatewayFailure: 100 }
    assert.deepEqual(json({ ...DEFAULT_OUTLIER_DETECTION, consecutive5xx: 0, intervalMs: 1_500, enforcing }), {
      consecutive_5xx: 0,
      enforcing_consecutive_gateway_failure: 100,
      interval: '1.500s',
    })
  })

  test('names the codec that checks the health of its hosts', () => {
    const codec = { name: 'aeraki.meta_protocol.codec.dubbo', options: undefined, moduleDigest: undefined }
    const { health_checks } = xdsToJson(
      'cluster',
      encodeCluster({ ...CLUSTER, healthCheck: { ...HEALTH_CHECK, check: { kind: 'codec', codec } } }),
    ) as Record<string, unknown>
    assert.deepEqual(health_checks, [
      {
        timeout: '1s',
        interval: '5s',
        unhealthy_threshold: 2,
        healthy_threshold: 3,
        custom_health_check: {
          name: 'meltemi.codec',
          typed_config: {
            '@type': 'type.googleapis.com/meltemi.v1.CodecHealthCheck',
            codec: { name: 'aeraki.meta_protocol.codec.dubbo' },
          },
        },
      },
    ])
  })
})

const HEALTH_CHECK: HealthCheckConfig = {
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
  unhealthyIntervalMs: 5_000,
  unhealthyEdgeIntervalMs: 5_000,
  healthyEdgeIntervalMs: 5_000,
  alwaysLogFailures: false,
  alwaysLogSuccess: false,
  check: { kind: 'tcp', send: '', receive: [] },
}

test('bytes that are no such message cannot be shown', () => {
  assert.throws(() => xdsToJson('cluster', Buffer.from([0xff, 0xff, 0xff])))
})

describe('endpoints', () => {
  const at = (host: string) => ({ address: { host, port: 1 }, hostname: '', weight: 1, healthy: true })
  const shown = (...endpoints: Parameters<typeof encodeEndpoints>[0]['endpoints']) => {
    const json = xdsToJson('endpoint', encodeEndpoints({ cluster: 'c', endpoints })) as unknown as {
      endpoints: readonly Record<string, unknown>[]
    }
    return json.endpoints.map(({ lb_endpoints, ...place }) => ({ count: (lb_endpoints as unknown[]).length, ...place }))
  }

  test('stand in their localities, with the weights without which gRPC does not use them', () => {
    const here = { region: 'r', zone: 'here', subZone: '' }
    const there = { region: 'r', zone: 'there', subZone: '' }
    assert.deepEqual(
      shown(
        { ...at('10.0.0.1'), locality: here, localityWeight: 2 },
        { ...at('10.0.0.2'), locality: there, localityWeight: 1, priority: 1 },
        { ...at('10.0.0.3'), locality: here, localityWeight: 2 },
      ),
      [
        { count: 2, locality: { region: 'r', zone: 'here' }, load_balancing_weight: 2 },
        { count: 1, locality: { region: 'r', zone: 'there' }, load_balancing_weight: 1, priority: 1 },
      ],
    )
  })

  test('of which nobody knows where they are have an empty locality where weights are said, and none elsewhere', () => {
    assert.deepEqual(shown({ ...at('10.0.0.1'), localityWeight: 1 }), [
      { count: 1, locality: {}, load_balancing_weight: 1 },
    ])
    assert.deepEqual(shown(at('10.0.0.1')), [{ count: 1 }])
  })
})

test('a policy that the older fields cannot say is written as an extension', () => {
  const loadBalancer = { kind: 'peak-ewma', decayMs: 3_000, defaultReplyMs: 10, penalty: 1_000_000 } as const
  const json = xdsToJson('cluster', encodeCluster({ ...CLUSTER, loadBalancer, localityLb: { kind: 'weighted' } }))
  const type = (name: string) => `type.googleapis.com/envoy.extensions.load_balancing_policies.${name}`
  const policies = (name: string, typed_config: object) => ({
    policies: [{ typed_extension_config: { name: `envoy.load_balancing_policies.${name}`, typed_config } }],
  })
  assert.deepEqual((json as Record<string, unknown>)['load_balancing_policy'], {
    ...policies('wrr_locality', {
      '@type': type('wrr_locality.v3.WrrLocality'),
      endpoint_picking_policy: policies('peak_ewma', { '@type': type('peak_ewma.v3alpha.PeakEwma'), decay_time: '3s' }),
    }),
  })
  assert.equal((json as Record<string, unknown>)['common_lb_config'], undefined)
})
