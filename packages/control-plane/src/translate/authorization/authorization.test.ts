import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FilterConfig, MetaProtocolConfig } from '@meltemi/api'
import { stringify } from 'yaml'
import { serviceOf } from '../../testing/resources.ts'
import { translateService } from '../translate-service.ts'

const HOST = 'shop.default.svc.cluster.local'
const RBAC = 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC'

type Json = Readonly<Record<string, unknown>>

function entry(protocol = 'thrift', more: readonly object[] = []): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'shop' },
    spec: {
      hosts: [HOST],
      ports: [{ number: 9090, name: `tcp-metaprotocol-${protocol}` }, ...more],
      resolution: 'STATIC',
      endpoints: [{ address: '10.0.0.1' }],
    },
  }
}

function policy(spec: object, metadata: object = { name: 'p' }): object {
  return { apiVersion: 'metaprotocol.aeraki.io/v1alpha1', kind: 'MetaAuthorizationPolicy', metadata, spec }
}

function dubboPolicy(spec: object, metadata: object = { name: 'p' }): object {
  return { apiVersion: 'dubbo.aeraki.io/v1alpha1', kind: 'DubboAuthorizationPolicy', metadata, spec }
}

const DUBBO = {
  apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
  kind: 'ApplicationProtocol',
  metadata: { name: 'dubbo' },
  spec: { protocol: 'dubbo', codec: 'aeraki.meta_protocol.codec.dubbo' },
}

function translated(documents: readonly object[], trustDomains?: readonly string[]) {
  const view = serviceOf(documents.map((each) => stringify(each)).join('---\n'), HOST)
  const config = translateService(view, { listenHost: '127.0.0.1', ...(trustDomains && { trustDomains }) })
  const [listener] = config.listeners
  assert.ok(listener)
  const { filters } = listener.filter as MetaProtocolConfig
  return { filters, notes: config.notes, madeOf: view.madeOf }
}

function rbacOf(filters: readonly FilterConfig[]): readonly Json[] {
  return filters.filter(({ typeUrl }) => typeUrl === RBAC).map(({ config }) => config as Json)
}

/** The one permission and the one principal of the one rule of a policy. */
function ruleOf(rule: object, trustDomains?: readonly string[]): { permission: unknown; principal: unknown } {
  const [rbac] = rbacOf(translated([entry(), policy({ rules: [rule] })], trustDomains).filters)
  const { policies } = (rbac?.['rules'] ?? {}) as {
    policies: Record<string, { permissions: unknown[]; principals: unknown[] }>
  }
  const [only] = Object.values(policies)
  assert.deepEqual([only?.permissions.length, only?.principals.length], [1, 1])
  return { permission: only?.permissions[0], principal: only?.principals[0] }
}

const from = (source: object) => ({ from: [{ source }] })
const to = (operation: object) => ({ to: [{ operation }] })
const when = (condition: object) => ({ when: [condition] })
const named = (match: object) => ({ authenticated: { principalName: match } })
const regex = (pattern: string) => ({ safeRegex: { googleRe2: {}, regex: pattern } })
const header = (name: string, match: object) => ({ header: { name, ...match } })
const text = (name: string, stringMatch: object) => header(name, { stringMatch })
const WEB = 'cluster.local/ns/shop/sa/web'

describe('a source becomes a principal:', () => {
  const rows: readonly (readonly [object, object])[] = [
    [{ principals: [WEB] }, named({ exact: `spiffe://${WEB}` })],
    [{ principals: ['cluster.local/ns/shop/*'] }, named({ prefix: 'spiffe://cluster.local/ns/shop/' })],
    [{ principals: ['*/sa/web.1'] }, named(regex('spiffe://.*/sa/web\\.1'))],
    [{ principals: ['*'] }, named(regex('.+'))],
    [{ principals: [WEB, '*'] }, { orIds: { ids: [named({ exact: `spiffe://${WEB}` }), named(regex('.+'))] } }],
    [{ notPrincipals: [WEB] }, { notId: named({ exact: `spiffe://${WEB}` }) }],
    [{ namespaces: ['shop'] }, named(regex('.*/ns/shop/.*'))],
    [{ namespaces: ['shop-*.x'] }, named(regex('.*/ns/shop-.*\\.x/.*'))],
    [
      { notNamespaces: ['a', 'b'] },
      { notId: { orIds: { ids: ['a', 'b'].map((n) => named(regex(`.*/ns/${n}/.*`))) } } },
    ],
    [{ ipBlocks: ['10.0.0.0/8'] }, { directRemoteIp: { addressPrefix: '10.0.0.0', prefixLen: 8 } }],
    [{ ipBlocks: ['10.1.2.3'] }, { directRemoteIp: { addressPrefix: '10.1.2.3', prefixLen: 32 } }],
    [{ remoteIpBlocks: ['::1'] }, { remoteIp: { addressPrefix: '::1', prefixLen: 128 } }],
    [{ notRemoteIpBlocks: ['::/0'] }, { notId: { remoteIp: { addressPrefix: '::', prefixLen: 0 } } }],
    [
      { namespaces: ['shop'], ipBlocks: ['10.0.0.0/8'] },
      {
        andIds: {
          ids: [named(regex('.*/ns/shop/.*')), { directRemoteIp: { addressPrefix: '10.0.0.0', prefixLen: 8 } }],
        },
      },
    ],
  ]
  for (const [source, principal] of rows)
    test(JSON.stringify(source), () => assert.deepEqual(ruleOf(from(source)), { permission: { any: true }, principal }))
})

describe('an operation becomes a permission:', () => {
  const rows: readonly (readonly [object, object])[] = [
    [{ attributes: { method: { exact: 'read' } } }, text('method', { exact: 'read' })],
    [{ attributes: { method: { exact: '' } } }, text('method', { exact: '' })],
    [{ attributes: { method: { prefix: 'a' } } }, text('method', { prefix: 'a' })],
    [{ attributes: { method: { suffix: 'a' } } }, text('method', { suffix: 'a' })],
    [{ attributes: { method: { regex: 'a.*' } } }, text('method', regex('a.*'))],
    [{ attributes: { method: { present: false } } }, header('method', { presentMatch: false })],
    [
      { attributes: { method: { in: ['a', 'b'] } } },
      { orRules: { rules: [text('method', { exact: 'a' }), text('method', { exact: 'b' })] } },
    ],
    [{ notAttributes: { user: { exact: 'eve' } } }, { notRule: text('user', { exact: 'eve' }) }],
    [{ ports: [80] }, { destinationPort: 80 }],
    [{ notPorts: [80] }, { notRule: { destinationPort: 80 } }],
    [
      { attributes: { a: { exact: '1' }, b: { exact: '2' } }, ports: [80] },
      { andRules: { rules: [text('a', { exact: '1' }), text('b', { exact: '2' }), { destinationPort: 80 }] } },
    ],
  ]
  for (const [operation, permission] of rows)
    test(JSON.stringify(operation), () =>
      assert.deepEqual(ruleOf(to(operation)), { permission, principal: { any: true } }),
    )
})

describe('a condition is added to whichever it concerns:', () => {
  const any = { any: true }
  const rows: readonly (readonly [object, object, object])[] = [
    [{ key: 'source.ip', values: ['10.0.0.1'] }, any, { directRemoteIp: { addressPrefix: '10.0.0.1', prefixLen: 32 } }],
    [{ key: 'remote.ip', notValues: ['::1'] }, any, { notId: { remoteIp: { addressPrefix: '::1', prefixLen: 128 } } }],
    [{ key: 'source.namespace', values: ['a'] }, any, named(regex('.*/ns/a/.*'))],
    [{ key: 'source.principal', values: [WEB] }, any, named({ exact: `spiffe://${WEB}` })],
    [
      { key: 'destination.ip', values: ['10.0.0.1'] },
      { destinationIp: { addressPrefix: '10.0.0.1', prefixLen: 32 } },
      any,
    ],
    [{ key: 'destination.port', values: ['80'] }, { destinationPort: 80 }, any],
    [{ key: 'connection.sni', values: ['*.example'] }, { requestedServerName: { suffix: '.example' } }, any],
    [{ key: 'request.attributes[user]', values: ['a*'] }, text('user', { prefix: 'a' }), any],
    [
      { key: 'request.attributes[user]', values: ['*'], notValues: ['eve'] },
      { andRules: { rules: [text('user', regex('.+')), { notRule: text('user', { exact: 'eve' }) }] } },
      any,
    ],
  ]
  for (const [condition, permission, principal] of rows)
    test(JSON.stringify(condition), () => assert.deepEqual(ruleOf(when(condition)), { permission, principal }))

  test('to all of them where a rule has several', () => {
    const rule = {
      from: [{ source: { ipBlocks: ['10.0.0.1'] } }, { source: { ipBlocks: ['10.0.0.2'] } }],
      ...to({ ports: [80] }),
      ...when({ key: 'remote.ip', values: ['::1'] }),
    }
    const [rbac] = rbacOf(translated([entry(), policy({ rules: [rule] })]).filters)
    const remote = { remoteIp: { addressPrefix: '::1', prefixLen: 128 } }
    const principals = ['10.0.0.1', '10.0.0.2'].map((addressPrefix) => ({
      andIds: { ids: [{ directRemoteIp: { addressPrefix, prefixLen: 32 } }, remote] },
    }))
    const policies = { 'ns[default]-meta-policy[p]-rule[0]': { permissions: [{ destinationPort: 80 }], principals } }
    assert.deepEqual(rbac, { statPrefix: 'thrift.', rules: { action: 'ALLOW', policies } })
  })
})

test('the own trust domain and its aliases are the same, others are not', () => {
  const domains = ['new.example', 'old.example']
  const both = { orIds: { ids: domains.map((each) => named({ exact: `spiffe://${each}/ns/a/sa/b` })) } }
  for (const domain of ['cluster.local', ...domains])
    assert.deepEqual(ruleOf(from({ principals: [`${domain}/ns/a/sa/b`] }), domains).principal, both)
  const other = named({ exact: 'spiffe://other/ns/a/sa/b' })
  assert.deepEqual(ruleOf(from({ principals: ['other/ns/a/sa/b'] }), domains).principal, other)
})

describe('filters', () => {
  const rules = [{}]
  const every = { permissions: [{ any: true }], principals: [{ any: true }] }
  const at = (name: string) => ({ [`ns[default]-meta-policy[${name}]-rule[0]`]: every })

  test('come before all others: what is told of, what denies, what allows', () => {
    const policies = ['ALLOW', 'AUDIT', 'DENY'].map((action) =>
      policy({ action, rules }, { name: action.toLowerCase() }),
    )
    const { filters } = translated([entry(), ...policies])
    assert.deepEqual(
      rbacOf(filters).map(({ rules: own }) => own),
      [
        { action: 'LOG', policies: at('audit') },
        { action: 'DENY', policies: at('deny') },
        { action: 'ALLOW', policies: at('allow') },
      ],
    )
    assert.deepEqual(
      filters.map(({ typeUrl }) => typeUrl === RBAC),
      [true, true, true, false, false],
    )
  })

  test('are not there without policies', () => assert.deepEqual(rbacOf(translated([entry()]).filters), []))

  test('allow nothing where a policy of ALLOW has no rules', () => {
    const [rbac] = rbacOf(translated([entry(), policy({})]).filters)
    assert.deepEqual(rbac?.['rules'], { action: 'ALLOW', policies: {} })
  })

  test('only try what runs dry, by field or by the annotation of Istio', () => {
    const dry = [
      policy({ action: 'DENY', dryRun: true, rules }, { name: 'a' }),
      policy({ action: 'DENY', rules }, { name: 'b', annotations: { 'istio.io/dry-run': 'true' } }),
    ]
    const [rbac, ...others] = rbacOf(translated([entry(), ...dry]).filters)
    assert.deepEqual(others, [])
    const shadowRules = { action: 'DENY', policies: { ...at('a'), ...at('b') } }
    assert.deepEqual(rbac, { statPrefix: 'thrift.', shadowRules, shadowRulesStatPrefix: 'istio_dry_run_deny_' })
  })
})

describe('scope:', () => {
  const rules = [{}]
  const count = (...policies: readonly object[]) => rbacOf(translated([entry(), ...policies]).filters).length

  test('a policy is for all services of its namespace, or for those that it names', () => {
    assert.equal(count(policy({ rules })), 1)
    assert.equal(count(policy({ rules, hosts: [HOST] })), 1)
    assert.equal(count(policy({ rules, hosts: ['shop'] })), 1)
    assert.equal(count(policy({ rules, hosts: ['depot'] })), 0)
    assert.equal(count(policy({ rules }, { name: 'p', namespace: 'other' })), 0)
    assert.equal(count(policy({ rules, hosts: [HOST] }, { name: 'p', namespace: 'other' })), 0)
  })

  test('that of Dubbo is for services that speak it, and both kinds may have the same name', () => {
    assert.equal(count(dubboPolicy({ rules })), 0)
    const { filters } = translated([DUBBO, entry('dubbo'), dubboPolicy({ rules }), policy({ rules })])
    const [rbac] = rbacOf(filters)
    const { policies } = (rbac?.['rules'] ?? {}) as { policies: object }
    assert.deepEqual(Object.keys(policies), ['ns[default]-policy[p]-rule[0]', 'ns[default]-meta-policy[p]-rule[0]'])
    assert.equal(rbac?.['statPrefix'], 'dubbo.')
  })

  test('a service is made of its policies, so that they hear what becomes of it', () => {
    const { madeOf } = translated([entry(), policy({ rules }), dubboPolicy({ rules })])
    assert.ok(madeOf.has('MetaAuthorizationPolicy/default/p'))
    assert.ok(!madeOf.has('DubboAuthorizationPolicy/default/p'))
  })
})

test('an empty list of sources or operations asks nothing, as one that is not there', () => {
  const anybody = { permissions: [{ any: true }], principals: [{ any: true }] }
  const rules = [{ from: [], to: [] }]
  const { filters } = translated([DUBBO, entry('dubbo'), dubboPolicy({ rules }), policy({ rules })])
  const [rbac] = rbacOf(filters)
  const { policies } = (rbac?.['rules'] ?? {}) as { policies: object }
  assert.deepEqual(Object.values(policies), [anybody, anybody])
})

test('a policy of Dubbo is what the reference makes of it', () => {
  const source = { principals: [WEB], notNamespaces: ['test'] }
  const operation = { interfaces: ['org.example.*'], notMethods: ['drop', '*All'] }
  const { filters } = translated([
    DUBBO,
    entry('dubbo'),
    dubboPolicy({ action: 'DENY', rules: [{ from: [{ source }], to: [{ operation }] }] }, { name: 'guard' }),
  ])
  const ids = [named({ exact: `spiffe://${WEB}` }), { notId: named(regex('.*/ns/test/.*')) }]
  const methods = [text('method', { exact: 'drop' }), text('method', { suffix: 'All' })]
  const permissions = [text('interface', { prefix: 'org.example.' }), { notRule: { orRules: { rules: methods } } }]
  const only = { permissions: [{ andRules: { rules: permissions } }], principals: [{ andIds: { ids } }] }
  assert.deepEqual(rbacOf(filters), [
    { statPrefix: 'dubbo.', rules: { action: 'DENY', policies: { 'ns[default]-policy[guard]-rule[0]': only } } },
  ])
})

describe('what cannot be kept to is told:', () => {
  const notesOf = (documents: readonly object[]) =>
    translated(documents).notes.map(({ code, path, key, severity }) => [severity, code, path.join('.'), key])

  test('that nobody has an identity', () => {
    const rule = {
      from: [{ source: { ipBlocks: ['::1'] } }, { source: { principals: ['*'], notNamespaces: ['a'] } }],
      when: [
        { key: 'source.ip', values: ['::1'] },
        { key: 'source.namespace', values: ['a'] },
      ],
    }
    const key = 'MetaAuthorizationPolicy/default/p'
    assert.deepEqual(notesOf([entry(), policy({ rules: [{}, rule] })]), [
      ['warning', 'no-identity', 'spec.rules.1.from.1.source.principals', key],
      ['warning', 'no-identity', 'spec.rules.1.from.1.source.notNamespaces', key],
      ['warning', 'no-identity', 'spec.rules.1.when.1.key', key],
    ])
  })

  test('that a port of plain TCP is open', () => {
    const documents = [entry('thrift', [{ number: 9091, name: 'tcp' }]), policy({ rules: [{}] })]
    assert.deepEqual(notesOf(documents), [['warning', 'no-effect', 'spec', 'MetaAuthorizationPolicy/default/p']])
  })

  test('that a service which a policy of Dubbo names does not speak it', () => {
    const named = dubboPolicy({ hosts: [HOST], action: 'DENY', rules: [{}] })
    const note = ['warning', 'no-effect', 'spec', 'DubboAuthorizationPolicy/default/p']
    assert.deepEqual(notesOf([entry(), named]), [note])
    const both = entry('dubbo', [{ number: 9091, name: 'tcp-metaprotocol-thrift' }])
    assert.deepEqual(notesOf([DUBBO, both, named]), [note])
    assert.deepEqual(notesOf([DUBBO, entry('dubbo'), named]), [])
  })

  test('that a port whose Dubbo only a mesh knows is open here', () => {
    const port = entry('thrift', [{ number: 9091, name: 'tcp-dubbo' }])
    const { notes } = translated([port, dubboPolicy({ action: 'DENY', rules: [{}] })])
    const [note] = notes.filter(({ message }) => message.includes('port 9091'))
    assert.match(note?.message ?? '', /is plain TCP to Meltemi's proxies, where no policy is kept to/)
  })
})
