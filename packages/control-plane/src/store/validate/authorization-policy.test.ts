import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Problem, parseResources } from '@meltemi/api'
import { stringify } from 'yaml'
import { validateResources } from '../validate.ts'

function check(spec: object, metadata: object = {}, kind = 'MetaAuthorizationPolicy'): readonly Problem[] {
  const apiVersion = kind === 'MetaAuthorizationPolicy' ? 'metaprotocol.aeraki.io/v1alpha1' : 'dubbo.aeraki.io/v1alpha1'
  const text = stringify({ apiVersion, kind, metadata: { name: 'p', ...metadata }, spec })
  const { resources, problems } = parseResources(text, 'f.yaml')
  assert.deepEqual(problems, [])
  return validateResources(resources)
}

function told(problems: readonly Problem[]): readonly string[] {
  return problems.map(({ severity, code, path, message }) => `${severity} ${code} ${path}: ${message}`)
}

const from = (source: object) => ({ rules: [{ from: [{ source }] }] })
const to = (operation: object) => ({ rules: [{ to: [{ operation }] }] })
const when = (condition: object) => ({ rules: [{ when: [condition] }] })

test('what is right is valid', () => {
  const source = {
    principals: ['cluster.local/ns/a/sa/b', '*'],
    namespaces: ['a*'],
    ipBlocks: ['10.0.0.0/8', '::1', '::/0', '1.2.3.4'],
    notRemoteIpBlocks: ['192.0.2.0/24'],
  }
  const attributes = {
    method: { in: ['a', 'b'] },
    user: { present: true },
    size: { regex: '[0-9]+' },
    a: { exact: '' },
  }
  const conditions = [
    { key: 'request.attributes[x-user]', values: ['a'] },
    { key: 'destination.port', values: ['80'], notValues: ['65535'] },
    { key: 'source.ip', notValues: ['10.0.0.1'] },
  ]
  const rules = [{ from: [{ source }], to: [{ operation: { attributes, ports: [80] } }], when: conditions }, {}]
  assert.deepEqual(told(check({ hosts: ['a', 'b.example'], action: 'AUDIT', dryRun: false, rules })), [])
  assert.deepEqual(told(check({})), [])
  const operation = { interfaces: ['org.example.*'], notMethods: ['drop'] }
  const call = { from: [{ source: { principals: ['*'] } }], to: [{ operation }] }
  assert.deepEqual(told(check({ action: 'DENY', rules: [call] }, {}, 'DubboAuthorizationPolicy')), [])
})

describe('what is wrong is told at its place:', () => {
  const first = 'spec.rules[0]'
  const rows: readonly (readonly [string, readonly Problem[], string])[] = [
    [
      'another action',
      check({ action: 'LOG' }),
      'error invalid-value spec.action: expected one of ALLOW, DENY, AUDIT, found "LOG"',
    ],
    [
      'AUDIT of Dubbo',
      check({ action: 'AUDIT', rules: [{}] }, {}, 'DubboAuthorizationPolicy'),
      'error invalid-value spec.action: expected one of ALLOW, DENY, found "AUDIT"',
    ],
    [
      'an address',
      check(from({ ipBlocks: ['10.0.0.0/33'] })),
      `error invalid-value ${first}.from[0].source.ipBlocks[0]: expected an IP address or a range such as 10.0.0.0/8, found "10.0.0.0/33"`,
    ],
    [
      'a name with its scheme',
      check(from({ principals: ['*', 'spiffe://td/ns/a/sa/b'] })),
      `warning no-effect ${first}.from[0].source.principals[1]: fits nobody: the scheme spiffe:// is put before it`,
    ],
    [
      'a name with its scheme, of Dubbo',
      check(from({ notPrincipals: ['spiffe://td/ns/a/sa/b'] }), {}, 'DubboAuthorizationPolicy'),
      `warning no-effect ${first}.from[0].source.notPrincipals[0]: fits nobody: the scheme spiffe:// is put before it`,
    ],
    [
      'a name with its scheme in a condition',
      check(when({ key: 'source.principal', values: ['spiffe://td/*'] })),
      `warning no-effect ${first}.when[0].values[0]: fits nobody: the scheme spiffe:// is put before it`,
    ],
    [
      'no address',
      check(from({ notRemoteIpBlocks: ['::1', 'host'] })),
      `error invalid-value ${first}.from[0].source.notRemoteIpBlocks[1]: expected an IP address or a range such as 10.0.0.0/8, found "host"`,
    ],
    [
      'an empty list',
      check(from({ principals: [] })),
      `error invalid-value ${first}.from[0].source.principals: expected a list of values that are not empty, found a list of 0`,
    ],
    [
      'an empty source',
      check(from({})),
      `error invalid-value ${first}.from[0].source: expected at least 1 entry, found a mapping of 0`,
    ],
    [
      'an empty operation',
      check(to({})),
      `error invalid-value ${first}.to[0].operation: expected at least 1 entry, found a mapping of 0`,
    ],
    [
      'a pattern',
      check(to({ attributes: { m: { regex: '*' } } })),
      `error invalid-regex ${first}.to[0].operation.attributes.m.regex: "*" is not RE2: error parsing regexp: missing argument to repetition operator: \`*\``,
    ],
    [
      'two ways to compare',
      check(to({ notAttributes: { m: { exact: 'a', prefix: 'b' } } })),
      `error conflicting-fields ${first}.to[0].operation.notAttributes.m: expected exactly one of exact, prefix, suffix, regex, present and in, found exact and prefix`,
    ],
    [
      'no way to compare',
      check(to({ attributes: { m: {} } })),
      `error missing-field ${first}.to[0].operation.attributes.m: expected exactly one of exact, prefix, suffix, regex, present and in, found none of them`,
    ],
    [
      'a port',
      check(to({ ports: [0] })),
      `error invalid-value ${first}.to[0].operation.ports[0]: expected a port from 1 to 65535, found 0`,
    ],
    [
      'another attribute',
      check(when({ key: 'request.headers[a]', values: ['a'] })),
      `error invalid-value ${first}.when[0].key: there is no attribute "request.headers[a]"`,
    ],
    [
      'a port that is none',
      check(when({ key: 'destination.port', values: ['http'] })),
      `error invalid-value ${first}.when[0].values[0]: expected a port from 1 to 65535, found "http"`,
    ],
    [
      'an address that is none',
      check(when({ key: 'remote.ip', notValues: ['a'] })),
      `error invalid-value ${first}.when[0].notValues[0]: expected an IP address or a range such as 10.0.0.0/8, found "a"`,
    ],
    [
      'a condition without values',
      check(when({ key: 'source.ip' })),
      `error missing-field ${first}.when[0]: expected at least one of values and notValues, found none of them`,
    ],
    [
      'a field that is not there',
      check(from({ principal: ['a'] })),
      `error unknown-field ${first}.from[0].source.principal: there is no such field`,
    ],
    [
      'a host twice',
      check({ hosts: ['a', 'a'], rules: [{}] }),
      'error duplicate-value spec.hosts[1]: a is there already',
    ],
    [
      'a host that is an address',
      check({ hosts: ['10.0.0.1'], rules: [{}] }),
      'error invalid-value spec.hosts[0]: expected a host name, whose last part is no number, found "10.0.0.1"',
    ],
    [
      'a dry run that is none',
      check({ rules: [{}] }, { annotations: { 'istio.io/dry-run': 'yes' } }),
      'error invalid-value metadata.annotations["istio.io/dry-run"]: expected "true" or "false", found "yes"',
    ],
    [
      'DENY without rules',
      check({ action: 'DENY' }),
      'warning nothing-to-do spec: without rules it fits no request, so DENY does nothing',
    ],
  ]
  for (const [name, problems, expected] of rows) test(name, () => assert.deepEqual(told(problems), [expected]))
})
