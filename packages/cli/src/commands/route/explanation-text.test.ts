import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FilterConfig, RouteConfig } from '@meltemi/api'
import { explainRoutes } from '@meltemi/proxy'
import { Metadata } from '@meltemi/sdk'
import { explanationText } from './explanation-text.ts'

function textOf(changes: Partial<RouteConfig>, pairs: Readonly<Record<string, string>> = {}): readonly string[] {
  const route: RouteConfig = {
    name: 'r',
    match: { metadata: [] },
    clusters: [{ cluster: '', weight: 1 }],
    hashPolicy: [],
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
    ...changes,
  }
  const request = new Metadata()
  for (const [key, value] of Object.entries(pairs)) request.set(key, value)
  const explanation = explainRoutes({ name: 't', routes: [route] }, request)
  const explained = { service: { host: 'h', port: 1 }, request: new Map(), listenerTimeoutMs: 15_000, explanation }
  return explanationText(explained)
    .split('\n')
    .filter((line) => line.startsWith('  '))
    .map((line) => line.trim().replaceAll(/ +/g, ' '))
}

test('a route that answers itself says what, and which filters it has of its own', () => {
  const fault: FilterConfig = { name: 'fault', typeUrl: 't', config: {} }
  const overrides = [
    { name: 'guard', filter: undefined },
    { name: 'fault', filter: fault },
  ]
  const directResponse = { errorType: 'Denied', message: 'closed' } as const
  assert.deepEqual(textOf({ clusters: [], directResponse, overrides }), [
    'answer Denied "closed", of the proxy itself',
    'filter guard is off',
    'fault as the route has it',
  ])
})

test('a route that leaves the cluster to the message says which that is', () => {
  const timeout = 'timeout 15000 ms, of the listener'
  assert.deepEqual(textOf({ clusterKey: 'to' }, { to: 'c' }), ['cluster c, by to', timeout])
  assert.deepEqual(textOf({ clusterKey: 'to' }), ['cluster none: to is not there', timeout])
})
