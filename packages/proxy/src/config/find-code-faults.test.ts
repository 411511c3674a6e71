import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type MetaProtocolConfig,
  type ProxyConfig,
  type RouteConfig,
  type RouteTableConfig,
  rdsKey,
} from '@meltemi/api/model'
import type { CodecDefinition } from '@meltemi/sdk'
import { findCodeFaults } from './find-code-faults.ts'

function config(options: unknown, route: Partial<RouteConfig> = {}): ProxyConfig {
  const filter = {
    kind: 'meta-protocol',
    codec: { name: 'my_codec', options },
    routes: { name: 'r', routes: [{ name: 'first', requestMutation: [], responseMutation: [], ...route }] },
  } as unknown as MetaProtocolConfig
  const tcp = { name: 'tcp', filter: { kind: 'tcp-proxy' } }
  return { listeners: [{ name: 'in', filter }, tcp] } as unknown as ProxyConfig
}

function codec(more: Partial<CodecDefinition> = {}): CodecDefinition {
  return {
    name: 'my-codec',
    contract: 1,
    correlation: 'id',
    create: () => {
      throw new Error('nothing is made here')
    },
    ...more,
  }
}

test('a codec that can do what the configuration asks of it has no faults', () => {
  assert.deepEqual(findCodeFaults(config(undefined), [], [codec()]), [])
  const change = { requestMutation: [{ key: 'a', value: 'b' }] } as unknown as Partial<RouteConfig>
  assert.deepEqual(
    findCodeFaults(config({ a: 1 }, change), [], [codec({ mutation: 'request', validate: () => [] })]),
    [],
  )
})

for (const [title, given, codecs, fault] of [
  ['a codec that is gone', config(undefined), [], /listener 'in' uses it, but codec 'my_codec' is gone/],
  ['options that it has no more', config({ a: 1 }), [codec()], /takes no options/],
  ['options that it refuses', config({ a: 1 }), [codec({ validate: () => ['a is not 1'] })], /a is not 1/],
  [
    'a change of replies that it cannot make',
    config(undefined, { responseMutation: [{ key: 'a', value: 'b' }] } as unknown as Partial<RouteConfig>),
    [codec({ mutation: 'request' })],
    /route 'first' changes responses/,
  ],
] as const) {
  test(`${title} is a fault`, () => {
    const [only, ...more] = findCodeFaults(given, [], codecs)
    assert.match(only ?? '', fault)
    assert.deepEqual(more, [])
  })
}

test('routes that come from elsewhere are asked of the codec too', () => {
  const given = config(undefined)
  const rds = { routeConfigName: 'r', source: { kind: 'ads', initialFetchTimeoutMs: 0 } } as const
  Object.assign(given.listeners[0]!.filter, { rds })
  const route = { name: 'first', requestMutation: [{ key: 'a', value: 'b' }], responseMutation: [] }
  const table = { name: 'r', routes: [route] } as unknown as RouteTableConfig
  assert.deepEqual(findCodeFaults(given, [], [codec()]), [])
  assert.match(
    findCodeFaults(given, [{ key: rdsKey(rds), table }], [codec()])[0] ?? '',
    /route 'first' changes requests/,
  )
})
