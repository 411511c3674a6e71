import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ERROR_TYPES, type MetaProtocolConfig } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'
import type { CodecRule, FilterRule, ValidateOptions } from './convert-context.ts'

const RATE_LIMIT = 'aeraki.meta_protocol_proxy.filters.local_ratelimit.v1alpha.LocalRateLimit'
const ISTIO_STATS = 'aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.IstioStats'
const ROUTE = 'route_config: {routes: [{route: {cluster: c}}]}'

describe('codecs', () => {
  const codecs = new Map<string, CodecRule>([
    [
      'test.fixed-one',
      { mutation: undefined, validate: (options) => (options === undefined ? [] : ['has no options']) },
    ],
    ['test.both', { mutation: 'both', validate: () => [] }],
    ['test.request', { mutation: 'request' }],
  ])

  test('that nobody registered are refused with the names of those that are', () => {
    assert.deepEqual(problems('test.unknown', ROUTE, { codecs }), [
      'protocol.codec.name: there is no codec "test.unknown", known are: test.both, test.fixed-one, test.request',
    ])
  })

  test('may be named with hyphens or underscores', () => {
    assert.equal(accept('test.fixed_one', ROUTE, { codecs }).codec.name, 'test.fixed-one')
  })

  test('check their own options', () => {
    const protocol = `test.both, config: {"@type": type.googleapis.com/google.protobuf.Struct, value: {a: 1}}`
    assert.deepEqual(accept(protocol, ROUTE, { codecs }).codec.options, { a: 1 })
    assert.deepEqual(problems(protocol.replace('both', 'fixed-one'), ROUTE, { codecs }), [
      'protocol.codec.config: has no options',
    ])
  })

  test('that check no options take none', () => {
    const protocol = `test.request, config: {"@type": type.googleapis.com/google.protobuf.Struct, value: {a: 1}}`
    assert.deepEqual(problems(protocol, ROUTE, { codecs }), ['protocol.codec.config: this codec takes no options'])
  })

  test('that cannot change their messages refuse routes that ask for it', () => {
    const route = `route_config: {routes: [{route: {cluster: c}, request_mutation: [{key: a, value: b}], request_remove: [k],
      response_mutation: [{key: a, value: b}], response_remove: [k]}]}`
    const at = (field: string, codec: string) =>
      `route_config.routes[0].${field}: codec ${codec} cannot change ${field.split('_')[0]}s`
    const [request, response] = [
      ['request_mutation', 'request_remove'],
      ['response_mutation', 'response_remove'],
    ] as const
    assert.deepEqual(problems('test.both', route, { codecs }), [])
    assert.deepEqual(
      problems('test.request', route, { codecs }),
      response.map((field) => at(field, 'test.request')),
    )
    assert.deepEqual(
      problems('test.fixed-one', route, { codecs }),
      [...request, ...response].map((field) => at(field, 'test.fixed-one')),
    )
  })
})

describe('filters', () => {
  const rule: FilterRule = {
    name: 'aeraki.meta_protocol.filters.istio_stats',
    parse: (json, problem) => {
      if ((json as { destinationService?: string }).destinationService !== 'bad') return
      problem('destinationService', 'is bad')
      problem('workload.labels', 'is missing')
    },
  }
  const options = { filters: new Map([[`type.googleapis.com/${ISTIO_STATS}`, rule]]) }
  const stats = (service: string) =>
    `{name: x, config: {"@type": type.googleapis.com/${ISTIO_STATS}, destination_service: ${service}}}`
  const limit = (settings: string) =>
    `{name: x, config: {"@type": type.googleapis.com/${RATE_LIMIT}, stat_prefix: s, ${settings}}}`
  const withFilters = (filters: string) => `${ROUTE}, meta_protocol_filters: [${filters}]`

  test('stand before the router, which is not listed', () => {
    const router = '{name: aeraki.meta_protocol.filters.router}'
    const typed =
      '{name: r, config: {"@type": type.googleapis.com/aeraki.meta_protocol_proxy.filters.router.v1alpha.Router}}'
    for (const last of [router, typed]) {
      assert.deepEqual(accept('c', withFilters(`${stats('s')}, ${last}`), options).filters, [
        { name: 'x', typeUrl: `type.googleapis.com/${ISTIO_STATS}`, config: { destinationService: 's' } },
      ])
    }
    assert.deepEqual(problems('c', withFilters(`${router}, ${router}`)), [
      'meta_protocol_filters[0]: the router must be the last filter',
    ])
  })

  test('without a config are found by name and have none', () => {
    assert.deepEqual(accept('c', withFilters(`{name: ${rule.name}}`), options).filters, [
      { name: rule.name, typeUrl: `type.googleapis.com/${ISTIO_STATS}`, config: undefined },
    ])
  })

  test('check their own configuration', () => {
    assert.deepEqual(problems('c', withFilters(stats('bad')), options).toSorted(), [
      'meta_protocol_filters[0].config.destination_service: is bad',
      'meta_protocol_filters[0].config.workload.labels: is missing',
    ])
  })

  test('of the proxy itself become what it works with', () => {
    const limits = { filters: new Map([[RATE_LIMIT, { name: 'limit', parse: () => assert.fail('it was read') }]]) }
    const bucket = 'token_bucket: {max_tokens: 5, fill_interval: 1.5s}'
    const scope = 'token_bucket_scope: {per_downstream_connection: true, metadata_keys: [a, b], max_buckets: 7}'
    const condition = `{match: {metadata: [{name: m, present_match: true}]}, ${bucket}, ${scope}}`
    const settings = `${bucket}, conditions: [${condition}], shadow_mode: true`
    const rate = { maxTokens: 5, tokensPerFill: 1, fillIntervalMs: 1500 }
    assert.deepEqual(accept('c', withFilters(limit(settings)), limits).filters[0]?.parsed, {
      statPrefix: 's',
      bucket: { ...rate, perConnection: false, metadataKeys: [], maxBuckets: 10_000 },
      conditions: [
        {
          match: {
            metadata: [
              { name: 'm', test: { kind: 'present', present: true }, invert: false, treatMissingAsEmpty: false },
            ],
          },
          bucket: { ...rate, perConnection: true, metadataKeys: ['a', 'b'], maxBuckets: 7 },
        },
      ],
      isShadow: true,
    })
    const at = 'meta_protocol_filters[0].config'
    const tooQuick = 'token_bucket: {max_tokens: 5, fill_interval: 0.0009s}'
    for (const [wrong, problem] of [
      ['shadow_mode: true', '.token_bucket: token_bucket is required'],
      [tooQuick, '.token_bucket.fill_interval: must be at least 1ms'],
      [`${bucket}, token_bucket_scope: {}`, '.token_bucket_scope.metadata_keys: metadata_keys is required'],
      [
        `${bucket}, token_bucket_scope: {per_downstream_connection: true, max_buckets: 5}`,
        '.token_bucket_scope.max_buckets: is of no use without metadata_keys',
      ],
      [
        `conditions: [{match: {}, ${bucket}}], token_bucket_scope: {metadata_keys: [a]}`,
        '.token_bucket_scope: is of no use without a token_bucket',
      ],
    ] as const) {
      const found = problems('c', withFilters(limit(wrong)), limits)
      assert.deepEqual(found, [at + problem])
    }
  })

  test('of the mesh get their fields in either spelling', () => {
    const filters = 'aeraki.meta_protocol_proxy.filters'
    const types = [`${filters}.metadata_exchange.v1alpha.MetadataExchange`, `${filters}.istio_stats.v1alpha.IstioStats`]
    const rules = types.map((type) => [type, { name: type, parse: () => {} }] as const)
    const [exchange, stats] = types
    for (const [keep, service] of [
      ['keep_peer_metadata', 'destination_service'],
      ['keepPeerMetadata', 'destinationService'],
    ]) {
      const entries = `{name: a, config: {"@type": x/${exchange}, ${keep}: true}}, {name: b, config: {"@type": x/${stats}, ${service}: c}}`
      const accepted = accept('c', withFilters(entries), { filters: new Map(rules) }).filters
      assert.deepEqual(
        accepted.map(({ config }) => config),
        [{ keepPeerMetadata: true }, { destinationService: 'c' }],
      )
    }
  })

  test('that the proxy does not have are refused, apart from those that do not exist', () => {
    const refused = problems(
      'c',
      withFilters(`${limit('shadow_mode: true')}, {name: aeraki.meta_protocol.filters.istio_stats}, {name: a.b}`),
    )
    assert.deepEqual(refused, [
      `meta_protocol_filters[0]: filter "x" (${RATE_LIMIT}) is not supported yet`,
      'meta_protocol_filters[1]: filter "aeraki.meta_protocol.filters.istio_stats" (aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.IstioStats) is not supported yet',
      'meta_protocol_filters[2]: there is no filter "a.b"',
    ])
  })
})

describe('routes', () => {
  test('refuse weights that cannot be drawn from', () => {
    const weighted = (clusters: string) =>
      `route_config: {routes: [{route: {weighted_clusters: {clusters: [${clusters}]}}}]}`
    const at = 'route_config.routes[0].route.weighted_clusters.clusters'
    assert.deepEqual(problems('c', weighted('')), [`${at}: clusters is required`])
    assert.deepEqual(problems('c', weighted('{name: c}, {name: c, weight: 0}')), [
      `${at}: the sum of the weights must be more than 0`,
    ])
    assert.deepEqual(problems('c', weighted('{name: c, weight: 4294967295}, {name: c, weight: 1}')), [
      `${at}: the sum of the weights must be at most 4294967295, got 4294967296`,
    ])
  })

  test('warn of a cluster that does not exist', () => {
    const { config, problems: found } = parse('c', 'route_config: {routes: [{route: {cluster: nowhere}}]}')
    assert.notEqual(config, undefined)
    assert.deepEqual(
      found.map((problem) => [problem.severity, problem.message]),
      [['warning', 'there is no cluster "nowhere"']],
    )
  })

  test('may name a cluster by a key of the metadata', () => {
    const { routes } = accept('c', 'route_config: {routes: [{route: {cluster_header: Key}}]}').routes
    assert.deepEqual([routes[0]?.clusters, routes[0]?.clusterKey], [[{ cluster: '', weight: 1 }], 'Key'])
  })

  test('may answer themselves, and then have nothing that only services need', () => {
    const direct = (rest: string) => `route_config: {routes: [{route: {direct_response: {${rest}}}}]}`
    const answer = (rest: string) => accept('c', direct(rest)).routes.routes[0]
    const { clusters, directResponse } = answer('error_type: Denied, message: closed') ?? assert.fail()
    assert.deepEqual([clusters, directResponse], [[], { errorType: 'Denied', message: 'closed' }])
    assert.equal(answer('message: closed')?.directResponse?.errorType, 'Unspecified')
    const at = 'route_config.routes[0].route.direct_response'
    assert.deepEqual(problems('c', direct('')), [`${at}.message: message is required`])
    assert.deepEqual(problems('c', direct('error_type: Oops, message: m')), [
      `${at}.error_type: expected one of ${Object.keys(ERROR_TYPES).join(', ')}, got Oops`,
    ])
    const both = `route_config: {routes: [{request_remove: [a], route: {timeout: 1s, hash_policy: [a],
      direct_response: {message: m}}}]}`
    const meaningless = 'has no meaning where the proxy itself answers'
    assert.deepEqual(problems('c', both), [
      `route_config.routes[0].request_remove: ${meaningless}`,
      `route_config.routes[0].route.timeout: ${meaningless}`,
      `route_config.routes[0].route.hash_policy: ${meaningless}`,
      `${at}: the proxy itself answers, so there is no use for hash_policy, timeout, request_remove`,
    ])
  })

  test('refuse a mutation without key and one that is too large', () => {
    const route = `route_config: {routes: [{route: {cluster: c}, request_mutation: [{value: b}, {key: a, value: ${'x'.repeat(16_385)}}]}]}`
    assert.deepEqual(problems('c', route), [
      'route_config.routes[0].request_mutation[0].key: key is required',
      'route_config.routes[0].request_mutation[1].value: expected at most 16384 bytes, got 16385',
    ])
  })
})

test('the extension fields set bounds and timeouts, 0s disabling a timeout with a warning', () => {
  const text = `${ROUTE}, max_message_bytes: 5, max_in_flight_per_connection: 6, request_timeout: 0s, max_downstream_buffer: 7,
    generate_request_id: true, partial_message_timeout: 0s`
  const { config, problems: found } = parse('c', text)
  const filter = config?.listeners[0]?.filter as MetaProtocolConfig
  assert.deepEqual(
    found.map((problem) => problem.message),
    ['0s disables request_timeout', '0s disables partial_message_timeout'],
  )
  assert.deepEqual(
    [filter.maxMessageBytes, filter.maxInFlightPerConnection, filter.requestTimeoutMs, filter.maxDownstreamBufferBytes],
    [5, 6, 0, 7],
  )
  assert.deepEqual([filter.generateRequestId, filter.partialMessageTimeoutMs], [true, 0])
})

function parse(codec: string, rest: string, options?: ValidateOptions) {
  return parseBootstrap(
    `
static_resources:
  clusters: {name: c}
  listeners:
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
      filters:
        name: any
        typed_config: {
          "@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy,
          stat_prefix: s, protocol: {name: p, codec: {name: ${codec}}}, ${rest.replaceAll('\n', ' ')}}
`,
    'file.yaml',
    options,
  )
}

/** Errors as `path: message`, the path inside the filter. */
function problems(codec: string, rest: string, options?: ValidateOptions): readonly string[] {
  const found = parse(codec, rest, options).problems.filter((problem) => problem.severity === 'error')
  return found.map((problem) => `${problem.path.replace(/^.*typed_config\./, '')}: ${problem.message}`)
}

function accept(codec: string, rest: string, options?: ValidateOptions): MetaProtocolConfig {
  const result = parse(codec, rest, options)
  assert.deepEqual(result.problems, [])
  return result.config?.listeners[0]?.filter as MetaProtocolConfig
}
