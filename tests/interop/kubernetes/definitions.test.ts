import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseResources } from '@meltemi/api'
import { validateResource } from '@meltemi/control-plane'
import { parse, stringify } from 'yaml'
import { ROOT } from '../../../scripts/workspace.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

const FILES = globSync('deploy/crds/*.yaml', { cwd: ROOT })
const ONE = { destination: { host: 'a.b' } }
const BUCKET = { maxTokens: 1, tokensPerFill: 1, fillInterval: '1s' }
const SERVICE = { domain: 'd', rateLimitService: 's', descriptors: [{ property: 'p', descriptorKey: 'k' }] }

/** What a rule in CEL is against, one for each; the message of the rule. */
const WRONG: readonly (readonly [message: string, kind: string, spec: unknown])[] = [
  ['expected at least one of routes, localRateLimit and globalRateLimit', 'MetaRouter', { hosts: ['a.b'], routes: [] }],
  ['mirrorPercentage needs a mirror that gets the copies', 'MetaRouter', routes({ mirrorPercentage: { value: 5 } })],
  [
    'mirror and mutations have no meaning beside directResponse: no message is sent on',
    'MetaRouter',
    { hosts: ['a.b'], routes: [{ directResponse: { message: 'closed' }, mirror: { host: 'a.b' } }] },
  ],
  [
    'the weights of several destinations have to add up to 100',
    'MetaRouter',
    routes({
      route: [
        { ...ONE, weight: 30 },
        { ...ONE, weight: 50 },
      ],
    }),
  ],
  ['expected a duration from 1ms to 1h', 'MetaRouter', routes({ fault: { delay: { fixedDelay: '2h' } } })],
  [
    'tokenBucketScope needs a tokenBucket',
    'MetaRouter',
    limit({
      tokenBucketScope: { perDownstreamConnection: true },
      conditions: [{ match: { attributes: { a: { exact: 'b' } } }, tokenBucket: BUCKET }],
    }),
  ],
  [
    'maxBuckets needs attributes',
    'MetaRouter',
    limit({ tokenBucket: BUCKET, tokenBucketScope: { perDownstreamConnection: true, maxBuckets: 1 } }),
  ],
  ['fillInterval: expected at least 1ms', 'MetaRouter', limit({ tokenBucket: { ...BUCKET, fillInterval: '1us' } })],
  [
    'expected a time above 0, for without one an answer could be waited for for ever',
    'MetaRouter',
    { hosts: ['a.b'], globalRateLimit: { ...SERVICE, requestTimeout: '0s' } },
  ],
  ['* and ~ must stand alone', 'MetaRouter', { ...routes({}), exportTo: ['*', 'a'] }],
  ['no namespace may be there twice', 'MetaRouter', { ...routes({}), exportTo: ['a', 'a'] }],
  [
    'modules from registries are not supported yet',
    'ApplicationProtocol',
    { protocol: 'a', codec: 'b', module: { url: 'oci://a/b', sha256: '0'.repeat(64) } },
  ],
  ['no host may be there twice', 'MetaAuthorizationPolicy', { hosts: ['a.b', 'a.b'] }],
  ['no host may be there twice', 'DubboAuthorizationPolicy', { hosts: ['a.b', 'a.b'] }],
  ['no host may be there twice', 'RedisService', { host: ['a.b', 'a.b'] }],
  ['a fault that delays needs a delay', 'RedisService', { host: ['a.b'], faults: [{ commands: ['GET'] }] }],
  [
    'discoveryEndpoints are asked only in mode CLUSTER',
    'RedisDestination',
    { host: 'a.b', trafficPolicy: { connectionPool: { redis: { discoveryEndpoints: ['a.b'] } } } },
  ],
]

function routes(fields: object): object {
  return { hosts: ['a.b'], routes: [{ route: [ONE], ...fields }] }
}

function limit(fields: object): object {
  return { hosts: ['a.b'], localRateLimit: fields }
}

function objectOf(kind: string, spec: unknown): object {
  const [, words = 'metaprotocol'] = /^(Dubbo|Redis)/.exec(kind) ?? []
  const group = `${words.toLowerCase()}.aeraki.io`
  return { apiVersion: `${group}/v1alpha1`, kind, metadata: { name: 'one' }, spec }
}

/** All messages of rules below here. */
function messagesOf(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const own = (schema as { 'x-kubernetes-validations'?: readonly { message: string }[] })['x-kubernetes-validations']
  return [...(own ?? []).map(({ message }) => message), ...Object.values(schema).flatMap(messagesOf)]
}

describe('the definitions of our resources', { timeout: 240_000 }, () => {
  let kubernetes: Kubernetes

  before(async () => {
    kubernetes = await startKubernetes()
    installDefinitions(kubernetes)
  })

  after(() => kubernetes[Symbol.asyncDispose]())

  const apply = (object: object) => kubernetes.kubectl(['apply', '-f', '-', '-o', 'json'], stringify(object))

  test('have rules that a real API server refuses by, each in its words, and so do we', () => {
    for (const [message, kind, spec] of WRONG) {
      const object = objectOf(kind, spec)
      assert.throws(
        () => apply(object),
        (error: Error) => error.message.includes(message),
        message,
      )
      const { resources } = parseResources(stringify(object), 'f')
      const errors = resources.flatMap(validateResource).filter(({ severity }) => severity === 'error')
      assert.ok(errors.length > 0, message)
    }
    const all = FILES.flatMap((file) => messagesOf(parse(readFileSync(join(ROOT, file), 'utf8'), { merge: true })))
    const tried = new Set(WRONG.map(([message]) => message))
    assert.deepEqual([...new Set(all)].sort(), [...tried].sort(), 'each rule is tried')
  })

  test('have the default that is meant where nothing is said', () => {
    for (const kind of ['MetaAuthorizationPolicy', 'DubboAuthorizationPolicy']) {
      const stored = JSON.parse(apply(objectOf(kind, {}))) as { readonly spec: { readonly action: string } }
      assert.equal(stored.spec.action, 'ALLOW')
    }
  })

  test('have short names, and columns for whether they are in force and which proxies have them', () => {
    apply(objectOf('MetaRouter', routes({})))
    const status = {
      conditions: [
        {
          type: 'Accepted',
          status: 'True',
          reason: 'Accepted',
          message: '',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
      proxies: { synced: 2, total: 3, notSynced: [] },
    }
    kubernetes.kubectl(['patch', 'mr', 'one', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })])
    const [head = '', row = ''] = kubernetes.kubectl(['get', 'mr']).split('\n')
    assert.deepEqual(head.split(/ +/), ['NAME', 'HOSTS', 'ACCEPTED', 'SYNCED', 'PROXIES', 'AGE'])
    assert.match(row, /^one +\["a\.b"\] +True +2 +3 +\d+s/)
    for (const name of ['ap', 'mauthz', 'dap'])
      assert.match(kubernetes.kubectl(['get', name, '-A'], ''), /ACCEPTED +SYNCED +PROXIES +AGE|^$/)
  })
})
