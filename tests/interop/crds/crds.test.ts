import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Problem, parseResources } from '@meltemi/api'
import { validateResource } from '@meltemi/control-plane'
import fc from 'fast-check'
import { parse, stringify } from 'yaml'
import { ROOT } from '../../../scripts/workspace.ts'
import { askApiServer } from './api-server.ts'

interface Definition {
  readonly spec: {
    readonly group: string
    readonly names: { readonly kind: string }
    readonly versions: readonly { readonly name: string }[]
  }
}

const FILES = globSync('deploy/crds/**/*.yaml', { cwd: ROOT }).sort()
const TEXTS = new Map(
  FILES.map((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8')
    return [(parse(text, { merge: true }) as Definition).spec.names.kind, text]
  }),
)

/** As it stands in the file. */
function textOf(kind: string): string {
  return TEXTS.get(kind) ?? assert.fail(kind)
}

function definitionOf(kind: string): Definition {
  return parse(textOf(kind), { merge: true }) as Definition
}

function objectOf(kind: string, spec: unknown): Readonly<Record<string, unknown>> {
  const { group, versions } = definitionOf(kind).spec
  return { apiVersion: `${group}/${versions[0]?.name}`, kind, metadata: { name: 'one' }, spec }
}

/** By our own validation. */
function problemsOf(object: unknown): readonly Problem[] {
  const { resources, problems } = parseResources(stringify(object), 'f')
  assert.deepEqual(problems, [])
  return resources.flatMap(validateResource)
}

function errorsOf(object: unknown): readonly Problem[] {
  return problemsOf(object).filter(({ severity }) => severity === 'error')
}

test('the API server takes every definition in deploy/crds', () => {
  assert.ok(FILES.length >= 5)
  for (const [kind, text] of TEXTS) assert.deepEqual(askApiServer(text, []).Definition, [], kind)
})

test('the API server would see what is wrong with a definition', () => {
  const broken = textOf('MetaRouter')
    .replace('scope: Namespaced', 'scope: Everywhere')
    .replace('plural: metarouters', 'plural: routers')
  assert.ok(askApiServer(broken, []).Definition.length >= 2)
})

describe('the API server and we agree:', () => {
  const destination = { destination: { host: 'a.b', subset: 'v1', port: { number: 1 } }, weight: 100 }
  const bucket = { maxTokens: 1, tokensPerFill: 1, fillInterval: '1m30s' }
  const router = (fields: object) => ({ hosts: ['a.b'], routes: [{ route: [destination], ...fields }] })
  const source = (fields: object) => ({ rules: [{ from: [{ source: fields }] }] })
  const all = { value: 100 }
  const redis = (fields: object) => ({ host: ['a.b'], redis: [{ route: { host: 'a.b' }, ...fields }] })
  const pool = (connectionPool: object) => ({ host: 'a.b', trafficPolicy: { connectionPool } })
  const operation = (fields: object) => ({ rules: [{ to: [{ operation: fields }] }] })
  const right: readonly (readonly [string, unknown])[] = [
    ['ApplicationProtocol', { protocol: 'my-protocol', codec: 'aeraki.meta_protocol.codec.my_protocol' }],
    ['ApplicationProtocol', { protocol: 'p', codec: 'c', module: { url: 'https://a/b', sha256: 'a'.repeat(64) } }],
    [
      'MetaRouter',
      router({ name: 'r', match: { attributes: { m: { exact: '' }, n: { prefix: 'a' }, o: { regex: '^a.*' } } } }),
    ],
    [
      'MetaRouter',
      router({
        mirror: { host: 'a.b' },
        mirrorPercentage: { value: 0.5 },
        requestMutation: [{ key: 'a', value: 'b' }],
      }),
    ],
    [
      'MetaRouter',
      router({ timeout: '1m30s', retries: { attempts: 2, perTryTimeout: '1s', retryOn: '5xx', backoff: '10ms' } }),
    ],
    ['MetaRouter', { ...router({}), exportTo: ['.', 'other'] }],
    [
      'ServiceEntry',
      {
        hosts: ['a.b'],
        ports: [{ number: 1, name: 'tcp', protocol: 'TCP' }],
        resolution: 'STATIC',
        endpoints: [{ address: '10.0.0.1', ports: { tcp: 2 }, labels: { a: 'b' }, weight: 1 }],
      },
    ],
    ['WorkloadEntry', { address: '10.0.0.1', serviceAccount: 'unknown here' }],
    [
      'DestinationRule',
      {
        host: 'a',
        trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: 'x' } }, tls: { mode: 'DISABLE' } },
        subsets: [{ name: 'v1', labels: { version: 'v1' } }],
      },
    ],
    ['MetaAuthorizationPolicy', {}],
    ['MetaAuthorizationPolicy', { hosts: ['shop', 'a.b'], action: 'AUDIT', dryRun: true, rules: [{}] }],
    ['MetaAuthorizationPolicy', operation({ attributes: { m: { in: ['a'] }, n: { present: false } }, ports: [80] })],
    ['MetaAuthorizationPolicy', source({ principals: ['*'], notIpBlocks: ['10.0.0.0/8'] })],
    ['MetaAuthorizationPolicy', { rules: [{ when: [{ key: 'source.ip', values: ['::1'] }] }] }],
    ['DubboAuthorizationPolicy', { ...operation({ interfaces: ['*'], notMethods: ['a'] }), action: 'DENY' }],
    ['RedisService', { host: ['a.b'], settings: { opTimeout: '1.5s', auth: { secret: { name: 'a.b' } } } }],
    ['RedisService', redis({ match: { key: { prefix: '' } }, mirror: [{ route: { host: 'b' }, percentage: all }] })],
    ['RedisService', { host: ['a.b'], faults: [{ delay: '1s' }, { type: 'ERROR', percentage: { value: 0 } }] }],
    ['RedisDestination', { host: 'a.b' }],
    ['RedisDestination', pool({ tcp: { maxConnections: 1, tcpKeepalive: { time: '1s', probes: 3 } } })],
    ['RedisDestination', pool({ redis: { mode: 'CLUSTER', discoveryEndpoints: ['a', 'a.b:1', '[::1]:2'] } })],
  ]
  const wrong: readonly (readonly [string, unknown])[] = [
    ['ApplicationProtocol', { protocol: 'my_protocol', codec: 'c' }],
    ['ApplicationProtocol', { protocol: 'p' }],
    ['ApplicationProtocol', { protocol: 'p', codec: 'c', module: { url: 'x', sha256: '' } }],
    ['MetaRouter', { hosts: [] }],
    ['MetaAuthorizationPolicy', { action: 'LOG' }],
    ['MetaAuthorizationPolicy', { hosts: ['a_b'] }],
    ['MetaAuthorizationPolicy', operation({})],
    ['MetaAuthorizationPolicy', operation({ attributes: { m: {} } })],
    ['MetaAuthorizationPolicy', operation({ attributes: { m: { exact: 'a', in: ['b'] } } })],
    ['MetaAuthorizationPolicy', operation({ ports: [0] })],
    ['MetaAuthorizationPolicy', source({ principals: [] })],
    ['MetaAuthorizationPolicy', source({ namespaces: [''] })],
    ['MetaAuthorizationPolicy', { rules: [{ when: [{ key: 'source.ip' }] }] }],
    ['DubboAuthorizationPolicy', { action: 'AUDIT' }],
    ['DubboAuthorizationPolicy', { rules: [{ to: [{}] }] }],
    ['RedisService', { host: [] }],
    ['RedisService', { host: ['*.b'] }],
    ['RedisService', { host: ['a.b'], settings: { readPolicy: 'SLAVE' } }],
    ['RedisService', { host: ['a.b'], settings: { opTimeout: '5' } }],
    ['RedisService', { host: ['a.b'], settings: { auth: {} } }],
    ['RedisService', { host: ['a.b'], settings: { auth: { secret: { name: 'A' } } } }],
    ['RedisService', { host: ['a.b'], settings: { auth: { secret: { name: 'a' }, plain: { password: 'b' } } } }],
    ['RedisService', redis({ route: undefined })],
    ['RedisService', redis({ mirror: [{ route: { host: 'b' }, percentage: { value: 101 } }] })],
    ['RedisDestination', {}],
    ['RedisDestination', pool({ tcp: { maxConnections: 0 } })],
    ['RedisDestination', pool({ redis: { mode: 'SENTINEL' } })],
    ['RedisDestination', pool({ redis: { mode: 'CLUSTER', discoveryEndpoints: ['a/b'] } })],
    ['MetaRouter', { hosts: ['a.b', 'c.d'], routes: [] }],
    ['MetaRouter', { hosts: ['*.b'], routes: [] }],
    ['MetaRouter', router({ route: [] })],
    ['MetaRouter', router({ match: { attributes: { m: {} } } })],
    ['MetaRouter', router({ match: { attributes: { m: { exact: 'a', regex: 'b' } } } })],
    ['MetaRouter', router({ match: { attributes: { m: null } } })],
    ['MetaRouter', router({ mirror: { host: 'a' }, mirrorPercentage: { value: 0 } })],
    ['MetaRouter', router({ timeout: '5' })],
    ['MetaRouter', router({ retries: { retryOn: '5xx' } })],
    ['MetaRouter', router({ retries: { attempts: 101 } })],
    ['MetaRouter', router({ requestMutation: [{ key: '', value: 'b' }] })],
    ['MetaRouter', { hosts: ['a.b'], localRateLimit: {} }],
    ['MetaRouter', { hosts: ['a.b'], localRateLimit: { tokenBucket: { ...bucket, fillInterval: '5' } } }],
    ['MetaRouter', { hosts: ['a.b'], localRateLimit: { tokenBucket: bucket, tokenBucketScope: {} } }],
    [
      'MetaRouter',
      {
        hosts: ['a.b'],
        globalRateLimit: { domain: 'd', rateLimitService: 's', descriptors: [{ property: 'p', descriptorKey: 'k' }] },
      },
    ],
    ['ServiceEntry', { hosts: ['a.b'], ports: [{ number: 70000, name: 'tcp' }] }],
    ['ServiceEntry', { hosts: ['a.b'], resolution: 'STATIK' }],
    ['WorkloadEntry', { labels: { a: 1 } }],
    ['DestinationRule', { host: 'a', subsets: [{ labels: {} }] }],
    ['DestinationRule', { host: 'a', trafficPolicy: { loadBalancer: { simple: 'BEST' } } }],
  ]

  test('on what is right', () => {
    for (const [kind, spec] of right) {
      const object = objectOf(kind, spec)
      const { Faults, Unknown } = askApiServer(textOf(kind), [object]).Objects[0] ?? assert.fail()
      assert.deepEqual([Faults, Unknown, errorsOf(object)], [[], [], []], JSON.stringify(spec))
    }
  })

  test('on what is wrong', () => {
    for (const [kind, spec] of wrong) {
      const object = objectOf(kind, spec)
      const [opinion] = askApiServer(textOf(kind), [object]).Objects
      assert.ok((opinion?.Faults.length ?? 0) > 0 && errorsOf(object).length > 0, JSON.stringify(spec))
    }
  })

  test('on which fields there are: it drops what is an error to us, and keeps what is a warning', () => {
    const own = objectOf('MetaRouter', {
      hosts: ['a.b'],
      rotes: 1,
      routes: [{ route: [{ ...destination, wait: 1 }], retry: {} }],
    })
    const unknown = problemsOf(own)
      .filter(({ code }) => code === 'unknown-field')
      .map(({ path }) => path)
    assert.deepEqual(askApiServer(textOf('MetaRouter'), [own]).Objects[0]?.Unknown.toSorted(), unknown.toSorted())
    assert.equal(unknown.length, 3)
    const foreign = objectOf('ServiceEntry', {
      hosts: ['a.b'],
      subjectAltNames: ['x'],
      ports: [{ number: 1, name: 'a', extra: 1 }],
    })
    assert.equal(problemsOf(foreign).filter(({ code }) => code === 'no-effect').length, 2)
    assert.deepEqual(askApiServer(textOf('ServiceEntry'), [foreign]).Objects[0]?.Unknown, [])
  })

  for (const kind of TEXTS.keys()) {
    test(`we refuse whatever it refuses: ${kind}`, () => {
      const objects = fc.sample(specOf(kind), { numRuns: 200, seed: 20_261_126 }).map((spec) => objectOf(kind, spec))
      const opinions = askApiServer(textOf(kind), structuredClone(objects)).Objects
      const refused = objects.filter((_, index) => (opinions[index]?.Faults.length ?? 0) > 0)
      assert.ok(refused.length > 30 && refused.length < objects.length, `${refused.length} of ${objects.length}`)
      for (const object of refused) assert.ok(errorsOf(object).length > 0, JSON.stringify(object))
    })
  }
})

/** Specs whose fields are those of the schema, with values of which some are right and some are not. */
function specOf(kind: string): fc.Arbitrary<unknown> {
  const [version] = definitionOf(kind).spec.versions as readonly {
    readonly schema?: { readonly openAPIV3Schema: Schema }
  }[]
  const schema = version?.schema?.openAPIV3Schema.properties?.['spec']
  return valueOf(schema ?? assert.fail(`${kind} has no spec`))
}

interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly items?: Schema
}

const text = fc.constantFrom(
  'a',
  'a.b',
  'v1',
  '10.0.0.1',
  '100ms',
  '1m30s',
  'a'.repeat(64),
  'tcp-metaprotocol-thrift',
  '',
  '*',
  '.',
  'a_b',
  'A.B',
  'a b',
  '-a',
)

function valueOf(schema: Schema): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 40, arbitrary: rightValue(schema) },
    { weight: 1, arbitrary: fc.constantFrom(null, 1, 'x', true, [], {}, 1.5) },
  )
}

function rightValue({
  type,
  enum: values,
  minimum = 0,
  maximum = 100,
  items,
  additionalProperties,
  properties = {},
  required = [],
}: Schema): fc.Arbitrary<unknown> {
  if (values !== undefined) return fc.constantFrom(...values)
  switch (type) {
    case 'array':
      return fc.array(valueOf(items ?? {}), { minLength: 0, maxLength: 2 })
    case 'object': {
      if (additionalProperties !== undefined)
        return fc.dictionary(fc.constantFrom('a', 'method', 'tcp'), valueOf(additionalProperties), { maxKeys: 2 })
      const fields = Object.entries(properties).map(([name, field]) => [name, valueOf(field)] as const)
      return fc.record(Object.fromEntries(fields), { requiredKeys: [...required] })
    }
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.oneof(fc.integer({ min: minimum, max: maximum }), fc.constantFrom(minimum - 1, maximum + 1))
    case 'number':
      return fc.double({ min: 0, max: 101, noNaN: true })
    default:
      return text
  }
}
