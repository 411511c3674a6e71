import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Problem, parseResources } from '@meltemi/api/resource'
import { stringify } from 'yaml'
import { validateResource } from '../validate.ts'

function check(kind: 'RedisService' | 'RedisDestination', spec: object): readonly Problem[] {
  const resource = { apiVersion: 'redis.aeraki.io/v1alpha1', kind, metadata: { name: 'one' }, spec }
  return parseResources(stringify(resource), 'f').resources.flatMap(validateResource)
}

function told(problems: readonly Problem[]): readonly string[] {
  return problems.map(({ severity, path, message }) => `${severity} ${path}: ${message}`)
}

const service = (spec: object) => told(check('RedisService', { host: ['a.b'], ...spec }))
const pool = (connectionPool: object) =>
  told(check('RedisDestination', { host: 'a.b', trafficPolicy: { connectionPool } }))
const route = (prefix?: string, host = 'a.b') => ({
  ...(prefix === undefined ? {} : { match: { key: { prefix } } }),
  route: { host },
})

test('what is right has no problems', () => {
  assert.deepEqual(service({}), [])
  const settings = { opTimeout: '1ms', bufferFlushTimeout: '3ms', auth: { plain: { password: 'x' } } }
  assert.deepEqual(service({ settings, redis: [route('a'), route('b'), route()] }), [])
  assert.deepEqual(service({ faults: [{ type: 'ERROR' }, { delay: '1s' }] }), [])
  assert.deepEqual(pool({ tcp: { connectTimeout: '1s', tcpKeepalive: { time: '60s' } }, redis: { mode: 'PROXY' } }), [])
})

test('a prefix is there once, as Envoy takes no two, and case may not matter', () => {
  const fault = 'error spec.redis[1].match.key.prefix: a is there already'
  assert.deepEqual(service({ redis: [route('a'), route('a')] }), [fault])
  assert.deepEqual(service({ redis: [route('a'), route('A')] }), [])
  assert.deepEqual(service({ settings: { caseInsensitive: true }, redis: [route('a'), route('A')] }), [fault])
})

test('of routes for all other keys the last one counts, and the others are told', () => {
  const message = 'a later route is for all other keys as well, and the last one counts'
  assert.deepEqual(service({ redis: [route(), route('a'), route()] }), [`warning spec.redis[0]: ${message}`])
})

test('hosts are names, once each', () => {
  assert.match(service({ host: ['10.0.0.1'] })[0] ?? '', /^error spec.host\[0\]: expected a host name/)
  assert.match(service({ host: ['a.b', 'a.b'] })[0] ?? '', /^error spec.host\[1\]: a.b is there already/)
  assert.match(service({ redis: [route('a', '10.0.0.1')] })[0] ?? '', /^error spec.redis\[0\].route.host/)
  const mirror = [{ route: { host: '10.0.0.1' } }]
  assert.match(service({ redis: [{ ...route(), mirror }] })[0] ?? '', /^error spec.redis\[0\].mirror\[0\].route.host/)
  assert.match(told(check('RedisDestination', { host: '10.0.0.1' }))[0] ?? '', /^error spec.host: expected a host name/)
})

test('durations are neither nothing nor endless', () => {
  for (const opTimeout of ['0s', '10us', '10001h'])
    assert.match(service({ settings: { opTimeout } })[0] ?? '', /^error spec.settings.opTimeout: expected at least 1ms/)
  assert.match(service({ faults: [{ delay: '0s' }] })[0] ?? '', /^error spec.faults\[0\].delay/)
  assert.match(pool({ tcp: { connectTimeout: '0s' } })[0] ?? '', /connectionPool.tcp.connectTimeout/)
  assert.match(pool({ tcp: { tcpKeepalive: { interval: '999ms' } } })[0] ?? '', /interval: expected at least 1000ms/)
})

test('a delay says how long, and who is asked has a port that there is', () => {
  assert.match(service({ faults: [{}] })[0] ?? '', /a fault that delays needs a delay/)
  const members = (discoveryEndpoints: readonly string[], mode = 'CLUSTER') =>
    pool({ redis: { mode, discoveryEndpoints } })
  assert.deepEqual(members(['a', 'a.b:6379', '[::1]:6379', '[::1]']), [])
  assert.match(members(['a:0'])[0] ?? '', /expected a port from 1 to 65535, found 0/)
  assert.match(members(['[::1]:65536'])[0] ?? '', /found 65536/)
  assert.match(members(['a'], 'PROXY')[0] ?? '', /only in mode CLUSTER/)
})
