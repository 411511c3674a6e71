import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RbacCondition, RbacRules, StringMatch } from '@meltemi/api'
import { Metadata } from '@meltemi/sdk'
import fc from 'fast-check'
import type { RecordedConnection } from '../../observe/record.ts'
import { CompiledRules } from './compiled-rules.ts'

const CLIENT: RecordedConnection = {
  remoteAddress: '192.0.2.7',
  remotePort: 1,
  directRemoteAddress: '::ffff:10.0.0.1',
  directRemotePort: 2,
  localAddress: '127.0.0.1',
  localPort: 9000,
  properties: new Map([
    ['tls.mtls', 'true'],
    ['tls.uri_sans', 'spiffe://cluster.local/ns/shop/sa/web,spiffe://other'],
    ['tls.dns_sans', 'web.example'],
    ['tls.subject', 'CN=web,O=Example'],
    ['tls.sni', 'api.example'],
  ]),
}
/** TLS without a certificate of the client. */
const NAMELESS: RecordedConnection = { ...CLIENT, properties: new Map([['tls.sni', 'api.example']]) }
const PLAIN: RecordedConnection = { ...CLIENT, properties: new Map() }

function requestOf(pairs: Readonly<Record<string, string>>): Metadata {
  const request = new Metadata()
  for (const [key, value] of Object.entries(pairs)) request.set(key, value)
  return request
}

const REQUEST = requestOf({ Method: 'read', user: 'alice', size: '12' })

function exact(text: string): StringMatch {
  return { kind: 'exact', text, ignoreCase: false }
}

function property(name: string, text: string): RbacCondition {
  return { kind: 'property', matcher: { name, test: exact(text), invert: false, treatMissingAsEmpty: false } }
}

function address(of: 'local' | 'remote' | 'direct', prefix: string, bits: number): RbacCondition {
  return { kind: 'address', of, prefix, bits }
}

function identity(match?: StringMatch): RbacCondition {
  return { kind: 'identity', match }
}

function allows(
  action: RbacRules['action'],
  conditions: readonly RbacCondition[],
  request = REQUEST,
  client = CLIENT,
): boolean {
  const rules = new CompiledRules({
    action,
    policies: conditions.map((condition, n) => ({ name: `p${n}`, condition })),
  })
  return rules.allows(rules.firstMatch(request, client))
}

const ANY: RbacCondition = { kind: 'any' }
const NEVER: RbacCondition = { kind: 'or', conditions: [] }
const prefix = (text: string): StringMatch => ({ kind: 'prefix', text, ignoreCase: false })

const HOLDING: readonly (readonly [string, RbacCondition])[] = [
  ['any', ANY],
  ['a property, its key without case', property('method', 'read')],
  ['where the client has connected to', address('local', '127.0.0.0', 8)],
  ['the client, as the PROXY header tells it', address('remote', '192.0.2.0', 24)],
  ['whoever has connected, in IPv6 form', address('direct', '10.0.0.0', 8)],
  ['a port', { kind: 'port', start: 9000, end: 9001 }],
  ['a server name', { kind: 'server-name', match: exact('api.example') }],
  ['any certificate', identity()],
  ['a URI of it', identity(exact('spiffe://cluster.local/ns/shop/sa/web'))],
  ['another URI of it', identity(exact('spiffe://other'))],
  ['a DNS name of it', identity(exact('web.example'))],
  ['its subject', identity(exact('CN=web,O=Example'))],
  ['a pattern', identity({ kind: 'regex', pattern: '.*/ns/shop/.*' })],
  ['and', { kind: 'and', conditions: [ANY, property('user', 'alice')] }],
  ['or', { kind: 'or', conditions: [property('user', 'bob'), property('user', 'alice')] }],
  ['not', { kind: 'not', condition: property('user', 'bob') }],
  ['not, of what is not there', { kind: 'not', condition: property('none', 'x') }],
]

const MISSING: readonly (readonly [string, RbacCondition])[] = [
  ['nothing', NEVER],
  ['another value', property('method', 'write')],
  ['a value with other case', property('method', 'Read')],
  ['a property that is not there', property('none', '')],
  ['another address', address('local', '127.0.0.2', 32)],
  ['the address of the PROXY header where whoever has connected is asked for', address('direct', '192.0.2.0', 24)],
  ['whoever has connected where the client is asked for', address('remote', '10.0.0.0', 8)],
  ['a port below', { kind: 'port', start: 8999, end: 9000 }],
  ['another server name', { kind: 'server-name', match: exact('API.example') }],
  ['another name', identity(prefix('spiffe://cluster.local/ns/shop/sa/web/'))],
  ['an empty name', identity(exact(''))],
  ['and', { kind: 'and', conditions: [ANY, NEVER] }],
  ['not', { kind: 'not', condition: ANY }],
]

describe('what fits is allowed by ALLOW, denied by DENY, and passes with LOG:', () => {
  for (const [name, condition] of HOLDING) {
    test(name, () => {
      const results = (['allow', 'deny', 'log'] as const).map((action) => allows(action, [NEVER, condition]))
      assert.deepEqual(results, [true, false, true])
    })
  }
})

describe('what does not fit is denied by ALLOW, allowed by DENY, and passes with LOG:', () => {
  for (const [name, condition] of MISSING) {
    test(name, () => {
      const results = (['allow', 'deny', 'log'] as const).map((action) => allows(action, [NEVER, condition]))
      assert.deepEqual(results, [false, true, true])
    })
  }
})

test('without policies ALLOW denies everything and DENY nothing', () => {
  assert.equal(allows('allow', []), false)
  assert.equal(allows('deny', []), true)
})

test('nobody who has not shown a certificate has an identity, whatever name is asked for', () => {
  for (const client of [NAMELESS, PLAIN]) {
    for (const match of [undefined, exact(''), prefix(''), { kind: 'regex', pattern: '.*' } as const]) {
      assert.equal(allows('allow', [identity(match)], REQUEST, client), false)
      assert.equal(allows('allow', [{ kind: 'not', condition: identity(match) }], REQUEST, client), true)
    }
  }
})

test('names of a certificate that was not verified count for nothing', () => {
  const forged = new Map([...CLIENT.properties].filter(([key]) => key !== 'tls.mtls'))
  assert.equal(allows('allow', [identity(prefix('spiffe:'))], REQUEST, { ...CLIENT, properties: forged }), false)
})

test('a client without TLS has an empty server name', () => {
  assert.equal(allows('allow', [{ kind: 'server-name', match: exact('') }], REQUEST, PLAIN), true)
})

test('an address that is not known is in no range', () => {
  const gone = { ...PLAIN, remoteAddress: '', directRemoteAddress: '' }
  for (const which of ['remote', 'direct'] as const)
    assert.equal(allows('allow', [address(which, '0.0.0.0', 0), address(which, '::', 0)], REQUEST, gone), false)
})

test('the first policy in order that fits is told', () => {
  const policies = [NEVER, property('user', 'alice'), ANY].map((condition, n) => ({ name: `p${n}`, condition }))
  const rules = new CompiledRules({ action: 'deny', policies })
  assert.equal(rules.names[rules.firstMatch(REQUEST, CLIENT)], 'p1')
  assert.equal(rules.names[rules.firstMatch(requestOf({}), CLIENT)], 'p2')
})

/** As the words of the rules say it, step by step. */
function naive(condition: RbacCondition, request: Metadata, client: RecordedConnection): boolean {
  switch (condition.kind) {
    case 'and':
      return condition.conditions.every((each) => naive(each, request, client))
    case 'or':
      return condition.conditions.some((each) => naive(each, request, client))
    case 'not':
      return !naive(condition.condition, request, client)
    case 'any':
      return true
    default:
      return allows('allow', [condition], request, client)
  }
}

test('any tree of conditions is decided as its words say, and by the same policy, whatever was asked before', () => {
  const leaves = [...HOLDING, ...MISSING].map(([, condition]) => condition)
  const plain = leaves.filter(({ kind }) => kind !== 'and' && kind !== 'or' && kind !== 'not')
  const several = (inner: fc.Arbitrary<RbacCondition>) => fc.array(inner, { maxLength: 4 })
  const { tree } = fc.letrec<{ tree: RbacCondition }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(...plain),
      several(tie('tree')).map((conditions) => ({ kind: 'and' as const, conditions })),
      several(tie('tree')).map((conditions) => ({ kind: 'or' as const, conditions })),
      tie('tree').map((condition) => ({ kind: 'not' as const, condition })),
    ),
  }))
  const request = fc.constantFrom(REQUEST, requestOf({}), requestOf({ method: 'write', user: 'bob' }))
  const client = fc.constantFrom(CLIENT, NAMELESS, PLAIN)
  const policies = fc.array(tree, { maxLength: 6 })
  const questions = fc.array(fc.tuple(request, client), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(policies, questions, (conditions, asked) => {
      const rules = new CompiledRules({
        action: 'allow',
        policies: conditions.map((condition, n) => ({ name: `p${n}`, condition })),
      })
      for (const [request, client] of asked) {
        const expected = conditions.findIndex((each) => naive(each, request, client))
        assert.equal(rules.firstMatch(request, client), expected)
        assert.equal(rules.allows(expected), expected >= 0)
      }
    }),
    { seed: 1, numRuns: 2_000 },
  )
})
