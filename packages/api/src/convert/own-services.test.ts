import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clustersOfFilter, type ExtAuthzConfig, type FilterConfig, type GlobalRateLimitConfig } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

const LIMIT = 'aeraki.meta_protocol_proxy.filters.ratelimit.v1alpha.RateLimit'
const AUTHZ = 'meltemi.v1.ExtAuthz'
const ENVOY_AUTHZ = 'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz'
const NAMES = new Map([
  [ENVOY_AUTHZ, 'envoy.filters.network.ext_authz'],
  [LIMIT, 'aeraki.meta_protocol.filters.ratelimit'],
  [AUTHZ, 'meltemi.filters.ext_authz'],
])
const SERVICE = 'grpc_service: {envoy_grpc: {cluster_name: c}}'

function parse(type: string, config: string) {
  const filters = new Map(
    [...NAMES].map(([key, name]) => [
      key,
      { name, parse: (_: unknown, problem: (path: string, text: string) => void) => problem('', 'is needed') },
    ]),
  )
  const entry = config === '' ? `{name: ${NAMES.get(type)}}` : `{name: x, config: {"@type": x/${type}, ${config}}}`
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
          stat_prefix: s, protocol: {name: p, codec: {name: x}}, route_config: {routes: [{route: {cluster: c}}]},
          meta_protocol_filters: [${entry}]}
`,
    'file.yaml',
    { filters },
  )
}

function accept(type: string, config: string): FilterConfig {
  const { config: accepted, problems } = parse(type, config)
  assert.deepEqual(problems, [])
  const filter = accepted?.listeners[0]?.filter
  return (filter?.kind === 'meta-protocol' ? filter.filters[0] : undefined) ?? assert.fail('no filter')
}

/** As `path: message`, the path inside the filter's configuration. */
function problems(type: string, config: string, severity = 'error'): readonly string[] {
  const found = parse(type, config).problems.filter((problem) => problem.severity === severity)
  return found.map(({ path, message }) => `${path.replace(/^.*meta_protocol_filters\[0\]\.config\.?/, '')}: ${message}`)
}

describe('a global rate limit', () => {
  const base = `domain: d, rate_limit_service: {${SERVICE}}`
  const limit = (config: string) => accept(LIMIT, config).parsed as GlobalRateLimitConfig

  test('in the reference’s form', () => {
    const config = `match: {metadata: [{name: method, exact_match: hello}]}, timeout: 0.1s, failure_mode_deny: true,
      descriptors: [{property: method, descriptor_key: m}, {property: user, descriptor_key: u}], ${base}`
    const entry = { kind: 'property', ignoreCase: false, isOptional: false }
    assert.deepEqual(limit(config.replaceAll('\n', ' ')), {
      match: {
        metadata: [
          {
            name: 'method',
            test: { kind: 'exact', text: 'hello', ignoreCase: false },
            invert: false,
            treatMissingAsEmpty: false,
          },
        ],
      },
      domain: 'd',
      grpcService: { cluster: 'c', authority: '', headers: [], timeoutMs: 100 },
      failureModeDeny: true,
      descriptors: [
        { entries: [{ ...entry, key: 'm', property: 'method' }] },
        { entries: [{ ...entry, key: 'u', property: 'user' }] },
      ],
      hitsAddend: 0,
      statPrefix: '',
    })
  })

  test('waits 20 ms if nothing is said, for ever with 0s, and else as long as one of both says', () => {
    const waits = (timeout: string, service: string) => {
      const { config } = parse(
        LIMIT,
        `domain: d, ${timeout} rate_limit_service: {grpc_service: {envoy_grpc: {cluster_name: c} ${service}}}, descriptors: [{property: a, descriptor_key: b}]`,
      )
      const filter = config?.listeners[0]?.filter
      const parsed = filter?.kind === 'meta-protocol' ? filter.filters[0]?.parsed : undefined
      return (parsed as GlobalRateLimitConfig | undefined)?.grpcService.timeoutMs
    }
    assert.deepEqual(
      [waits('', ''), waits('timeout: 0s,', ''), waits('timeout: 1s,', ''), waits('', ', timeout: 2s')],
      [20, 0, 1_000, 2_000],
    )
    assert.equal(waits('timeout: 1s,', ', timeout: 2s'), undefined, 'both')
  })

  test('with combined descriptors of Envoy’s actions', () => {
    const actions = `{request_headers: {header_name: User, descriptor_key: u, skip_if_absent: true}}, {remote_address: {}},
      {generic_key: {descriptor_value: v}}, {generic_key: {descriptor_value: v, descriptor_key: k}},
      {header_value_match: {descriptor_value: m, expect_match: false, headers: [{name: a, present_match: true}]}}`
    const config = `${base}, hits_addend: 3, stat_prefix: s,
      combined_descriptors: [{actions: [${actions}], limit: {requests_per_unit: 5, unit: HOUR}, hits_addend: 2}]`
    const { descriptors, hitsAddend, statPrefix } = limit(config.replaceAll('\n', ' '))
    const isA = { name: 'a', test: { kind: 'present', present: true }, invert: false, treatMissingAsEmpty: false }
    assert.deepEqual(descriptors, [
      {
        entries: [
          { kind: 'property', key: 'u', property: 'User', ignoreCase: true, isOptional: true },
          { kind: 'remote-address', key: 'remote_address' },
          { kind: 'constant', key: 'generic_key', value: 'v' },
          { kind: 'constant', key: 'k', value: 'v' },
          { kind: 'match', key: 'header_match', value: 'm', match: { metadata: [isA] }, expects: false },
        ],
        limit: { requestsPerUnit: 5, unit: 3 },
        hitsAddend: 2n,
      },
    ])
    assert.deepEqual([hitsAddend, statPrefix], [3, 's'])
  })

  test('is refused with the place of what is wrong', () => {
    assert.deepEqual(problems(LIMIT, base), ['descriptors: descriptors is required'])
    assert.deepEqual(problems(LIMIT, 'domain: d, descriptors: [{property: a, descriptor_key: b}]'), [
      'rate_limit_service: rate_limit_service is required',
    ])
    assert.deepEqual(problems(LIMIT, `${base}, descriptors: [{descriptor_key: b}]`), [
      'descriptors[0].property: property is required',
    ])
    assert.deepEqual(problems(LIMIT, `${base}, combined_descriptors: [{actions: [{source_cluster: {}}]}]`), [
      'combined_descriptors[0].actions[0].source_cluster: source_cluster is not supported yet',
    ])
    assert.deepEqual(problems(LIMIT, ''), [': is needed'])
    const google = 'domain: d, rate_limit_service: {grpc_service: {google_grpc: {target_uri: a, stat_prefix: b}}}'
    assert.deepEqual(problems(LIMIT, `${google}, descriptors: [{property: a, descriptor_key: b}]`), [
      'rate_limit_service.grpc_service.google_grpc: google_grpc is not supported yet',
    ])
    const old = `domain: d, rate_limit_service: {${SERVICE}, transport_api_version: V2}`
    assert.deepEqual(problems(LIMIT, `${old}, descriptors: [{property: a, descriptor_key: b}]`), [
      'rate_limit_service.transport_api_version: expected V3, got V2',
    ])
  })

  test('whose cluster is not there is a warning, for it may come', () => {
    const elsewhere = base.replace('cluster_name: c', 'cluster_name: nowhere')
    assert.deepEqual(problems(LIMIT, `${elsewhere}, descriptors: [{property: a, descriptor_key: b}]`, 'warning'), [
      'rate_limit_service.grpc_service.envoy_grpc.cluster_name: there is no cluster "nowhere"',
    ])
  })

  test('tells which cluster it asks', () => {
    assert.deepEqual(clustersOfFilter(accept(LIMIT, `${base}, descriptors: [{property: a, descriptor_key: b}]`)), ['c'])
    assert.deepEqual(clustersOfFilter({ name: 'a', typeUrl: 'b', config: undefined }), [])
  })
})

describe('external authorization', () => {
  test('by the names of Envoy', () => {
    const service =
      'grpc_service: {envoy_grpc: {cluster_name: c, authority: a}, timeout: 1s, initial_metadata: [{key: K, value: v}]}'
    const config = `stat_prefix: s, ${service}, failure_mode_allow: true, transport_api_version: V3, include_tls_session: true,
      match: {metadata: [{name: a, present_match: true}]}, context_extensions: {k: v}`
    const isA = { name: 'a', test: { kind: 'present', present: true }, invert: false, treatMissingAsEmpty: false }
    assert.deepEqual(accept(AUTHZ, config.replaceAll('\n', ' ')).parsed, {
      statPrefix: 's',
      grpcService: { cluster: 'c', authority: 'a', headers: [['k', 'v']], timeoutMs: 1_000 },
      failureModeAllow: true,
      includeTlsSession: true,
      match: { metadata: [isA] },
      contextExtensions: { k: 'v' },
    })
  })

  test('in the form of Envoy’s network filter, as far as there is something to it', () => {
    const parsed = accept(ENVOY_AUTHZ, `stat_prefix: s, ${SERVICE}, failure_mode_allow: true`).parsed as ExtAuthzConfig
    assert.deepEqual([parsed.failureModeAllow, parsed.match, parsed.contextExtensions], [true, { metadata: [] }, {}])
    assert.deepEqual(problems(ENVOY_AUTHZ, `stat_prefix: s, ${SERVICE}, include_peer_certificate: true`), [
      'include_peer_certificate: include_peer_certificate is not supported yet',
    ])
  })

  test('denies, and waits 200 ms, if nothing is said', () => {
    const parsed = accept(AUTHZ, `stat_prefix: s, ${SERVICE}`).parsed as ExtAuthzConfig
    assert.deepEqual([parsed.failureModeAllow, parsed.grpcService.timeoutMs], [false, 200])
  })

  test('is refused with the place of what is wrong', () => {
    assert.deepEqual(problems(AUTHZ, 'stat_prefix: s'), ['grpc_service: grpc_service is required'])
    assert.deepEqual(problems(AUTHZ, SERVICE), ['stat_prefix: stat_prefix is required'])
    assert.deepEqual(problems(AUTHZ, `stat_prefix: s, ${SERVICE}, transport_api_version: V2`), [
      'transport_api_version: expected V3, got V2',
    ])
    assert.deepEqual(problems(AUTHZ, ''), [': is needed'])
  })
})
