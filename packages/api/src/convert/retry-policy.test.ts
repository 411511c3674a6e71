import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBootstrap } from '../parse-bootstrap.ts'

const PREDICATE = 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'
const OTHER = 'type.googleapis.com/google.protobuf.Empty'

/** A bootstrap whose one route has this in its action. */
function parse(action: string) {
  const proxy = '"@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy'
  const text = `
static_resources:
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 9000}}
    filter_chains:
    - filters:
      - name: f
        typed_config:
          ${proxy}
          stat_prefix: s
          protocol: {name: p, codec: {name: c}}
          meta_protocol_filters: [{name: aeraki.meta_protocol.filters.router}]
          route_config: {name: r, routes: [{name: a, route: {cluster: c, ${action}}}]}
  clusters: [{name: c, type: STATIC, connect_timeout: 1s, load_assignment: {cluster_name: c}}]
`
  const { config, problems } = parseBootstrap(text, 'test.yaml', {})
  const filter = config?.listeners[0]?.filter
  const route = filter?.kind === 'meta-protocol' ? filter.routes.routes[0] : undefined
  const at = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.routes[0].route.'
  return { route, problems: problems.map(({ path, message }) => `${path.replace(at, '')}: ${message}`) }
}

test('a retry policy has the defaults of the reference', () => {
  const { route, problems } = parse('retry_policy: {retry_on: "5xx"}')
  assert.deepEqual(problems, [])
  assert.deepEqual(route?.retry, {
    retryOn: ['5xx'],
    numRetries: 1,
    perTryTimeoutMs: 0,
    backOff: { baseMs: 25, maxMs: 250 },
    retriableHeaders: [],
    retriableRequestHeaders: [],
  })
  assert.equal(route?.hedge, undefined)
})

test('the longest wait is ten times the first, where it is not said', () => {
  const { route } = parse('retry_policy: {retry_on: " reset , 5xx", retry_back_off: {base_interval: 0.1s}}')
  assert.deepEqual(route?.retry?.backOff, { baseMs: 100, maxMs: 1000 })
  assert.deepEqual(route?.retry?.retryOn, ['5xx', 'reset'])
})

const REFUSED: readonly (readonly [action: string, problem: string])[] = [
  [
    'retry_policy: {retry_on: "5xx,unavailable"}',
    'retry_policy.retry_on: there is no condition "unavailable", known are: 5xx, gateway-error, reset, reset-before-request, connect-failure, refused-stream, retriable-headers, error-status, non-idempotent',
  ],
  ['retry_policy: {retry_on: retriable-headers}', 'retry_policy.retry_on: "retriable-headers" needs retriable_headers'],
  [
    'retry_policy: {retry_on: reset, retriable_headers: [{name: a}]}',
    'retry_policy.retriable_headers: needs "retriable-headers" in retry_on',
  ],
  [
    'retry_policy: {retry_on: reset, retry_back_off: {base_interval: 2s, max_interval: 1s}}',
    'retry_policy.retry_back_off.max_interval: must not be less than base_interval',
  ],
  [
    `retry_policy: {retry_on: reset, retry_host_predicate: [{name: a, typed_config: {"@type": ${OTHER}}}]}`,
    `retry_policy.retry_host_predicate[0].typed_config: only ${PREDICATE.replace(/.*\//, '')} is supported`,
  ],
  [
    'retry_policy: {retry_on: reset, retriable_status_codes: [503]}',
    'retry_policy.retriable_status_codes: retriable_status_codes is not supported yet',
  ],
  ['hedge_policy: {initial_requests: 2}', 'hedge_policy: needs a retry_policy, which says how many tries there may be'],
  [
    'retry_policy: {retry_on: reset}, hedge_policy: {hedge_on_per_try_timeout: true}',
    'hedge_policy.hedge_on_per_try_timeout: needs per_try_timeout in retry_policy',
  ],
]

for (const [action, problem] of REFUSED) {
  test(`what cannot be done is refused with its place: ${problem.slice(0, 60)}`, () => {
    assert.deepEqual(parse(action).problems, [problem])
  })
}

test('the predicate of the reference that avoids previous hosts is accepted', () => {
  const predicate = `{name: a, typed_config: {"@type": ${PREDICATE}}}`
  assert.deepEqual(parse(`retry_policy: {retry_on: reset, retry_host_predicate: [${predicate}]}`).problems, [])
})
