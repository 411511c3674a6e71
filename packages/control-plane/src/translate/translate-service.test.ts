import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ClusterConfig, DEFAULT_OUTLIER_DETECTION, type MetaProtocolConfig, type RouteConfig } from '@meltemi/api'
import fc from 'fast-check'
import { WorldBuilder } from '../store/build-world.ts'
import { DRAWN_NUMBERS, drawResource } from '../testing/draw-resource.ts'
import { byKey, serviceOf, shown, WORLD_OPTIONS } from '../testing/resources.ts'
import { type ServiceConfig, translateService } from './translate-service.ts'

const resource = fc.array(fc.nat(), { minLength: DRAWN_NUMBERS, maxLength: DRAWN_NUMBERS }).map(drawResource)

const HOST = 'hello.default.svc.cluster.local'
const OPTIONS = { listenHost: '127.0.0.1' }

function entry(extra = '', ports = '[{ number: 9090, name: tcp-metaprotocol-thrift-hello }]'): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: hello }
spec:
  hosts: [${HOST}]
  ports: ${ports}
  resolution: STATIC
  endpoints:
    - { address: 10.0.0.1, labels: { version: v1 } }
    - { address: 10.0.0.2, labels: { version: v2 }, weight: 5 }
  ${extra}
`
}

function rule(spec: string, host = HOST, name = 'rule'): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name} }
spec:
  host: ${host}
  ${spec}
`
}

function router(routes: string): string {
  return `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: router }
spec:
  hosts: [${HOST}]
  routes:
    ${routes}
`
}

function translate(...documents: readonly string[]): ServiceConfig {
  return translateService(serviceOf(documents.join('---'), HOST), OPTIONS)
}

function clusterNamed(config: ServiceConfig, name: string): ClusterConfig {
  const found = config.clusters.find((each) => each.name === name)
  assert.ok(found, `no cluster ${name} among ${config.clusters.map((each) => each.name)}`)
  return found
}

const SUBSETS = 'subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]'

describe('names are those of the reference', () => {
  test('of listeners, clusters, routes, endpoints and statistics', () => {
    const config = translate(entry(), rule(SUBSETS))
    assert.deepEqual(
      config.listeners.map(({ name, filter }) => [name, filter.statPrefix]),
      [['127.0.0.1_9090', `outbound|9090||${HOST}`]],
    )
    const names = ['', 'v1', 'v2'].map((subset) => `outbound|9090|${subset}|${HOST}`)
    assert.deepEqual(
      config.clusters.map(({ name }) => name),
      names,
    )
    assert.deepEqual(
      config.endpoints.map(({ cluster }) => cluster),
      names,
    )
    assert.deepEqual(
      config.routes.map(({ name }) => name),
      [`${HOST}_9090`],
    )
  })
})

describe('listeners', () => {
  test('speak the protocol, with routes over ADS', () => {
    const filter = translate(entry()).listeners[0]?.filter as MetaProtocolConfig
    assert.equal(filter.applicationProtocol, 'thrift')
    assert.equal(filter.codec.name, 'aeraki.meta_protocol.codec.thrift')
    assert.equal(filter.multiplexing, false)
    assert.deepEqual(filter.rds, {
      routeConfigName: `${HOST}_9090`,
      source: { kind: 'ads', initialFetchTimeoutMs: 15_000 },
    })
  })

  test('count requests by workload, and tell workloads who calls them, with the filters of the reference', () => {
    const prefix = 'type.googleapis.com/aeraki.meta_protocol_proxy.filters'
    const exchange = {
      name: 'aeraki.meta_protocol.filters.metadata_exchange',
      typeUrl: `${prefix}.metadata_exchange.v1alpha.MetadataExchange`,
      config: undefined,
    }
    const stats = {
      name: 'aeraki.meta_protocol.filters.istio_stats',
      typeUrl: `${prefix}.istio_stats.v1alpha.IstioStats`,
      config: { destinationService: HOST },
    }
    const quiet = entry().replace(
      '{ name: hello }',
      "{ name: hello, annotations: { meltemi.io/peer-metadata: 'false' } }",
    )
    for (const [text, expected] of [
      [entry(), [exchange, stats]],
      [quiet, [stats]],
    ] as const) {
      const filter = translate(text).listeners[0]?.filter as MetaProtocolConfig
      assert.deepEqual(filter.filters, expected)
    }
  })

  test('of ports without a protocol are plain TCP to all of the service', () => {
    const { listeners, routes } = translate(entry('', '[{ number: 80, name: tcp-http }]'))
    const filter = listeners[0]?.filter
    assert.ok(filter?.kind === 'tcp-proxy')
    assert.deepEqual(filter.clusters, [{ cluster: `outbound|80||${HOST}`, weight: 1 }])
    assert.deepEqual(routes, [])
  })

  test('are at each of the addresses of the service', () => {
    const config = translate(entry('addresses: [10.9.0.1, "fd00::1"]'))
    assert.deepEqual(
      config.listeners.map(({ name, address }) => [name, address]),
      [
        ['10.9.0.1_9090', { host: '10.9.0.1', port: 9090 }],
        ['fd00::1_9090', { host: 'fd00::1', port: 9090 }],
      ],
    )
  })

  test('are not where a workload of the service listens itself', () => {
    const config = translate(entry().replace('10.0.0.1', '127.0.0.1'))
    assert.deepEqual(config.listeners, [])
    assert.deepEqual(shown(config.notes), ['error address-conflict ServiceEntry/default/hello spec.ports.0'])
    assert.equal(config.clusters.length, 1)
  })

  test('wait for a module that brings the codec, and name its digest', () => {
    const view = serviceOf(entry())
    const [port] = view.ports
    assert.ok(port?.protocol)
    const waiting = { ...view, ports: [{ ...port, protocol: { ...port.protocol, isReady: false } }] }
    assert.deepEqual(translateService(waiting, OPTIONS).listeners, [])
    const module = { digest: 'd'.repeat(64), source: Buffer.from('') }
    const ready = { ...view, ports: [{ ...port, protocol: { ...port.protocol, module } }] }
    const filter = translateService(ready, OPTIONS).listeners[0]?.filter as MetaProtocolConfig
    assert.equal(filter.codec.moduleDigest, 'd'.repeat(64))
  })
})

describe('clusters', () => {
  test('get endpoints over ADS, and by default what Istio gives them', () => {
    const cluster = clusterNamed(translate(entry()), `outbound|9090||${HOST}`)
    assert.equal(cluster.discovery, 'eds')
    assert.deepEqual(cluster.eds?.source, { kind: 'ads', initialFetchTimeoutMs: 15_000 })
    assert.deepEqual(cluster.loadBalancer, { kind: 'least-request', choiceCount: 2 })
    assert.equal(cluster.connectTimeoutMs, 10_000)
    assert.equal(cluster.circuitBreaker.maxRequests, 2 ** 32 - 1)
    assert.equal(cluster.outlierDetection, undefined)
  })

  test('resolve names themselves where the service says DNS', () => {
    const config = translate(entry().replace('STATIC', 'DNS').replace('10.0.0.1', 'one.example.com'))
    const cluster = clusterNamed(config, `outbound|9090||${HOST}`)
    assert.equal(cluster.discovery, 'strict-dns')
    assert.deepEqual(
      cluster.endpoints.map(({ address }) => address.host),
      ['one.example.com', '10.0.0.2'],
    )
    assert.deepEqual(config.endpoints, [])
  })

  test('have the load balancer of the rule', () => {
    const balancers: readonly (readonly [string, ClusterConfig['loadBalancer']])[] = [
      ['{ simple: ROUND_ROBIN }', { kind: 'round-robin' }],
      [
        '{ simple: ROUND_ROBIN, warmupDurationSecs: 90s }',
        { kind: 'round-robin', slowStart: { windowMs: 90_000, aggression: 1, minWeightPercent: 10 } },
      ],
      ['{ simple: RANDOM }', { kind: 'random' }],
      ['{ simple: LEAST_CONN }', { kind: 'least-request', choiceCount: 2 }],
      ['{ simple: LEAST_REQUEST }', { kind: 'least-request', choiceCount: 2 }],
      ['{ simple: PASSTHROUGH }', { kind: 'least-request', choiceCount: 2 }],
      [
        '{ consistentHash: { httpHeaderName: user } }',
        { kind: 'ring-hash', minimumRingSize: 1_024, maximumRingSize: 8_388_608, useHostname: false },
      ],
      [
        '{ consistentHash: { httpHeaderName: user, ringHash: { minimumRingSize: 2048 } } }',
        { kind: 'ring-hash', minimumRingSize: 2_048, maximumRingSize: 8_388_608, useHostname: false },
      ],
      [
        '{ consistentHash: { httpHeaderName: user, minimumRingSize: 8000000 } }',
        { kind: 'ring-hash', minimumRingSize: 1_048_576, maximumRingSize: 8_388_608, useHostname: false },
      ],
      [
        '{ consistentHash: { httpHeaderName: user, maglev: { tableSize: 251 } } }',
        { kind: 'maglev', tableSize: 251, useHostname: false },
      ],
      [
        '{ consistentHash: { httpHeaderName: user, maglev: {} } }',
        { kind: 'maglev', tableSize: 65_537, useHostname: false },
      ],
    ]
    for (const [written, expected] of balancers) {
      const config = translate(entry(), rule(`trafficPolicy: { loadBalancer: ${written} }`))
      assert.deepEqual(clusterNamed(config, `outbound|9090||${HOST}`).loadBalancer, expected, written)
    }
  })

  test('have the limits and the outlier detection of the rule', () => {
    const policy = `trafficPolicy:
    connectionPool:
      tcp: { maxConnections: 7, connectTimeout: 1.5s }
      http: { http1MaxPendingRequests: 8, http2MaxRequests: 9, maxRetries: 0 }
    outlierDetection:
      { consecutive5xxErrors: 3, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 4, interval: 1m,
        baseEjectionTime: 10m, minHealthPercent: 20 }`
    const cluster = clusterNamed(translate(entry(), rule(policy)), `outbound|9090||${HOST}`)
    assert.equal(cluster.connectTimeoutMs, 1_500)
    assert.deepEqual(cluster.circuitBreaker, {
      maxConnections: 7,
      maxPendingRequests: 8,
      maxRequests: 9,
      maxRetries: 2 ** 32 - 1,
    })
    assert.deepEqual(cluster.outlierDetection, {
      ...DEFAULT_OUTLIER_DETECTION,
      consecutive5xx: 3,
      consecutiveGatewayFailure: 0,
      consecutiveLocalOriginFailure: 4,
      splitExternalLocalOriginErrors: true,
      intervalMs: 60_000,
      baseEjectionTimeMs: 600_000,
      maxEjectionTimeMs: 600_000,
      alwaysEjectOneHost: true,
      enforcing: { ...DEFAULT_OUTLIER_DETECTION.enforcing, successRate: 0, localOriginSuccessRate: 0 },
    })
    assert.equal(cluster.panicThresholdPercent, 20)
  })

  test('of a port take its settings for those of the service, and those of a subset what it does not say', () => {
    const policy = `trafficPolicy:
    loadBalancer: { simple: RANDOM }
    connectionPool: { tcp: { maxConnections: 1 } }
    portLevelSettings: [{ port: { number: 81 }, loadBalancer: { simple: ROUND_ROBIN } }]
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 }, trafficPolicy: { connectionPool: { tcp: { maxConnections: 2 } } } }`
    const ports = '[{ number: 80, name: tcp-a }, { number: 81, name: tcp-b }]'
    const config = translate(entry('', ports), rule(policy))
    const seen = config.clusters.map((each) => [
      each.name.split('|').slice(1, 3).join('|'),
      each.loadBalancer.kind,
      each.circuitBreaker.maxConnections,
    ])
    assert.deepEqual(seen, [
      ['80|', 'random', 1],
      ['80|v1', 'random', 1],
      ['80|v2', 'random', 2],
      ['81|', 'round-robin', 2 ** 32 - 1],
      ['81|v1', 'round-robin', 2 ** 32 - 1],
      ['81|v2', 'round-robin', 2],
    ])
  })
})

test('endpoints of a subset are those with its labels, and keep their weights', () => {
  const config = translate(entry(), rule(SUBSETS))
  assert.deepEqual(
    config.endpoints.map(({ endpoints }) =>
      endpoints.map(({ address, weight }) => [address.host, address.port, weight]),
    ),
    [
      [
        ['10.0.0.1', 9090, 1],
        ['10.0.0.2', 9090, 5],
      ],
      [['10.0.0.1', 9090, 1]],
      [['10.0.0.2', 9090, 5]],
    ],
  )
})

test('endpoints are in their localities, which weigh as much as they do', () => {
  const text = entry()
    .replace(
      'labels: { version: v1 } }',
      'labels: { version: v1 }, locality: r/a }\n    - { address: 10.0.0.3, locality: r/b, weight: 2 }',
    )
    .replace(
      'labels: { version: v2 }, weight: 5',
      'labels: { version: v2, topology.kubernetes.io/zone: b, topology.kubernetes.io/region: r }, weight: 5',
    )
  const [all, v1] = translate(text, rule(SUBSETS)).endpoints
  assert.deepEqual(
    all?.endpoints.map(({ address, locality, localityWeight }) => [address.host, locality?.zone, localityWeight]),
    [
      ['10.0.0.1', 'a', 1],
      ['10.0.0.3', 'b', 7],
      ['10.0.0.2', 'b', 7],
    ],
  )
  assert.deepEqual(
    v1?.endpoints.map(({ locality, localityWeight }) => [locality, localityWeight]),
    [[{ region: 'r', zone: 'a', subZone: '' }, 1]],
  )
})

test('endpoints of which nobody knows where they are weigh as well', () => {
  const [all] = translate(entry()).endpoints
  assert.deepEqual(
    all?.endpoints.map(({ locality, localityWeight }) => [locality, localityWeight]),
    [
      [undefined, 6],
      [undefined, 6],
    ],
  )
})

function routesOf(...documents: readonly string[]): readonly RouteConfig[] {
  return translate(entry(), ...documents).routes[0]?.routes ?? []
}

describe('a global rate limit', () => {
  const limits = (settings: string) => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: router }
spec: { hosts: [${HOST}], globalRateLimit: { domain: d, rateLimitService: outbound|8081||limits, ${settings} } }
`
  const descriptors = 'descriptors: [{ property: method, descriptorKey: m }]'
  const filtersOf = (settings: string) => {
    const { filter } = translate(entry(), limits(settings)).listeners[0] ?? assert.fail('there is no listener')
    return filter.kind === 'meta-protocol' ? filter.filters : []
  }
  const common = {
    domain: 'd',
    rateLimitService: { grpcService: { envoyGrpc: { clusterName: 'outbound|8081||limits' } } },
    descriptors: [{ property: 'method', descriptorKey: 'm' }],
  }

  test('stands before the filters of the mesh, with all that the resource says', () => {
    const match = 'match: { attributes: { method: { prefix: say } } }'
    const [limit, ...others] = filtersOf(`requestTimeout: 1m0.5s, denyOnFail: true, ${match}, ${descriptors}`)
    assert.equal(limit?.name, 'aeraki.meta_protocol.filters.ratelimit')
    assert.deepEqual(limit?.config, {
      ...common,
      match: { metadata: [{ name: 'method', prefixMatch: 'say' }] },
      timeout: '60.500s',
      failureModeDeny: true,
    })
    assert.equal(others.length, 2)
  })

  test('without a time, as old resources may be, is left to the proxy', () => {
    assert.deepEqual(filtersOf(descriptors)[0]?.config, common)
  })
})

describe('routes', () => {
  test('without a router lead all to the service, by the hash of its rule', () => {
    const hashed = rule('trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: user } } }')
    assert.deepEqual(routesOf(hashed), [
      {
        name: 'default',
        match: { metadata: [] },
        clusters: [{ cluster: `outbound|9090||${HOST}`, weight: 1 }],
        hashPolicy: ['user'],
        mirrors: [],
        timeoutMs: undefined,
        requestMutation: [],
        responseMutation: [],
      },
    ])
  })

  test('compare attributes in the order of their names', () => {
    const attributes = '{ z: { exact: "1" }, a: { prefix: p }, m: { regex: "x.*" }, e: { exact: "" } }'
    const [route] = routesOf(
      router(`- { match: { attributes: ${attributes} }, route: [{ destination: { host: ${HOST} } }] }`),
    )
    assert.deepEqual(
      route?.match.metadata.map(({ name, test }) => [name, test]),
      [
        ['a', { kind: 'prefix', text: 'p', ignoreCase: false }],
        ['e', { kind: 'prefix', text: '', ignoreCase: false }],
        ['m', { kind: 'regex', pattern: 'x.*' }],
        ['z', { kind: 'exact', text: '1', ignoreCase: false }],
      ],
    )
  })

  test('take an attribute without a value, or with the expression *, for one that must be there', () => {
    const attributes = '{ a: null, b: { regex: "*" } }'
    const [route] = routesOf(
      router(`- { match: { attributes: ${attributes} }, route: [{ destination: { host: ${HOST} } }] }`),
    )
    for (const { test } of route?.match.metadata ?? []) assert.deepEqual(test, { kind: 'present', present: true })
    assert.equal(route?.match.metadata.length, 2)
  })

  test('refuse an attribute that says nothing, which would match more than was meant', () => {
    const text = router(`- { match: { attributes: { a: {} } }, route: [{ destination: { host: ${HOST} } }] }`)
    assert.throws(() => routesOf(text), /attribute "a" says neither/)
  })

  test('refuse to lead nowhere', () => {
    assert.throws(() => routesOf(router('- { name: lost, route: [] }')), /route "lost" has no destination/)
  })

  test('split by weight, to other ports, subsets and services', () => {
    const [route] = routesOf(
      router(`- route:
        - { destination: { host: ${HOST}, subset: v1 }, weight: 20 }
        - { destination: { host: other.example.com., port: { number: 70 } }, weight: 80 }`),
    )
    assert.deepEqual(route?.clusters, [
      { cluster: `outbound|9090|v1|${HOST}`, weight: 20 },
      { cluster: 'outbound|70||other.example.com', weight: 80 },
    ])
  })

  test('have the hash of each of their destinations once, a subset that of its service unless it says otherwise', () => {
    const hash = (name: string) => `{ loadBalancer: { consistentHash: { httpHeaderName: ${name} } } }`
    const own = rule(`trafficPolicy: ${hash('user')}
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 }, trafficPolicy: ${hash('session')} }`)
    const other = rule(`trafficPolicy: ${hash('tenant')}`, 'other.example.com', 'other')
    const [route] = routesOf(
      own,
      other,
      router(`- route:
        - { destination: { host: ${HOST}, subset: v1 }, weight: 25 }
        - { destination: { host: ${HOST}, subset: v2 }, weight: 25 }
        - { destination: { host: ${HOST} }, weight: 25 }
        - { destination: { host: other.example.com }, weight: 25 }`),
    )
    assert.deepEqual(route?.hashPolicy, ['user', 'session', 'tenant'])
  })

  test('mirror all, or the share that is written', () => {
    const mirrored = (share: string) =>
      routesOf(
        router(`- { route: [{ destination: { host: ${HOST} } }], mirror: { host: ${HOST}, subset: v2 }${share} }`),
      )[0]?.mirrors
    const cluster = `outbound|9090|v2|${HOST}`
    assert.deepEqual(mirrored(''), [{ cluster, numerator: 1_000_000, denominator: 1_000_000 }])
    assert.deepEqual(mirrored(', mirrorPercentage: { value: 0.5 }'), [
      { cluster, numerator: 5_000, denominator: 1_000_000 },
    ])
    // 29.29 × 10,000 is a little less in floating point.
    assert.deepEqual(mirrored(', mirrorPercentage: { value: 29.29 }'), [
      { cluster, numerator: 292_900, denominator: 1_000_000 },
    ])
  })

  test("have the time and the retries that are written, in Istio's words", () => {
    const retried = (fields: string) => {
      const [route] = routesOf(router(`- { route: [{ destination: { host: ${HOST} } }]${fields} }`))
      return { timeoutMs: route?.timeoutMs, retry: route?.retry }
    }
    const policy = { perTryTimeoutMs: 0, retriableHeaders: [], retriableRequestHeaders: [] }
    assert.deepEqual(retried(''), { timeoutMs: undefined, retry: undefined })
    assert.deepEqual(retried(', timeout: 1m30s, retries: { attempts: 2 }'), {
      timeoutMs: 90_000,
      retry: {
        ...policy,
        retryOn: ['connect-failure', 'refused-stream'],
        numRetries: 2,
        backOff: { baseMs: 25, maxMs: 250 },
      },
    })
    assert.deepEqual(
      retried(', timeout: 0s, retries: { attempts: 1, perTryTimeout: 1.5s, retryOn: "reset, 5xx", backoff: 10ms }'),
      {
        timeoutMs: 0,
        retry: {
          ...policy,
          retryOn: ['5xx', 'reset'],
          numRetries: 1,
          perTryTimeoutMs: 1500,
          backOff: { baseMs: 10, maxMs: 100 },
        },
      },
    )
    assert.deepEqual(retried(', retries: { attempts: 0 }').retry, undefined)
  })

  test('change requests and replies', () => {
    const [route] = routesOf(
      router(`- route: [{ destination: { host: ${HOST} } }]
      requestMutation: [{ key: foo, value: bar }]
      responseMutation: [{ key: a, value: b }]`),
    )
    assert.deepEqual(route?.requestMutation, [{ key: 'foo', value: 'bar' }])
    assert.deepEqual(route?.responseMutation, [{ key: 'a', value: 'b' }])
  })

  test('put faults into requests, through a filter that is there only for that', () => {
    const destination = `route: [{ destination: { host: ${HOST} } }]`
    const config = translate(
      entry(),
      router(`- { ${destination}, fault: { delay: { fixedDelay: 1m30s, percentage: { value: 0.5 } } } }
    - { ${destination}, fault: { abort: { errorType: Timeout } } }`),
    )
    const name = 'meltemi.filters.fault'
    const typeUrl = 'type.googleapis.com/meltemi.filters.fault.v1.Fault'
    const share = (numerator: number) => ({ numerator, denominator: 'MILLION' })
    assert.deepEqual(
      config.routes[0]?.routes.map(({ overrides }) => overrides),
      [
        [{ name, filter: { name, typeUrl, config: { delay: { fixedDelay: '90s', percentage: share(5_000) } } } }],
        [
          {
            name,
            filter: { name, typeUrl, config: { abort: { errorType: 'Timeout', percentage: share(1_000_000) } } },
          },
        ],
      ],
    )
    const filtersOf = ({ listeners }: ServiceConfig) =>
      (listeners[0]?.filter as MetaProtocolConfig | undefined)?.filters ?? []
    assert.deepEqual(filtersOf(config).at(-1), { name, typeUrl, config: undefined })
    const plain = translate(entry(), router(`- { ${destination} }`))
    assert.equal(
      filtersOf(plain).some((filter) => filter.name === name),
      false,
    )
  })

  test('answer themselves', () => {
    const [route] = routesOf(router('- { name: closed, directResponse: { errorType: Denied, message: closed } }'))
    const { clusters, directResponse } = route ?? assert.fail()
    assert.deepEqual([clusters, directResponse], [[], { errorType: 'Denied', message: 'closed' }])
    const [other] = routesOf(router('- { directResponse: { message: closed } }'))
    assert.equal(other?.directResponse?.errorType, 'Unspecified')
  })

  test('to a subset that nobody describes are told of', () => {
    const text = router(
      `- { route: [{ destination: { host: ${HOST}, subset: v1 } }], mirror: { host: ${HOST}, subset: v9 } }`,
    )
    assert.deepEqual(shown(translate(entry(), rule(SUBSETS), text).notes), [
      'warning missing-subset MetaRouter/default/router spec.routes.0.mirror.subset',
    ])
  })
})

test('nothing comes of a service that does not say where its workloads are', () => {
  const config = translate(entry().replace('STATIC', 'NONE'))
  assert.deepEqual([config.listeners, config.clusters, config.endpoints, config.routes], [[], [], [], []])
})

test('the same service always gives the same configuration', () => {
  fc.assert(
    fc.property(fc.array(resource, { maxLength: 20 }), (list) => {
      const worlds = [list, [...list]].map((each) =>
        new WorldBuilder(WORLD_OPTIONS).apply({ set: byKey(each), deleted: [], modules: new Map() }),
      )
      for (const [host, view] of worlds[0]?.services ?? []) {
        const other = worlds[1]?.services.get(host)
        assert.ok(other)
        const config = translateService(view, OPTIONS)
        assert.deepEqual(translateService(other, OPTIONS), config)
        assert.equal(new Set(config.clusters.map(({ name }) => name)).size, config.clusters.length)
        const named = config.clusters.filter(({ discovery }) => discovery === 'eds').map(({ name }) => name)
        assert.deepEqual(
          config.endpoints.map(({ cluster }) => cluster),
          named,
        )
      }
    }),
    { numRuns: 50 },
  )
})

describe('a local rate limit', () => {
  const limits = (settings: string) => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: router }
spec: { hosts: [${HOST}], localRateLimit: ${settings} }
`
  const bucket = 'tokenBucket: { maxTokens: 5, tokensPerFill: 2, fillInterval: 1m0.5s }'
  const filtersOf = (settings: string) => {
    const { filter } = translate(entry(), limits(settings)).listeners[0] ?? assert.fail('there is no listener')
    return (filter as MetaProtocolConfig).filters
  }

  test('is the first filter, under the name of the host', () => {
    assert.deepEqual(
      filtersOf(`{ ${bucket} }`).map(({ name }) => name.replace(/.*\./, '')),
      ['local_ratelimit', 'metadata_exchange', 'istio_stats'],
    )
    assert.deepEqual(filtersOf(`{ ${bucket} }`)[0]?.config, {
      statPrefix: HOST,
      tokenBucket: { maxTokens: 5, tokensPerFill: 2, fillInterval: '60.500s' },
    })
  })

  test('has all that the resource says', () => {
    const scope = 'tokenBucketScope: { perDownstreamConnection: true, attributes: [user, tenant], maxBuckets: 7 }'
    const match = 'match: { attributes: { method: { exact: hello } } }'
    const token = { maxTokens: 5, tokensPerFill: 2, fillInterval: '60.500s' }
    const whose = { perDownstreamConnection: true, metadataKeys: ['user', 'tenant'], maxBuckets: 7 }
    assert.deepEqual(
      filtersOf(`{ ${bucket}, ${scope}, shadowMode: true, conditions: [{ ${match}, ${bucket}, ${scope} }] }`)[0]
        ?.config,
      {
        statPrefix: HOST,
        tokenBucket: token,
        tokenBucketScope: whose,
        shadowMode: true,
        conditions: [
          {
            match: { metadata: [{ name: 'method', exactMatch: 'hello' }] },
            tokenBucket: token,
            tokenBucketScope: whose,
          },
        ],
      },
    )
  })
})
