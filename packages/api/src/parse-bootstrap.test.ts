import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ValidateOptions } from './convert/convert-context.ts'
import { formatProblem, type ListenerConfig, type MetaProtocolConfig, type ProxyConfig } from './model/index.ts'
import { parseBootstrap } from './parse-bootstrap.ts'

const PROXY_TYPE = 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy'

describe('an accepted bootstrap', () => {
  test('becomes the model, with the defaults of Envoy and of our own fields', () => {
    assert.deepEqual(accept(WHOLE), EXPECTED)
  })

  test('says the same as JSON', () => {
    const json = JSON.stringify(
      { static_resources: { clusters: [{ name: 'a', connect_timeout: '0.25s' }] } },
      undefined,
      '\t',
    )
    const yaml = 'static_resources: {clusters: [{name: a, connect_timeout: 0.25s}]}'
    assert.deepEqual(accept(json), accept(yaml))
    assert.equal(accept(json).clusters[0]?.connectTimeoutMs, 250)
  })

  test('may be empty of listeners and clusters', () => {
    const dynamic = { ads: undefined, listeners: undefined, clusters: undefined }
    const none = { admin: undefined, listeners: [], clusters: [], dynamic, modules: [] }
    assert.deepEqual(accept('{}'), { node: { id: '', cluster: '', metadata: {} }, ...none })
  })

  test('may write names in snake_case, lowerCamelCase, or both at once', () => {
    const text = `
staticResources:
  clusters:
  - {name: a, connectTimeout: 1s, per_connection_buffer_limit_bytes: 5, altStatName: b}`
    const [cluster] = accept(text).clusters
    assert.deepEqual([cluster?.connectTimeoutMs, cluster?.bufferLimitBytes, cluster?.statName], [1000, 5, 'b'])
  })

  test('may have one mapping where a list is expected', () => {
    assert.equal(accept('static_resources: {clusters: {name: a}}').clusters[0]?.name, 'a')
  })

  test('may use anchors, aliases and merge keys', () => {
    const text = `
static_resources:
  clusters:
  - &first {name: a, connect_timeout: 1s}
  - {<<: *first, name: b}`
    assert.deepEqual(
      accept(text).clusters.map(({ name, connectTimeoutMs }) => [name, connectTimeoutMs]),
      [
        ['a', 1000],
        ['b', 1000],
      ],
    )
  })

  test('may have trailing spaces, comments and nulls', () => {
    const text =
      'static_resources:\n  clusters:\n  - name: callee   \n    alt_stat_name: # none\n    connect_timeout: 2s # short\n'
    const [cluster] = accept(text).clusters
    assert.deepEqual([cluster?.name, cluster?.statName, cluster?.connectTimeoutMs], ['callee', 'callee', 2000])
  })

  test('names module files in bootstrap_extensions', () => {
    const text = `
bootstrap_extensions:
- name: any
  typed_config: {"@type": type.googleapis.com/meltemi.v1.Modules, files: [./a.ts, ./b.ts]}`
    assert.deepEqual(accept(text).modules, ['./a.ts', './b.ts'])
  })

  test('keeps a key named __proto__ in node metadata as data', () => {
    const { metadata } = accept('node: {metadata: {__proto__: {polluted: true}}}').node
    assert.deepEqual(Object.keys(metadata), ['__proto__'])
    assert.equal((metadata as { polluted?: unknown }).polluted, undefined)
  })
})

describe('MetaProtocolProxy', () => {
  for (const structType of ['udpa.type.v1.TypedStruct', 'xds.type.v3.TypedStruct']) {
    test(`is the same inline and in a ${structType}, under any filter name`, () => {
      const inline = accept(listenerWith(`"@type": ${PROXY_TYPE}, statPrefix: s, ${PROTOCOL}, routeConfig: {name: r}`))
      const wrapped = listenerWith(
        `"@type": type.googleapis.com/${structType}, type_url: ${PROXY_TYPE}, value: {statPrefix: s, ${PROTOCOL}, routeConfig: {name: r}}`,
      )
      assert.deepEqual(accept(wrapped), inline)
    })
  }

  test('may be given under config instead of typed_config', () => {
    const text = listenerWith(`"@type": ${PROXY_TYPE}, stat_prefix: s, ${PROTOCOL}, route_config: {}`)
    assert.deepEqual(accept(text.replace('typed_config', 'config')), accept(text))
  })

  test('prefers protocol to the deprecated application_protocol and codec', () => {
    const old = 'application_protocol: old, codec: {name: old.codec}'
    const filter = proxyOf(
      parse(listenerWith(`"@type": ${PROXY_TYPE}, stat_prefix: s, ${PROTOCOL}, ${old}, route_config: {}`)).config,
    )
    assert.deepEqual([filter.applicationProtocol, filter.codec.name], ['thrift', 'aeraki.meta_protocol.codec.thrift'])
    const only = proxyOf(accept(listenerWith(`"@type": ${PROXY_TYPE}, stat_prefix: s, ${old}, route_config: {}`)))
    assert.deepEqual([only.applicationProtocol, only.codec.name], ['old', 'old.codec'])
  })

  test('hands the options of a codec on as plain JSON, whatever their type', () => {
    for (const type of ['google.protobuf.Struct, value: {a: [1, x]}', 'example.MyCodec, a: [1, x]']) {
      const config = `"@type": type.googleapis.com/${type}`
      const text = `protocol: {name: p, codec: {name: c, config: {${config}}}}`
      const { codec } = proxyOf(
        accept(listenerWith(`"@type": ${PROXY_TYPE}, stat_prefix: s, ${text}, route_config: {}`)),
      )
      assert.deepEqual(codec, { name: 'c', options: { a: [1, 'x'] }, moduleDigest: undefined })
    }
  })
})

describe('problems', () => {
  test('are all reported, each with file, line, column and path', () => {
    const text = `node: {id: 5}
static_resources:
  listeners:
  - name: l
    addres: {}
    address: {socket_address: {address: example.com, port_value: 70000}}
    filter_chains:
    - filters:
      - name: f
        typed_config:
          "@type": ${PROXY_TYPE}
          stat_prefix: ""
          protocol: {name: p, codec: {name: c}}
          idle_timeout: 5
          rds: {route_config_name: r}
          route_config:
            routes:
            - match: {metadata: [{name: a, safe_regex_match: {regex: "("}}]}
              route: {weighted_clusters: {clusters: []}}
  clusters:
  - {name: a, lb_policy: ROUND}
  - {name: a, type: EDS, connect_timeout: -1s}
`
    const chain = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config'
    assert.deepEqual(errors(text), [
      'file.yaml:1:12: node.id: expected a string (quote it), got 5',
      'file.yaml:5:5: static_resources.listeners[0].addres: Listener has no field "addres", did you mean address?',
      'file.yaml:6:41: static_resources.listeners[0].address.socket_address.address: expected an IP address, got "example.com"',
      'file.yaml:6:66: static_resources.listeners[0].address.socket_address.port_value: must be at most 65535, got 70000',
      `file.yaml:12:24: ${chain}.stat_prefix: stat_prefix is required`,
      `file.yaml:14:25: ${chain}.idle_timeout: expected a duration such as 1.5s, got 5`,
      `file.yaml:15:16: ${chain}.rds.config_source: config_source is required`,
      `file.yaml:16:11: ${chain}.route_config: only one of rds and route_config can be set`,
      `file.yaml:18:70: ${chain}.route_config.routes[0].match.metadata[0].safe_regex_match.regex: error parsing regexp: missing closing ): \`(\``,
      `file.yaml:19:53: ${chain}.route_config.routes[0].route.weighted_clusters.clusters: clusters is required`,
      'file.yaml:21:26: static_resources.clusters[0].lb_policy: expected one of ROUND_ROBIN, LEAST_REQUEST, RING_HASH, RANDOM, MAGLEV, CLUSTER_PROVIDED, LOAD_BALANCING_POLICY_CONFIG, got the string "ROUND"',
      'file.yaml:22:5: static_resources.clusters[1].eds_cluster_config: eds_cluster_config is required',
      'file.yaml:22:12: static_resources.clusters[1].name: there is already a cluster "a"',
      'file.yaml:22:43: static_resources.clusters[1].connect_timeout: expected a duration such as 1.5s, got the string "-1s"',
    ])
  })

  test('do not hide which modules the file names', () => {
    const text =
      'bootstrap_extensions: {name: m, typed_config: {"@type": x/meltemi.v1.Modules, files: [./a.ts]}}\nnode: {id: 5}'
    const { config, modules } = parse(text)
    assert.equal(config, undefined)
    assert.deepEqual(modules, ['./a.ts'])
  })

  test('an unknown field is a warning when that is allowed', () => {
    const { config, problems } = parse('static_resource: {}', { allowUnknownFields: true })
    assert.notEqual(config, undefined)
    assert.deepEqual(problems.map(formatProblem), [
      'file.yaml:1:1: static_resource: Bootstrap has no field "static_resource", it is ignored',
    ])
    assert.equal(problems[0]?.severity, 'warning')
  })

  test('a key that is there twice is a warning and the last one wins, in either spelling', () => {
    const text = 'static_resources:\n  clusters:\n  - name: a\n    alt_stat_name: x\n    altStatName: y\n'
    const { config, problems } = parse(text)
    assert.equal(config?.clusters[0]?.statName, 'y')
    assert.deepEqual(problems.map(formatProblem), [
      'file.yaml:5:5: static_resources.clusters[0].alt_stat_name: alt_stat_name is set more than once, the last one wins',
    ])
  })

  test('a duration of zero is a warning that says what it disables', () => {
    const { config, problems } = parse('static_resources: {clusters: [{name: a, connect_timeout: 0s}]}')
    assert.equal(config?.clusters[0]?.connectTimeoutMs, 0)
    assert.deepEqual(problems.map(formatProblem), [
      'file.yaml:1:58: static_resources.clusters[0].connect_timeout: 0s disables connect_timeout',
    ])
  })

  test('what a later version brings is refused once, by name, whatever it holds', () => {
    for (const field of ['hds_config', 'overload_manager', 'stats_config', 'tracing']) {
      const [first, ...more] = errors(`${field}: {}`)
      assert.match(first ?? '', new RegExp(`^file.yaml:1:\\d+: ${field}: ${field} is not supported yet$`))
      assert.deepEqual(more, [])
    }
  })

  test('an Any says which type it lacks or does not know', () => {
    const problem = (inside: string) => errors(listenerWith(inside)).map((line) => line.replace(/^.*typed_config/, ''))
    assert.deepEqual(problem('stat_prefix: s'), ['.@type: expected a type URL, got nothing'])
    assert.deepEqual(problem('"@type": type.googleapis.com/a.B, x: 1'), [': network filter a.B is not supported yet'])
    assert.deepEqual(
      problem(`"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: ${PROXY_TYPE}, value: {x: 1}`).slice(
        0,
        1,
      ),
      ['.value: one of rds, route_config is required'],
    )
  })

  test('two listeners of one name or address are refused', () => {
    const listener = `{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 1}}, filter_chains: [{filters: [{name: f, typed_config: {
      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: s, cluster: c}}]}]}`
    const found = errors(`static_resources: {listeners: [${listener}, ${listener}]}`).map((line) =>
      line.replace(/^[^ ]+ /, ''),
    )
    assert.deepEqual(found, [
      'static_resources.listeners[1].name: there is already a listener "l"',
      'static_resources.listeners[1].address: listener "l" has 127.0.0.1:1 already',
    ])
  })
})

describe('text that is no configuration', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['an empty file', '', /^file.yaml:1:1: the file is empty$/],
    ['only a comment', '# nothing\n', /^file.yaml:1:1: the file is empty$/],
    ['a scalar', 'hello', /^file.yaml:1:1: expected a mapping \(Bootstrap\), got the string "hello"$/],
    ['broken YAML', 'a: [1,\nb: }', /^file.yaml:\d+:\d+: /],
    ['two documents', '{}\n---\n{}\n', /^file.yaml:2:1: expected one document/],
    ['an unknown anchor', 'node: *x', /^file.yaml:1:7: /],
    ['deep nesting', `node: {metadata: ${'{a: '.repeat(150)}1${'}'.repeat(150)}}`, /more than 100 levels of nesting$/],
    ['an anchor inside itself', 'node: &a {metadata: *a}', /^file.yaml:1:\d+: /],
  ]
  for (const [title, text, expected] of cases) {
    test(`${title} is a problem with its place`, () => {
      const { config, problems } = parse(text)
      assert.equal(config, undefined)
      assert.match(formatProblem(problems[0] ?? assert.fail('no problem')), expected)
    })
  }

  test('aliases that multiply are stopped', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(', ')}]`,
    )
    const { problems } = parse(`a0: &a0 [x]\n${levels.join('\n')}\n`)
    assert.ok(problems.some((problem) => problem.message.includes('more than 1000000 values')))
  })

  test('a file of nothing but faults reports a bounded number of them', () => {
    const { problems } = parse(Array.from({ length: 5000 }, (_, i) => `k${i}: 1`).join('\n'))
    assert.equal(problems.length, 1000)
  })
})

const PROTOCOL = 'protocol: {name: thrift, codec: {name: aeraki.meta_protocol.codec.thrift}}'

function listenerWith(typedConfig: string): string {
  return `
static_resources:
  listeners:
    name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains: [{filters: [{name: any, typed_config: {${typedConfig}}}]}]
`
}

function parse(text: string, options?: ValidateOptions) {
  return parseBootstrap(text, 'file.yaml', options)
}

function errors(text: string): readonly string[] {
  return parse(text)
    .problems.filter((problem) => problem.severity === 'error')
    .map(formatProblem)
}

function accept(text: string): ProxyConfig {
  const { config, problems } = parse(text)
  assert.deepEqual(problems.map(formatProblem), [])
  return config ?? assert.fail('no configuration')
}

function proxyOf(config: ProxyConfig | undefined): MetaProtocolConfig {
  const filter = config?.listeners[0]?.filter
  if (filter?.kind !== 'meta-protocol') assert.fail('no MetaProtocolProxy')
  return filter
}

const WHOLE = `
node: {id: sidecar~1, cluster: c, metadata: {NAME: a, LABELS: {app: b}}}
admin:
  access_log_path: /dev/null
  address: {socket_address: {address: 127.0.0.1, port_value: 15000}}
static_resources:
  listeners:
  - name: l
    address: {socket_address: {address: 0.0.0.0, port_value: 9090}}
    traffic_direction: OUTBOUND
    listener_filters:
    - name: envoy.filters.listener.proxy_protocol
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol}
    filter_chains:
    - filters:
      - name: aeraki.meta_protocol_proxy
        typed_config:
          "@type": ${PROXY_TYPE}
          stat_prefix: outbound|9090||svc.ns.svc.cluster.local
          protocol: {name: thrift, codec: {name: aeraki.meta_protocol.codec.thrift}, multiplexing: false}
          idle_timeout: 300s
          route_config:
            name: r
            routes:
            - name: a
              match: {metadata: [{name: method, exact_match: sayHello}]}
              route:
                weighted_clusters: {clusters: [{name: c1, weight: 20}, {name: c|2, weight: 80}], total_weight: 100}
                hash_policy: [method]
              request_mutation: [{key: foo, value: bar}]
              response_mutation: [{key: x, value: y}]
              response_remove: [z]
            - route: {cluster: c1, timeout: 0.5s}
          meta_protocol_filters:
          - name: aeraki.meta_protocol.filters.router
          access_log: []
  clusters:
  - name: c1
    load_assignment:
      cluster_name: c1
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}
        - {endpoint: {address: {socket_address: {address: "::1", port_value: 2}}}, load_balancing_weight: 5, health_status: DRAINING}
  - {name: c|2, type: STRICT_DNS, lb_policy: MAGLEV}
`

const CLUSTER_DEFAULTS = {
  dnsRefreshMs: 5000,
  dnsLookupFamily: 'auto' as const,
  connectTimeoutMs: 5000,
  circuitBreaker: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 },
  panicThresholdPercent: 50,
  bufferLimitBytes: 1_048_576,
  eds: undefined,
  outlierDetection: undefined,
  http2: false,
}

const LISTENER: ListenerConfig = {
  name: 'l',
  address: { host: '0.0.0.0', port: 9090 },
  direction: 'outbound',
  proxyProtocol: true,
  bufferLimitBytes: 1_048_576,
  maxConnections: 0,
  filter: {
    kind: 'meta-protocol',
    statPrefix: 'outbound|9090||svc.ns.svc.cluster.local',
    applicationProtocol: 'thrift',
    codec: { name: 'aeraki.meta_protocol.codec.thrift', options: undefined, moduleDigest: undefined },
    multiplexing: false,
    filters: [],
    routes: {
      name: 'r',
      routes: [
        {
          name: 'a',
          match: {
            metadata: [
              {
                name: 'method',
                test: { kind: 'exact', text: 'sayHello', ignoreCase: false },
                invert: false,
                treatMissingAsEmpty: false,
              },
            ],
          },
          clusters: [
            { cluster: 'c1', weight: 20 },
            { cluster: 'c|2', weight: 80 },
          ],
          hashPolicy: ['method'],
          mirrors: [],
          timeoutMs: undefined,
          requestMutation: [{ key: 'foo', value: 'bar' }],
          responseMutation: [
            { key: 'x', value: 'y' },
            { key: 'z', value: undefined },
          ],
        },
        {
          name: '',
          match: { metadata: [] },
          clusters: [{ cluster: 'c1', weight: 1 }],
          hashPolicy: [],
          mirrors: [],
          timeoutMs: 500,
          requestMutation: [],
          responseMutation: [],
        },
      ],
    },
    generateRequestId: false,
    rds: undefined,
    idleTimeoutMs: 300_000,
    maxMessageBytes: 16_777_216,
    maxInFlightPerConnection: 1024,
    requestTimeoutMs: 15_000,
    maxDownstreamBufferBytes: 16_777_216,
    partialMessageTimeoutMs: 15_000,
  },
}

const EXPECTED: ProxyConfig = {
  node: { id: 'sidecar~1', cluster: 'c', metadata: { NAME: 'a', LABELS: { app: 'b' } } },
  admin: { host: '127.0.0.1', port: 15000 },
  dynamic: { ads: undefined, listeners: undefined, clusters: undefined },
  modules: [],
  listeners: [LISTENER],
  clusters: [
    {
      name: 'c1',
      statName: 'c1',
      discovery: 'static',
      endpoints: [
        { address: { host: '127.0.0.1', port: 1 }, hostname: '', weight: 1, healthy: true },
        { address: { host: '::1', port: 2 }, hostname: '', weight: 5, healthy: false },
      ],
      loadBalancer: { kind: 'round-robin' },
      ...CLUSTER_DEFAULTS,
    },
    {
      name: 'c|2',
      statName: 'c|2',
      discovery: 'strict-dns',
      endpoints: [],
      loadBalancer: { kind: 'maglev', tableSize: 65_537, useHostname: false },
      ...CLUSTER_DEFAULTS,
    },
  ],
}
