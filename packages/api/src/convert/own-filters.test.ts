import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_TYPES } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'
import type { FilterRule } from './convert-context.ts'

const FAULT = 'type.googleapis.com/meltemi.filters.fault.v1.Fault'
const METADATA = 'type.googleapis.com/meltemi.filters.metadata.v1.MetadataOperations'
const rule = (name: string): FilterRule => ({ name, parse: () => ({}) })
const options = {
  filters: new Map([
    [FAULT, rule('meltemi.filters.fault')],
    [METADATA, rule('meltemi.filters.metadata')],
  ]),
}

function parse(type: string, fields: string) {
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
          stat_prefix: s, protocol: {name: p, codec: {name: c}}, route_config: {routes: [{route: {cluster: c}}]},
          meta_protocol_filters: [{name: x, config: {"@type": ${type}${fields === '' ? '' : `, ${fields.replaceAll('\n', ' ')}`}}}]}
`,
    'file.yaml',
    options,
  )
}

function parsedOf(type: string, fields: string): unknown {
  const { config, problems } = parse(type, fields)
  assert.deepEqual(problems, [])
  const filter = config?.listeners[0]?.filter
  return filter?.kind === 'meta-protocol' ? filter.filters[0]?.parsed : undefined
}

function problemsOf(type: string, fields: string): readonly string[] {
  const prefix =
    'static_resources.listeners[0].filter_chains[0].filters[0].typed_config.meta_protocol_filters[0].config.'
  return parse(type, fields).problems.map(({ path, message }) => `${path.replace(prefix, '')}: ${message}`)
}

test('a fault is read as Envoy means it', () => {
  const nothing = {
    match: { metadata: [] },
    delay: undefined,
    abort: undefined,
    maxActiveFaults: 1_024,
    statPrefix: '',
  }
  assert.deepEqual(parsedOf(FAULT, ''), nothing)
  const all = `match: {metadata: [{name: a, present_match: true}]},
    delay: {fixed_delay: 0.25s, percentage: {numerator: 5}},
    abort: {error_type: Denied, percentage: {numerator: 7, denominator: MILLION}}, max_active_faults: 0, stat_prefix: here`
  assert.deepEqual(parsedOf(FAULT, all), {
    match: {
      metadata: [{ name: 'a', test: { kind: 'present', present: true }, invert: false, treatMissingAsEmpty: false }],
    },
    delay: { delayMs: 250, share: { numerator: 5, denominator: 100 } },
    abort: { errorType: 'Denied', share: { numerator: 7, denominator: 1_000_000 } },
    maxActiveFaults: 0,
    statPrefix: 'here',
  })
  const types = Object.keys(ERROR_TYPES).join(', ')
  assert.deepEqual(problemsOf(FAULT, 'delay: {percentage: {numerator: 5}}, abort: {error_type: Oops}'), [
    'delay.fixed_delay: fixed_delay is required',
    'abort.percentage: percentage is required',
    `abort.error_type: expected one of ${types}, got Oops`,
  ])
  assert.deepEqual(problemsOf(FAULT, 'delay: {fixed_delay: 2h, percentage: {}}'), [
    'delay.fixed_delay: expected a duration such as 1.5s, got the string "2h"',
  ])
  assert.deepEqual(problemsOf(FAULT, 'delay: {fixed_delay: 3601s, percentage: {}}'), [
    'delay.fixed_delay: must be at most 3600s, got 3601s',
  ])
})

test('metadata operations are read, and refused with their place', () => {
  const text = (name: string) => ({ source: 'text', name })
  assert.deepEqual(
    parsedOf(
      METADATA,
      'request: [{key: a, set: {text: b}}, {key: c, copy: a, in_message: true}, {key: d, remove: true}]',
    ),
    {
      request: [
        { key: 'a', kind: 'set', value: text('b'), inMessage: false },
        { key: 'c', kind: 'set', value: { source: 'metadata', name: 'a' }, inMessage: true },
        { key: 'd', kind: 'remove', value: undefined, inMessage: false },
      ],
      response: [],
    },
  )
  assert.deepEqual(problemsOf(METADATA, 'request: [{key: a}, {key: b, set: {}}, {set: {text: a}}]'), [
    'request[0]: one of set, append, remove, copy is required',
    'request[1].set: one of text, metadata, request_metadata, connection, environment, node is required',
    'request[2].key: key is required',
  ])
  const reserved = ['TLS.principal', 'proxy_protocol.x', 'x-meta-protocol-real-server-address', 'x-envoy-peer-metadata']
  for (const key of reserved)
    assert.deepEqual(problemsOf(METADATA, `response: [{key: ${key}, remove: true}]`), [
      `response[0].key: ${key} is the proxy's own`,
    ])
  assert.deepEqual(
    problemsOf(METADATA, 'request: [{key: a, set: {node: metadata}}, {key: b, set: {request_metadata: x}}]'),
    [
      'request[0].set.node: expected id, cluster, or a path such as metadata.LABELS.app, got metadata',
      'request[1].set.request_metadata: has a meaning for replies only: metadata is that of the request itself',
    ],
  )
})

test('a filter that neither the listener nor a route configures is a warning, as long as routes do not come later', () => {
  const warningsOf = (
    more: object,
    routes: object = { route_config: { routes: [{ route: { cluster: 'c', ...more } }] } },
  ) => {
    const typed_config = {
      '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
      stat_prefix: 's',
      protocol: { name: 'p', codec: { name: 'c' } },
      meta_protocol_filters: [{ name: 'meltemi.filters.fault' }],
      ...routes,
    }
    const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
    const listeners = [{ address, filter_chains: [{ filters: [{ name: 'any', typed_config }] }] }]
    const dynamic_resources = {
      ads_config: { api_type: 'GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'c' } }] },
    }
    const node = { id: 'n', cluster: 'c' }
    const text = JSON.stringify({ node, dynamic_resources, static_resources: { clusters: [{ name: 'c' }], listeners } })
    const { config, problems } = parseBootstrap(text, 'file.json', options)
    assert.ok(config !== undefined, JSON.stringify(problems))
    return problems.map(({ severity, message }) => `${severity}: ${message}`)
  }
  const warning = 'warning: filter "meltemi.filters.fault" does nothing: no route has a config for it'
  assert.deepEqual(warningsOf({}), [warning])
  const disabled = { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true }
  assert.deepEqual(warningsOf({ typed_per_filter_config: { 'meltemi.filters.fault': disabled } }), [warning])
  assert.deepEqual(warningsOf({ typed_per_filter_config: { 'meltemi.filters.fault': { '@type': FAULT } } }), [])
  assert.deepEqual(warningsOf({}, { rds: { route_config_name: 'r', config_source: { ads: {} } } }), [])
})
