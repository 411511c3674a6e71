import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetadataMatcher, RouteConfig, RouteTableConfig } from '@meltemi/api'
import { Metadata } from '@meltemi/sdk'
import xxhash from 'xxhash-wasm'
import { describeMatcher } from './describe-matcher.ts'
import { explainRoutes } from './explain.ts'

const oracle = await xxhash()

function when(name: string, test: MetadataMatcher['test'], changes: Partial<MetadataMatcher> = {}): MetadataMatcher {
  return { name, test, invert: false, treatMissingAsEmpty: false, ...changes }
}

const exact = (text: string) => ({ kind: 'exact', text, ignoreCase: false }) as const
const present = { kind: 'present', present: true } as const

function route(name: string, metadata: readonly MetadataMatcher[], changes: Partial<RouteConfig> = {}): RouteConfig {
  return {
    name,
    match: { metadata },
    clusters: [{ cluster: name, weight: 1 }],
    hashPolicy: [],
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
    ...changes,
  }
}

function explain(routes: readonly RouteConfig[], pairs: Readonly<Record<string, string>>) {
  const metadata = new Metadata()
  for (const [key, value] of Object.entries(pairs)) metadata.set(key, value)
  const table: RouteTableConfig = { name: 'table', routes }
  return explainRoutes(table, metadata)
}

test('the route that wins is named, and each other one says why it lost', () => {
  const routes = [
    route('other method', [when('service', exact('a')), when('Method', exact('put'))]),
    route('no key', [when('tenant', present)]),
    route('wins', [when('method', exact('get'))]),
    route('later', [when('service', exact('a'))]),
    route('also later', []),
  ]
  const { table, winner, routes: judged } = explain(routes, { service: 'a', METHOD: 'get' })
  assert.equal(table, 'table')
  assert.equal(winner, 2)
  assert.deepEqual(judged, [
    { name: 'other method', loss: { kind: 'mismatch', key: 'Method', wanted: '"put"', found: 'get' } },
    { name: 'no key', loss: { kind: 'mismatch', key: 'tenant', wanted: 'any value', found: undefined } },
    { name: 'wins', loss: undefined },
    { name: 'later', loss: { kind: 'later' } },
    { name: 'also later', loss: { kind: 'later' } },
  ])
})

test('of several matchers that do not hold the first is told', () => {
  const { routes, winner, effect } = explain([route('r', [when('b', exact('1')), when('a', exact('1'))])], { a: '2' })
  assert.equal(winner, -1)
  assert.equal(effect, undefined)
  assert.deepEqual(routes[0]?.loss, { kind: 'mismatch', key: 'b', wanted: '"1"', found: undefined })
})

test('weights and mirrors are percentages, the rest is as configured', () => {
  const changes = {
    clusters: [
      { cluster: 'v1', weight: 30 },
      { cluster: 'v2', weight: 10 },
      { cluster: 'v3', weight: 0 },
    ],
    mirrors: [
      { cluster: 'm', numerator: 12_500, denominator: 1_000_000 as const },
      { cluster: 'n', numerator: 200, denominator: 100 as const },
    ],
    timeoutMs: 250,
    requestMutation: [{ key: 'a', value: '1' }],
    responseMutation: [{ key: 'b', value: undefined }],
  }
  const { effect } = explain([route('r', [], changes)], {})
  assert.deepEqual(effect, {
    clusters: [
      { cluster: 'v1', percent: 75 },
      { cluster: 'v2', percent: 25 },
      { cluster: 'v3', percent: 0 },
    ],
    mirrors: [
      { cluster: 'm', percent: 1.25 },
      { cluster: 'n', percent: 100 },
    ],
    hashKeys: [],
    hash: undefined,
    timeoutMs: 250,
    requestChanges: changes.requestMutation,
    responseChanges: changes.responseMutation,
    clusterKey: undefined,
    directResponse: undefined,
    overrides: [],
  })
})

test('a route may answer itself, leave the cluster to the message, and have filters of its own', () => {
  const directResponse = { errorType: 'Denied', message: 'closed' } as const
  const overrides = [
    { name: 'guard', filter: undefined },
    { name: 'fault', filter: { name: 'fault', typeUrl: 't', config: {} } },
  ]
  const { effect } = explain([route('r', [], { clusters: [], directResponse, overrides })], {})
  assert.deepEqual([effect?.clusters, effect?.directResponse], [[], directResponse])
  assert.deepEqual(effect?.overrides, [
    { filter: 'guard', isOff: true },
    { filter: 'fault', isOff: false },
  ])
  const named = [route('r', [], { clusters: [{ cluster: '', weight: 1 }], clusterKey: 'To' })]
  assert.deepEqual(explain(named, { to: 'c' }).effect?.clusters, [{ cluster: 'c', percent: 100 }])
  assert.deepEqual(explain(named, {}).effect?.clusters, [])
})

test('keys of the hash policy come with their values, and the hash is Envoy’s', () => {
  const routes = [route('r', [], { hashPolicy: ['user', 'tenant'] })]
  const { effect } = explain(routes, { user: 'alice' })
  assert.deepEqual(effect?.hashKeys, [
    { key: 'user', value: 'alice' },
    { key: 'tenant', value: undefined },
  ])
  assert.equal(effect?.hash, oracle.h64ToString('alice'))
  assert.equal(explain(routes, {}).effect?.hash, undefined)
})

const WORDS: readonly (readonly [MetadataMatcher, string])[] = [
  [when('k', exact('a"b')), '"a\\"b"'],
  [when('k', { kind: 'exact', text: 'a', ignoreCase: true }), '"a" in any case'],
  [when('k', { kind: 'prefix', text: 'a', ignoreCase: false }), 'one that begins with "a"'],
  [when('k', { kind: 'suffix', text: 'a', ignoreCase: true }), 'one that ends with "a" in any case'],
  [when('k', { kind: 'contains', text: 'a', ignoreCase: false }), 'one that contains "a"'],
  [when('k', { kind: 'regex', pattern: 'a+' }), 'one that matches "a+" as a whole'],
  [when('k', { kind: 'range', start: -5n, end: 10n }), 'a whole number from -5 to 9'],
  [when('k', exact('a'), { invert: true }), 'a value other than "a"'],
  [when('k', exact(''), { treatMissingAsEmpty: true }), '"", none counting as ""'],
  [when('k', present), 'any value'],
  [when('k', present, { invert: true }), 'no value'],
  [when('k', { kind: 'present', present: false }), 'no value'],
  [when('k', { kind: 'present', present: false }, { invert: true }), 'any value'],
]

test('each kind of matcher is put into words', () => {
  for (const [matcher, words] of WORDS) assert.equal(describeMatcher(matcher), words)
})
