import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type ClusterConfig, type ConfigChange, type EndpointConfig, NO_CHANGE } from '@meltemi/api/model'
import { MergedRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import type { Network } from '../net/network.ts'
import { Flusher } from '../net/outbox.ts'
import { SeededRandom } from '../util/random.ts'
import { TimerWheel } from '../util/timer-wheel.ts'
import { TurnClock } from '../util/turn-clock.ts'
import { ClusterManager, type LocalPlace } from './cluster-manager.ts'
import { LimitKind } from './limits.ts'
import { SharedLimits } from './shared-limits.ts'

const SOURCE = { kind: 'ads', initialFetchTimeoutMs: 0 } as const
const REQUEST = { hasHash: false, hashHigh: 0, hashLow: 0, criteria: null, tried: null, random: new SeededRandom(1) }

function endpoint(host: string, more: Partial<EndpointConfig> = {}): EndpointConfig {
  return { address: { host, port: 80 }, hostname: '', weight: 1, healthy: true, ...more }
}

function cluster(name: string, more: Partial<ClusterConfig> = {}): ClusterConfig {
  return {
    name,
    statName: name,
    discovery: 'static',
    dnsRefreshMs: 5000,
    dnsLookupFamily: 'auto',
    endpoints: [endpoint('10.0.0.1'), endpoint('10.0.0.2')],
    connectTimeoutMs: 1000,
    loadBalancer: { kind: 'round-robin' },
    circuitBreaker: { maxConnections: 8, maxPendingRequests: 8, maxRequests: 2, maxRetries: 0 },
    panicThresholdPercent: 50,
    eds: undefined,
    outlierDetection: undefined,
    http2: false,
    bufferLimitBytes: 1024,
    ...more,
  }
}

function edsCluster(name: string, serviceName = name): ClusterConfig {
  return cluster(name, { discovery: 'eds', eds: { serviceName, source: SOURCE }, endpoints: [] })
}

/** Names are resolved by `answer`; before that questions wait. */
function managerOf(...configs: ClusterConfig[]) {
  return managerIn({ cluster: undefined, locality: undefined }, ...configs)
}

function managerIn(local: LocalPlace, ...configs: ClusterConfig[]) {
  const clock = new FakeClock()
  const asked: { name: string; answer(addresses: readonly string[]): void; refuse(): void }[] = []
  const network: Network = {
    connect: () => assert.fail('nobody connects'),
    listen: () => Promise.reject(new Error('nobody listens')),
    resolve: (name) =>
      new Promise((answer, reject) => asked.push({ name, answer, refuse: () => reject(new Error('ENOTFOUND')) })),
    query: () => assert.fail('nobody asks'),
  }
  const thread = {
    clock,
    turn: new TurnClock(clock),
    network,
    random: new SeededRandom(1),
    flusher: new Flusher(clock),
    timers: new TimerWheel(clock),
    onCodecException: () => {},
    onFilterException: () => {},
    logBadReply: () => {},
  }
  const metrics = new MergedRegistry()
  const limits = new SharedLimits(1)
  const manager = new ClusterManager(configs, thread, metrics, limits.share(0), local)
  const change = async (parts: Partial<ConfigChange>) => {
    const all = { ...NO_CHANGE, ...parts }
    const prepared = await manager.prepare(all)
    prepared.use()
    manager.remove(all.clustersRemoved)
  }
  const stats = () => [
    ...new Set(metrics.read((name) => name.startsWith('cluster.')).map(({ name }) => name.split('.')[1])),
  ]
  const hosts = (name: string) => manager.get(name)?.endpoints.map(({ host }) => host)
  return { manager, clock, asked, limits, change, stats, hosts }
}

test('a new form of a cluster keeps its endpoints, its limits in use and its turn', async () => {
  const { manager, change } = managerOf(cluster('c'))
  await manager.start()
  const before = manager.get('c')!
  const [first, second] = before.endpoints
  const { limits } = before.context
  assert.ok(limits.tryAcquire(LimitKind.Requests))
  const turn = before.pick(REQUEST)
  const circuitBreaker = { maxConnections: 8, maxPendingRequests: 8, maxRequests: 1, maxRetries: 0 }
  await change({ clusters: [cluster('c', { connectTimeoutMs: 7, bufferLimitBytes: 9, circuitBreaker })] })
  const after = manager.get('c')!
  assert.equal(after, before)
  assert.deepEqual([after.endpoints[0], after.endpoints[1]], [first, second])
  assert.notEqual(after.pick(REQUEST), turn, 'it goes on where it was')
  assert.deepEqual([after.context.connectTimeoutMs, after.context.bufferLimitBytes], [7, 9])
  assert.equal(limits.tryAcquire(LimitKind.Requests), false, 'the new limit, with what is in use')
})

test('another policy chooses at once, among the same endpoints', async () => {
  const { manager, change } = managerOf(cluster('c'))
  await manager.start()
  const [first] = manager.get('c')!.endpoints
  const loadBalancer = { kind: 'maglev', tableSize: 31, useHostname: false } as const
  await change({ clusters: [cluster('c', { loadBalancer })] })
  const picked = new Set(Array.from({ length: 8 }, () => manager.get('c')!.pick({ ...REQUEST, hasHash: true })))
  assert.equal(picked.size, 1, 'one hash, one endpoint')
  assert.equal(manager.get('c')!.endpoints[0], first)
})

test('a cluster with other stats takes the place of the old one, under the same limits', async () => {
  const { manager, change, stats, clock } = managerOf(cluster('c'))
  await manager.start()
  const before = manager.get('c')!
  const busy = before.endpoints[0]!
  busy.activeRequests = 1
  assert.ok(before.context.limits.tryAcquire(LimitKind.Requests))
  await change({ clusters: [cluster('c', { statName: 'other' })] })
  const after = manager.get('c')!
  assert.notEqual(after, before)
  assert.equal(after.context.limits.used(LimitKind.Requests), 1)
  clock.advance(60_000)
  assert.deepEqual([manager.size, stats()], [2, ['c', 'other']], 'the old one has a request under way')
  busy.activeRequests = 0
  clock.advance(200)
  assert.deepEqual([manager.size, stats(), clock.pendingTimers], [1, ['other'], 0])
})

test('a cluster that is removed is unknown at once, and gone when its last request is', async () => {
  const { manager, change, stats, clock } = managerOf(cluster('a'), cluster('b'))
  await manager.start()
  const endpoint = manager.get('a')!.endpoints[0]!
  endpoint.connectionsActive = 1
  await change({ clustersRemoved: ['a', 'never there'] })
  assert.equal(manager.get('a'), undefined)
  assert.deepEqual([manager.size, stats()], [2, ['a', 'b']])
  endpoint.connectionsActive = 0
  clock.advance(200)
  assert.deepEqual([manager.size, stats()], [1, ['b']])
})

test('one that comes back while the old one is on its way out has limits of its own', async () => {
  const { manager, change, clock, limits } = managerOf(cluster('a'))
  await manager.start()
  const old = manager.get('a')!
  old.endpoints[0]!.activeRequests = 1
  assert.ok(old.context.limits.tryAcquire(LimitKind.Requests))
  await change({ clustersRemoved: ['a'] })
  // as the main thread does it
  limits.forget('cluster/a')
  await change({ clusters: [cluster('a')] })
  assert.equal(manager.get('a')!.context.limits.used(LimitKind.Requests), 0)
  old.endpoints[0]!.activeRequests = 0
  clock.advance(200)
  assert.equal(manager.size, 1)
  assert.equal(manager.get('a')!.endpoints.length, 2)
})

test('endpoints that leave a cluster which is removed count until they are unused', async () => {
  const { manager, change, clock } = managerOf(edsCluster('c'))
  await manager.start()
  await change({ endpoints: [{ cluster: 'c', endpoints: [endpoint('10.0.0.1')] }] })
  const left = manager.get('c')!.endpoints[0]!
  left.activeRequests = 1
  await change({ endpoints: [{ cluster: 'c', endpoints: [endpoint('10.0.0.2')] }] })
  await change({ clustersRemoved: ['c'] })
  clock.advance(1000)
  assert.equal(manager.size, 1)
  left.activeRequests = 0
  clock.advance(200)
  assert.equal(manager.size, 0)
})

test('an eds cluster keeps its endpoints through changes, until it follows another service', async () => {
  const { manager, change, hosts } = managerOf()
  await change({ clusters: [edsCluster('c')] })
  assert.deepEqual(hosts('c'), [])
  await change({ endpoints: [{ cluster: 'c', endpoints: [endpoint('10.0.0.1')] }] })
  const [before] = manager.get('c')!.endpoints
  await change({ clusters: [{ ...edsCluster('c'), panicThresholdPercent: 0 }] })
  assert.equal(manager.get('c')!.endpoints[0], before)
  await change({ clusters: [{ ...edsCluster('c'), statName: 'other' }] })
  assert.deepEqual(hosts('c'), ['10.0.0.1'], 'also one that takes the place of another')
  await change({ clusters: [edsCluster('c', 'elsewhere')] })
  assert.deepEqual(hosts('c'), [])
  await change({
    clusters: [edsCluster('c', 'again')],
    endpoints: [{ cluster: 'c', endpoints: [endpoint('10.0.0.3')] }],
  })
  assert.deepEqual(hosts('c'), ['10.0.0.3'])
})

test('health, weight and name of an endpoint change without a new endpoint', async () => {
  const { manager, change } = managerOf(edsCluster('c'))
  await change({ endpoints: [{ cluster: 'c', endpoints: [endpoint('10.0.0.1'), endpoint('10.0.0.2')] }] })
  const [before] = manager.get('c')!.endpoints
  const changed = endpoint('10.0.0.1', { healthy: false, weight: 5, hostname: 'h' })
  await change({ endpoints: [{ cluster: 'c', endpoints: [changed, endpoint('10.0.0.2')] }] })
  const [after] = manager.get('c')!.endpoints
  assert.equal(after, before)
  assert.deepEqual([after?.healthy, after?.weight, after?.hostname], [false, 5, 'h'])
  assert.equal(manager.get('c')!.pick(REQUEST)?.host, '10.0.0.2')
})

const named = (more: Partial<ClusterConfig> = {}) =>
  cluster('c', { discovery: 'strict-dns', endpoints: [endpoint('a')], ...more })

test('a new cluster has its addresses when it comes into force; who waits for DNS waits two seconds', async () => {
  const { manager, change, asked, clock, hosts } = managerOf()
  const changed = change({ clusters: [named()] })
  await turn()
  assert.equal(manager.get('c'), undefined)
  asked.shift()?.answer(['10.0.0.1'])
  await changed
  assert.deepEqual(hosts('c'), ['10.0.0.1'])
  const late = change({ clusters: [{ ...named(), name: 'late', statName: 'late' }] })
  await turn()
  clock.advance(2000)
  await late
  assert.deepEqual(hosts('late'), [])
  asked.shift()?.answer(['10.0.0.2'])
  await turn()
  assert.deepEqual(hosts('late'), ['10.0.0.2'])
  manager.stop()
  assert.equal(clock.pendingTimers, 0)
})

test('names that are resolved otherwise keep what was known until there are answers', async () => {
  const { manager, change, asked, clock, hosts } = managerOf(named())
  const started = manager.start()
  asked.shift()?.answer(['10.0.0.1'])
  await started
  const [before] = manager.get('c')!.endpoints
  const changed = change({ clusters: [named({ dnsRefreshMs: 100, endpoints: [endpoint('a'), endpoint('b')] })] })
  await turn()
  asked.shift()?.refuse()
  asked.shift()?.answer(['10.0.0.9'])
  await changed
  assert.deepEqual(hosts('c'), ['10.0.0.1', '10.0.0.9'])
  assert.equal(manager.get('c')!.endpoints[0], before)
  clock.advance(100)
  assert.equal(asked.length, 2, 'asked by the new one only')
  manager.stop()
})

test('what is discarded leaves nothing', async () => {
  const { manager, stats, clock, hosts, asked } = managerOf(cluster('a'))
  await manager.start()
  const preparing = manager.prepare({
    ...NO_CHANGE,
    clusters: [cluster('a', { endpoints: [] }), { ...named(), name: 'new', statName: 'new' }],
  })
  await turn()
  asked.shift()?.answer(['10.0.0.1'])
  const prepared = await preparing
  assert.deepEqual(stats(), ['a', 'new'])
  prepared.discard()
  assert.deepEqual([stats(), manager.size, hosts('a')?.length, clock.pendingTimers], [['a'], 1, 2, 0])
})

test('many clusters are made without keeping the thread from its other work', async () => {
  const { manager, clock } = managerOf()
  const clusters = Array.from({ length: 1000 }, (_, n) => cluster(`c${n}`))
  const preparing = manager.prepare({ ...NO_CHANGE, clusters })
  let turns = 0
  let isDone = false
  void preparing.then(() => {
    isDone = true
  })
  while (!isDone) {
    turns++
    clock.runImmediates()
    await turn()
  }
  ;(await preparing).use()
  assert.equal(manager.size, 1000)
  assert.ok(turns > 10, `${turns} turns`)
})

test('zones are told apart as soon as the local cluster knows where this proxy and its like are', async () => {
  const zone = (name: string) => ({ region: 'r', zone: name, subZone: '' })
  const here = endpoint('10.1.0.1', { locality: zone('here') })
  const there = endpoint('10.1.0.2', { locality: zone('there') })
  const service = cluster('service', {
    localityLb: { kind: 'zone-aware', routingEnabledPercent: 100, minClusterSize: 1, failTrafficOnPanic: false },
    endpoints: [endpoint('10.0.0.1', { locality: zone('here') }), endpoint('10.0.0.2', { locality: zone('there') })],
  })
  const { manager, change } = managerIn({ cluster: 'mesh', locality: zone('here') }, edsCluster('mesh'), service)
  await manager.start()
  const picked = () => new Set(Array.from({ length: 8 }, () => manager.get('service')!.pick(REQUEST)?.host))
  assert.equal(picked().size, 2)
  await change({ endpoints: [{ cluster: 'mesh', endpoints: [here, there] }] })
  assert.deepEqual([...picked()], ['10.0.0.1'])
  await change({ endpoints: [{ cluster: 'mesh', endpoints: [there] }] })
  assert.equal(picked().size, 2, 'it is not among its like')
})

const zone = (name: string) => ({ region: 'r', zone: name, subZone: '' })
const localityLb = {
  kind: 'zone-aware',
  routingEnabledPercent: 100,
  minClusterSize: 1,
  failTrafficOnPanic: false,
} as const
const inBothZones = [
  endpoint('10.0.0.1', { locality: zone('here') }),
  endpoint('10.0.0.2', { locality: zone('there') }),
]
const [here, there] = [
  endpoint('10.1.0.1', { locality: zone('here') }),
  endpoint('10.1.0.2', { locality: zone('there') }),
]
const pickedOf = (manager: ClusterManager, name: string) =>
  [...new Set(Array.from({ length: 8 }, () => manager.get(name)!.pick(REQUEST)?.host))].sort()

test('only clusters that tell zones apart are built again when the local cluster changes', async () => {
  const zoned = { localityLb, endpoints: inBothZones }
  const { manager, change } = managerIn(
    { cluster: 'mesh', locality: zone('here') },
    edsCluster('mesh'),
    cluster('zoned', zoned),
    cluster('one zone', { localityLb, endpoints: inBothZones.slice(0, 1) }),
    cluster('weighted', { ...zoned, localityLb: { kind: 'weighted' } }),
    cluster('hashing', { ...zoned, loadBalancer: { kind: 'maglev', tableSize: 31, useHostname: false } }),
    cluster('ewma', { ...zoned, loadBalancer: { kind: 'peak-ewma', decayMs: 1000, defaultReplyMs: 30, penalty: 9 } }),
  )
  await manager.start()
  const rebuilt: string[] = []
  for (const each of manager.values()) if (each.name !== 'mesh') each.onRebuilt = () => rebuilt.push(each.name)
  await change({ endpoints: [{ cluster: 'mesh', endpoints: [here, there] }] })
  assert.deepEqual(rebuilt, ['zoned'])
  assert.deepEqual(pickedOf(manager, 'zoned'), ['10.0.0.1'])
})

test('zones are not told apart any more when the local cluster is removed', async () => {
  const service = cluster('service', { localityLb, endpoints: inBothZones })
  const { manager, change } = managerIn({ cluster: 'mesh', locality: zone('here') }, edsCluster('mesh'), service)
  await manager.start()
  await change({ endpoints: [{ cluster: 'mesh', endpoints: [here, there] }] })
  assert.deepEqual(pickedOf(manager, 'service'), ['10.0.0.1'])
  await change({ clustersRemoved: ['mesh'] })
  assert.deepEqual(pickedOf(manager, 'service'), ['10.0.0.1', '10.0.0.2'])
})

test('of many clusters that tell zones apart each is built again, once, and the thread has its turns in between', async () => {
  const names = Array.from({ length: 200 }, (_, at) => `service ${at}`)
  const { manager, change, clock } = managerIn(
    { cluster: 'mesh', locality: zone('here') },
    edsCluster('mesh'),
    ...names.map((name) => cluster(name, { localityLb, endpoints: inBothZones })),
  )
  await manager.start()
  const rebuilt: string[] = []
  for (const each of manager.values()) if (each.name !== 'mesh') each.onRebuilt = () => rebuilt.push(each.name)
  await change({ endpoints: [{ cluster: 'mesh', endpoints: [here, there] }] })
  await turn()
  assert.ok(rebuilt.length > 0 && rebuilt.length < names.length, `${rebuilt.length} at once`)
  // what is gone meanwhile is left alone
  await change({ clustersRemoved: names.slice(-1) })
  for (let turns = 0; turns < names.length && rebuilt.length < names.length - 1; turns++) {
    clock.advance(0)
    await turn()
  }
  assert.deepEqual(rebuilt, names.slice(0, -1))
  assert.deepEqual(pickedOf(manager, 'service 150'), ['10.0.0.1'])
})
