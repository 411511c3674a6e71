import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ClusterConfig,
  type ConfigChange,
  type EndpointConfig,
  type ListenerConfig,
  NO_CHANGE,
  type ProxyConfig,
} from '@meltemi/api/model'
import { findChangeFaults } from './find-change-faults.ts'
import { addNames, hasNames, LiveConfig, noNames } from './live-config.ts'

const source = { kind: 'ads', initialFetchTimeoutMs: 0 } as const

function cluster(name: string, more: Partial<ClusterConfig> = {}): ClusterConfig {
  return { name, statName: name, discovery: 'static', endpoints: [], ...more } as unknown as ClusterConfig
}

function edsCluster(name: string, serviceName = name): ClusterConfig {
  return cluster(name, { discovery: 'eds', eds: { serviceName, source } })
}

function endpoint(host: string): EndpointConfig {
  return { address: { host, port: 80 }, hostname: '', weight: 1, healthy: true }
}

function listener(name: string, port: number, host = '127.0.0.1'): ListenerConfig {
  return { name, address: { host, port }, filter: { kind: 'tcp-proxy' } } as unknown as ListenerConfig
}

function liveConfig(): LiveConfig {
  const config = { clusters: [cluster('static')], listeners: [listener('static', 1)], node: { id: 'n' } }
  return new LiveConfig(config as unknown as ProxyConfig, 1000)
}

function apply(live: LiveConfig, change: Partial<ConfigChange>, nowMs = 2000): void {
  live.apply({ ...NO_CHANGE, ...change }, (kind, name) => `${kind}-${name}`, nowMs)
}

test('a change is in force afterwards, with version and time, beside what came with the bootstrap', () => {
  const live = liveConfig()
  const before = live.config
  apply(live, { clusters: [edsCluster('c')], listeners: [listener('l', 2)] })
  assert.deepEqual(
    live.config.clusters.map(({ name }) => name),
    ['static', 'c'],
  )
  assert.equal(live.config.listeners.length, 2)
  assert.deepEqual([before.clusters.length, live.config.node], [1, before.node])
  const { isStatic, version, updatedMs } = live.clusters.get('c')!
  assert.deepEqual([isStatic, version, updatedMs], [false, 'cluster-c', 2000])
  assert.deepEqual(live.clusters.get('static')?.isStatic, true)
  apply(live, { clustersRemoved: ['c'], listenersRemoved: ['l', 'never there'] })
  assert.deepEqual([live.config.clusters.length, live.config.listeners.length], [1, 1])
})

test('a thread that starts has endpoints in their clusters, and routes', () => {
  const live = liveConfig()
  const table = { name: 't', routes: [] }
  apply(live, {
    clusters: [edsCluster('c')],
    endpoints: [{ cluster: 'c', endpoints: [endpoint('10.0.0.1')] }],
    routes: [{ key: 'k', table }],
  })
  const { config, routes } = live.whole()
  assert.deepEqual(config.clusters[1]?.endpoints, [endpoint('10.0.0.1')])
  assert.deepEqual(live.config.clusters[1]?.endpoints, [])
  assert.deepEqual(routes, [{ key: 'k', table }])
})

test('endpoints outlive their cluster’s changes as long as they come from the same place', () => {
  const live = liveConfig()
  const endpoints = [{ cluster: 'c', endpoints: [endpoint('10.0.0.1')] }]
  apply(live, { clusters: [edsCluster('c')], endpoints })
  apply(live, { clusters: [{ ...edsCluster('c'), connectTimeoutMs: 9 }] })
  assert.equal(live.endpoints.get('c')?.config.length, 1)
  apply(live, { clusters: [edsCluster('c', 'other')] })
  assert.equal(live.endpoints.get('c'), undefined)
  apply(live, { endpoints })
  apply(live, { clustersRemoved: ['c'] })
  assert.equal(live.endpoints.size, 0)
})

test('what is in force already is no change', () => {
  const live = liveConfig()
  const change: ConfigChange = {
    ...NO_CHANGE,
    clusters: [edsCluster('c')],
    endpoints: [{ cluster: 'c', endpoints: [endpoint('10.0.0.1')] }],
    routes: [{ key: 'k', table: { name: 't', routes: [] } }],
    listeners: [listener('l', 2)],
  }
  assert.deepEqual(live.withoutKnown(change), change)
  apply(live, change)
  assert.deepEqual(live.withoutKnown(structuredClone(change)), NO_CHANGE)
  const moved = { ...change, clusters: [edsCluster('c', 'other')] }
  const left = live.withoutKnown(moved)
  assert.deepEqual(
    [left.clusters.length, left.endpoints.length, left.routes.length, left.listeners.length],
    [1, 1, 0, 0],
    'endpoints from another place are news, though they are the same',
  )
})

test('a listener that asks for any port keeps the one that it has', () => {
  const live = liveConfig()
  apply(live, { listeners: [listener('l', 4321)] })
  const ports = (change: ListenerConfig[]) =>
    live.withKnownPorts({ ...NO_CHANGE, listeners: change }).listeners.map(({ address }) => address.port)
  assert.deepEqual(ports([listener('l', 0), listener('other', 0)]), [4321, 0])
  assert.deepEqual(ports([listener('l', 5)]), [5])
  assert.deepEqual(ports([listener('l', 0, '::1')]), [0])
})

test('who has missed changes catches up with what their names stand for now', () => {
  const live = liveConfig()
  const missed = noNames()
  assert.equal(hasNames(missed), false)
  const make = (change: Partial<ConfigChange>) => {
    apply(live, change)
    addNames(missed, { ...NO_CHANGE, ...change })
  }
  make({ clusters: [edsCluster('a'), edsCluster('b')], listeners: [listener('l', 2)] })
  make({ endpoints: [{ cluster: 'a', endpoints: [endpoint('10.0.0.1')] }] })
  make({ clustersRemoved: ['b'], routes: [{ key: 'k', table: { name: 'old', routes: [] } }] })
  make({ routes: [{ key: 'k', table: { name: 'new', routes: [] } }], listenersRemoved: ['l'] })
  assert.equal(hasNames(missed), true)
  assert.deepEqual(live.catchUp(missed), {
    clusters: [edsCluster('a')],
    clustersRemoved: ['b'],
    endpoints: [{ cluster: 'a', endpoints: [endpoint('10.0.0.1')] }],
    routes: [{ key: 'k', table: { name: 'new', routes: [] } }],
    routesRemoved: [],
    listeners: [],
    listenersRemoved: ['l'],
  })
})

test('an eds cluster that came back without endpoints has none for who has missed it', () => {
  const live = liveConfig()
  const missed = noNames()
  apply(live, { clusters: [edsCluster('a')] })
  addNames(missed, { ...NO_CHANGE, clusters: [edsCluster('a')] })
  assert.deepEqual(live.catchUp(missed).endpoints, [{ cluster: 'a', endpoints: [] }])
})

for (const [title, change, fault] of [
  ['a cluster of the bootstrap that changes', { clusters: [cluster('static')] }, /cluster 'static' came with/],
  ['a cluster of the bootstrap that goes', { clustersRemoved: ['static'] }, /cluster 'static' came with/],
  ['a listener of the bootstrap that goes', { listenersRemoved: ['static'] }, /listener 'static' came with/],
  ['a cluster twice', { clusters: [cluster('c'), cluster('c')] }, /cluster 'c' come twice/],
  ['what comes and goes at once', { clusters: [cluster('c')], clustersRemoved: ['c'] }, /cluster 'c' come twice/],
  ['endpoints of nothing', { endpoints: [{ cluster: 'c', endpoints: [] }] }, /'c', which is not there/],
  ['endpoints for who has its own', { endpoints: [{ cluster: 'static', endpoints: [] }] }, /'static', which has its/],
  [
    'an address that another listener has',
    { listeners: [listener('l', 1)] },
    /cannot have .*:1: listener 'static' has/,
  ],
  ['one address for two', { listeners: [listener('a', 7), listener('b', 7)] }, /'b' cannot have .* 'a' has it/],
] as const) {
  test(`${title} is a fault`, () => {
    const [only, ...more] = findChangeFaults({ ...NO_CHANGE, ...change }, liveConfig())
    assert.match(only ?? '', fault)
    assert.deepEqual(more, [])
  })
}

test('an address that another listener leaves in the same change is free, and any port is', () => {
  const live = liveConfig()
  apply(live, { listeners: [listener('a', 2), listener('b', 3)] })
  const faults = (change: Partial<ConfigChange>) => findChangeFaults({ ...NO_CHANGE, ...change }, live)
  assert.deepEqual(faults({ listeners: [listener('new', 2)], listenersRemoved: ['a'] }), [])
  assert.deepEqual(faults({ listeners: [listener('a', 3), listener('b', 2)] }), [])
  assert.deepEqual(faults({ listeners: [listener('x', 0), listener('y', 0)] }), [])
  assert.equal(faults({ listeners: [listener('a', 3)] }).length, 1)
})

test('a listener of the bootstrap that has waited is the bootstrap’s, and cannot be changed after that', () => {
  const bootstrap = { clusters: [], listeners: [listener('a', 1), listener('waits', 2)], node: { id: 'n' } }
  const atFirst = { ...bootstrap, listeners: [listener('a', 1)] }
  const live = new LiveConfig(bootstrap as unknown as ProxyConfig, 1000, atFirst as unknown as ProxyConfig)
  assert.equal(live.config.listeners.length, 1)
  const change = { ...NO_CHANGE, listeners: [listener('waits', 2)] }
  assert.deepEqual(findChangeFaults(change, live), [])
  apply(live, change)
  assert.deepEqual(
    [...live.listeners.values()].map(({ isStatic }) => isStatic),
    [true, true],
  )
  assert.equal(findChangeFaults({ ...NO_CHANGE, listenersRemoved: ['waits'] }, live).length, 1)
})
