import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AuthorizationConfig, Problem, RbacCondition } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

const NETWORK = 'envoy.extensions.filters.network.rbac.v3.RBAC'
const HTTP = 'envoy.extensions.filters.http.rbac.v3.RBAC'

interface Read {
  readonly config: AuthorizationConfig | undefined
  readonly problems: readonly Problem[]
}

/** Reads a filter that stands in a bootstrap. */
function read(rbac: object, type = NETWORK, chain: object = {}): Read {
  const config = { '@type': `type.googleapis.com/${type}`, ...(type === NETWORK ? { stat_prefix: 'p' } : {}), ...rbac }
  const proxy = {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: 's',
    protocol: { name: 'p', codec: { name: 'c' } },
    route_config: { routes: [{ route: { cluster: 'c' } }] },
    meta_protocol_filters: [{ name: 'rbac', config }],
  }
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  const listener = { address, filter_chains: [{ filters: [{ name: 'any', typed_config: proxy }], ...chain }] }
  const bootstrap = { static_resources: { clusters: [{ name: 'c' }], listeners: [listener] } }
  const filters = new Map([NETWORK, HTTP].map((each) => [each, { name: each, parse: () => undefined }]))
  const { config: parsed, problems } = parseBootstrap(JSON.stringify(bootstrap), 'file.json', { filters })
  const filter = parsed?.listeners[0]?.filter
  const own = filter?.kind === 'meta-protocol' ? (filter.filters[0]?.parsed as AuthorizationConfig) : undefined
  return { config: own, problems }
}

function rules(permission: object, principal: object = { any: true }, action = 'ALLOW'): object {
  return { rules: { action, policies: { one: { permissions: [permission], principals: [principal] } } } }
}

function errorsOf({ problems }: Read): readonly string[] {
  return problems
    .filter(({ severity }) => severity === 'error')
    .map(({ path, message }) => `${shorten(path)}: ${message}`)
}

function shorten(path: string): string {
  return path.slice(path.indexOf('config', path.indexOf('meta_protocol_filters')) + 'config.'.length)
}

/** Of the only permission and the only principal. */
function conditionsOf({ config, problems }: Read): readonly [RbacCondition, RbacCondition] {
  assert.deepEqual(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  )
  const [policy] = config?.rules?.policies ?? []
  assert.ok(policy?.condition.kind === 'and')
  const [permission, principal] = policy.condition.conditions.map((each) =>
    each.kind === 'or' ? each.conditions[0] : each,
  )
  return [permission as RbacCondition, principal as RbacCondition]
}

const string = (text: string) => ({ kind: 'exact', text, ignoreCase: false }) as const
const property = (name: string, test: object) =>
  ({ kind: 'property', matcher: { name, test, invert: false, treatMissingAsEmpty: false } }) as RbacCondition
const range = { address_prefix: '10.0.0.0', prefix_len: 8 }
const address = (of: string) => ({ kind: 'address', of, prefix: '10.0.0.0', bits: 8 }) as RbacCondition
const metadata = (filter: string, key: string, more = {}) => ({
  metadata: { filter, path: [{ key }], value: { string_match: { exact: 'v' } }, ...more },
})

describe('a permission is read:', () => {
  const rows: readonly (readonly [object, RbacCondition])[] = [
    [{ any: true }, { kind: 'any' }],
    [{ header: { name: 'Method', string_match: { exact: 'v' } } }, property('Method', string('v'))],
    [metadata('aeraki.meta_protocol.request', 'method'), property('method', string('v'))],
    [metadata('envoy.filters.dubbo.rbac', 'service'), property('interface', string('v'))],
    [metadata('envoy.filters.dubbo.rbac', 'method'), property('method', string('v'))],
    [
      metadata('envoy.filters.dubbo.rbac', 'method', { invert: true }),
      { kind: 'not', condition: property('method', string('v')) },
    ],
    [{ destination_ip: range }, address('local')],
    [{ destination_port: 80 }, { kind: 'port', start: 80, end: 81 }],
    [{ destination_port_range: { start: 1, end: 9 } }, { kind: 'port', start: 1, end: 9 }],
    [{ requested_server_name: { exact: 'a' } }, { kind: 'server-name', match: string('a') }],
    [{ and_rules: { rules: [{ any: true }] } }, { kind: 'and', conditions: [{ kind: 'any' }] }],
    [{ not_rule: { any: true } }, { kind: 'not', condition: { kind: 'any' } }],
  ]
  for (const [json, condition] of rows)
    test(JSON.stringify(json), () => assert.deepEqual(conditionsOf(read(rules(json)))[0], condition))
})

describe('a principal is read:', () => {
  const rows: readonly (readonly [object, RbacCondition])[] = [
    [{ any: true }, { kind: 'any' }],
    [{ authenticated: {} }, { kind: 'identity', match: undefined }],
    [{ authenticated: { principal_name: { exact: 'a' } } }, { kind: 'identity', match: string('a') }],
    [{ source_ip: range }, address('remote')],
    [{ remote_ip: range }, address('remote')],
    [{ direct_remote_ip: range }, address('direct')],
    [{ header: { name: 'user', string_match: { exact: 'v' } } }, property('user', string('v'))],
    [metadata('aeraki.meta_protocol.request', 'user'), property('user', string('v'))],
    [{ and_ids: { ids: [{ any: true }] } }, { kind: 'and', conditions: [{ kind: 'any' }] }],
    [{ not_id: { any: true } }, { kind: 'not', condition: { kind: 'any' } }],
  ]
  for (const [json, condition] of rows)
    test(JSON.stringify(json), () => assert.deepEqual(conditionsOf(read(rules({ any: true }, json)))[1], condition))
})

test('policies are looked at in the order of their names, wherever they stand', () => {
  const policy = { permissions: [{ any: true }], principals: [{ any: true }] }
  const { config } = read({ rules: { action: 'DENY', policies: { b: policy, a: policy, B: policy } } })
  assert.equal(config?.rules?.action, 'deny')
  assert.deepEqual(
    config?.rules?.policies.map(({ name }) => name),
    ['B', 'a', 'b'],
  )
})

test('what is not there refuses nothing, and an empty RBAC has no policies', () => {
  assert.equal(read({}).config?.rules, undefined)
  assert.deepEqual(read({ rules: {} }).config?.rules, { action: 'allow', policies: [] })
})

test('names of stats are those of both filters', () => {
  const network = read({ shadow_rules: {}, shadow_rules_stat_prefix: 'try_', stat_prefix: 'dubbo.' }).config
  assert.deepEqual([network?.statPrefix, network?.shadowStatPrefix], ['dubbo.', 'try_'])
  assert.equal(read({}).config?.statPrefix, 'p.')
  const http = read({ rules: {}, rules_stat_prefix: 'own_', track_per_rule_stats: true }, HTTP).config
  assert.deepEqual([http?.statPrefix, http?.rulesStatPrefix, http?.tracksEachPolicy], ['', 'own_', true])
})

describe('what cannot be done is refused at its place:', () => {
  const first = 'rules.policies["one"].permissions[0]'
  const who = 'rules.policies["one"].principals[0]'
  const extension = { name: 'x', typed_config: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: {} } }
  const any = [{ any: true }]
  const rows: readonly (readonly [string, object, RegExp])[] = [
    ['a matcher tree', { matcher: {} }, /^matcher: matcher is not supported, write policies$/],
    [
      'a path of HTTP',
      rules({ url_path: { path: { exact: '/' } } }),
      /url_path: url_path is not supported: messages have no path/,
    ],
    ['a matcher of an extension', rules({ matcher: extension }), /permissions\[0\].*matcher is not supported yet/],
    ['a template', rules({ uri_template: extension }), /uri_template is not supported yet/],
    [
      'state of filters',
      rules({ any: true }, { filter_state: { key: 'k', string_match: { exact: 'a' } } }),
      /filter_state is not supported/,
    ],
    ['metadata of another filter', rules(metadata('other', 'k')), /there is no metadata of "other", known are: aeraki/],
    [
      'a part of a property',
      rules({
        metadata: {
          filter: 'envoy.filters.dubbo.rbac',
          path: [{ key: 'a' }, { key: 'b' }],
          value: { present_match: true },
        },
      }),
      /a property has no parts/,
    ],
    [
      'a number',
      rules({
        metadata: { filter: 'envoy.filters.dubbo.rbac', path: [{ key: 'a' }], value: { double_match: { exact: 1 } } },
      }),
      /double_match is not supported yet/,
    ],
    [
      'no address',
      rules({ destination_ip: { address_prefix: 'host', prefix_len: 8 } }),
      /expected an IP address, got "host"/,
    ],
    [
      'too many bits',
      rules({ destination_ip: { address_prefix: '10.0.0.0', prefix_len: 33 } }),
      /an address has 32 bits, not 33/,
    ],
    ['no port', rules({ destination_port_range: { start: 9, end: 9 } }), /no port is at least 9 and less than 9/],
    [
      'a pattern that is not RE2',
      rules({ header: { name: 'a', string_match: { safe_regex: { regex: '(' } } } }),
      /missing closing/,
    ],
    [
      'an expression',
      { rules: { policies: { one: { permissions: any, principals: any, condition: {} } } } },
      /condition: expressions in CEL are not supported/,
    ],
    ['audit loggers', { rules: { audit_logging_options: {} } }, /audit_logging_options is not supported yet/],
    ['no principals', { rules: { policies: { one: { permissions: any } } } }, /principals/],
    ['an empty condition', rules({}), /is required/],
    ['an any that is false', rules({ any: false }), /any/],
  ]
  for (const [name, rbac, expected] of rows) {
    test(name, () => {
      const errors = errorsOf(read(rbac))
      assert.equal(errors.length, 1, errors.join('\n'))
      assert.match(errors[0] ?? '', expected)
    })
  }
  test('with the path of what is wrong', () => {
    assert.match(errorsOf(read(rules({ url_path: {} })))[0] ?? '', new RegExp(`^${first.replaceAll(/[[\]"]/g, '.')}`))
    assert.match(
      errorsOf(read(rules({ any: true }, { url_path: {} })))[0] ?? '',
      new RegExp(`^${who.replaceAll(/[[\]"]/g, '.')}`),
    )
  })
})

test('an address without a length fits all, which is warned of', () => {
  const { problems } = read(rules({ destination_ip: { address_prefix: '10.0.0.0' } }))
  assert.deepEqual(
    problems.map(({ severity, message }) => `${severity}: ${message}`),
    ['warning: without it every address of the family fits'],
  )
})

describe('rules that ask who a client is', () => {
  const socket = (context: object, more: object = {}) => ({
    transport_socket: {
      name: 'tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
        common_tls_context: {
          tls_certificates: [{ certificate_chain: { filename: 'a' }, private_key: { filename: 'b' } }],
          ...context,
        },
        ...more,
      },
    },
  })
  const warnings = (principal: object, chain: object) =>
    read(rules({ any: true }, principal), NETWORK, chain).problems.filter(({ message }) =>
      message.includes('asks who the client is'),
    )
  const asked = { authenticated: { principal_name: { prefix: 'spiffe://' } } }
  const verified = { validation_context: { trusted_ca: { filename: 'c' } } }

  test('are warned of where nobody verifies it', () => {
    for (const chain of [{}, socket({}), socket(verified)]) {
      const [warning, ...others] = warnings({ not_id: asked }, chain)
      assert.equal(warning?.severity, 'warning')
      assert.equal(warning?.path, 'static_resources.listeners[0].filter_chains')
      assert.deepEqual(others, [])
    }
  })

  test('are right where clients must show a certificate, and others need none', () => {
    assert.deepEqual(warnings(asked, socket(verified, { require_client_certificate: true })), [])
    assert.deepEqual(warnings({ remote_ip: range }, {}), [])
  })
})
