import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { ClusterConfig, EndpointConfig } from '@meltemi/api/model'
import { MergedRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import type { Network } from '../net/network.ts'
import { Flusher } from '../net/outbox.ts'
import { SeededRandom } from '../util/random.ts'
import { TimerWheel } from '../util/timer-wheel.ts'
import { TurnClock } from '../util/turn-clock.ts'
import { ClusterManager } from './cluster-manager.ts'
import { SharedLimits } from './shared-limits.ts'

const REFRESH_MS = 5000

function endpoint(host: string, weight = 1): EndpointConfig {
  return { address: { host, port: 80 }, hostname: '', weight, healthy: true }
}

function clusterOf(
  endpoints: readonly EndpointConfig[],
  discovery: ClusterConfig['discovery'] = 'strict-dns',
  more: Partial<ClusterConfig> = {},
) {
  const clock = new FakeClock()
  const asked: { name: string; answer(addresses: readonly string[]): void; refuse(): void }[] = []
  const network: Network = {
    connect: () => assert.fail('nobody connects'),
    listen: () => Promise.reject(new Error('nobody listens')),
    resolve: (name) =>
      new Promise((answer, reject) => asked.push({ name, answer, refuse: () => reject(new Error('ENOTFOUND')) })),
    query: () => assert.fail('nobody asks'),
  }
  const config: ClusterConfig = {
    name: 'c',
    statName: 'c',
    discovery,
    dnsRefreshMs: REFRESH_MS,
    dnsLookupFamily: 'auto',
    endpoints,
    connectTimeoutMs: 1000,
    loadBalancer: { kind: 'round-robin' },
    circuitBreaker: { maxConnections: 8, maxPendingRequests: 8, maxRequests: 8, maxRetries: 0 },
    panicThresholdPercent: 50,
    eds: undefined,
    outlierDetection: undefined,
    http2: false,
    bufferLimitBytes: 1024,
    ...more,
  }
  const metrics = new MergedRegistry()
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
  const manager = new ClusterManager([config], thread, metrics, new SharedLimits(1).share(0))
  const cluster = manager.get('c')!
  const hosts = () => cluster.endpoints.map(({ address }) => address).sort()
  const stat = (name: string) => {
    const [metric] = metrics.read((candidate) => candidate === `cluster.c.${name}`)
    return metric !== undefined && metric.kind !== 'histogram' ? metric.value : undefined
  }
  const settle = async (...answers: (readonly string[] | null)[]) => {
    for (const answer of answers) {
      const question = asked.shift()!
      if (answer === null) question.refuse()
      else question.answer(answer)
    }
    await turn()
  }
  return { manager, cluster, clock, asked, hosts, stat, settle }
}

test('every address of every name is an endpoint, once', async () => {
  const { cluster, hosts, settle, stat } = clusterOf([endpoint('a'), endpoint('b'), endpoint('10.0.0.9')])
  const started = cluster.start()
  await settle(['10.0.0.1', '10.0.0.2'], ['10.0.0.2', '::1'])
  await started
  assert.deepEqual(hosts(), ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.9:80', '[::1]:80'])
  assert.deepEqual([stat('membership_total'), stat('update_success')], [4, 2])
})

test('a name that cannot be resolved keeps its last addresses, and is asked again', async () => {
  const { cluster, clock, hosts, settle, stat, asked } = clusterOf([endpoint('a')])
  void cluster.start()
  await settle(['10.0.0.1'])
  clock.advance(REFRESH_MS)
  await settle(null)
  assert.deepEqual([hosts(), stat('update_failure')], [['10.0.0.1:80'], 1])
  clock.advance(REFRESH_MS)
  await settle(['10.0.0.2'])
  assert.deepEqual([hosts(), asked.length], [['10.0.0.2:80'], 0])
})

test('a start without any address succeeds; requests find no endpoint until there is one', async () => {
  const { cluster, clock, settle } = clusterOf([endpoint('a')])
  const started = cluster.start()
  await settle(null)
  await started
  const request = { hasHash: false, hashHigh: 0, hashLow: 0, criteria: null, tried: null, random: new SeededRandom(1) }
  assert.equal(cluster.pick(request), undefined)
  clock.advance(REFRESH_MS)
  await settle(['10.0.0.1'])
  assert.equal(cluster.pick(request)?.address, '10.0.0.1:80')
})

test('a slow answer delays the next question: never two at once', async () => {
  const { cluster, clock, asked, settle } = clusterOf([endpoint('a')])
  void cluster.start()
  clock.advance(10 * REFRESH_MS)
  assert.equal(asked.length, 1)
  await settle(['10.0.0.1'])
  clock.advance(REFRESH_MS)
  assert.equal(asked.length, 1)
})

test('what is stopped while it asks changes nothing any more and leaves no timer', async () => {
  const { cluster, clock, hosts, settle } = clusterOf([endpoint('a')])
  void cluster.start()
  cluster.stop()
  await settle(['10.0.0.1'])
  assert.deepEqual([hosts(), clock.pendingTimers], [[], 0])
})

test('a stopped resolver forgets the refresh that was to come', async () => {
  const { cluster, clock, asked, settle } = clusterOf([endpoint('a')])
  void cluster.start()
  await settle(['10.0.0.1'])
  cluster.stop()
  clock.advance(2 * REFRESH_MS)
  assert.deepEqual([asked.length, clock.pendingTimers], [0, 0])
})

test('the same addresses in another order change nothing: the same endpoints, in their order', async () => {
  const { cluster, clock, settle } = clusterOf([endpoint('a')])
  void cluster.start()
  await settle(['10.0.0.1', '10.0.0.2'])
  const before = cluster.endpoints
  clock.advance(REFRESH_MS)
  await settle(['10.0.0.2', '10.0.0.1'])
  assert.equal(cluster.endpoints, before)
  clock.advance(REFRESH_MS)
  await settle(['10.0.0.3', '10.0.0.1'])
  assert.equal(cluster.endpoints[1], before[0])
})

test('a weight that changes takes effect, on the endpoint that stays', () => {
  const { cluster } = clusterOf([], 'static')
  cluster.setEndpoints([endpoint('10.0.0.1', 1)])
  const [before] = cluster.endpoints
  cluster.setEndpoints([endpoint('10.0.0.1', 5)])
  assert.equal(cluster.endpoints[0], before)
  assert.equal(before?.weight, 5)
})

test('an address that is there twice is one endpoint, with what was said of it first', () => {
  const { cluster } = clusterOf([], 'static')
  cluster.setEndpoints([endpoint('10.0.0.1', 5), { ...endpoint('10.0.0.1', 7), priority: 1 }, endpoint('10.0.0.2')])
  const [first] = cluster.endpoints
  assert.deepEqual([cluster.endpoints.length, first?.weight, first?.priority], [2, 5, 0])
})

const REQUEST = { hasHash: false, hashHigh: 0, hashLow: 0, criteria: null, tried: null, random: new SeededRandom(1) }

test('logical: one endpoint, which goes on under the address that a name has now', async () => {
  const { cluster, clock, hosts, settle, stat } = clusterOf([endpoint('a')], 'logical-dns')
  void cluster.start()
  await settle(['10.0.0.1', '10.0.0.2'])
  const [before] = cluster.endpoints
  assert.deepEqual(hosts(), ['10.0.0.1:80'])
  clock.advance(REFRESH_MS)
  await settle(['10.0.0.3', '10.0.0.1'])
  assert.deepEqual(hosts(), ['10.0.0.3:80'])
  assert.equal(cluster.endpoints[0], before)
  assert.equal(cluster.pick(REQUEST), before)
  assert.deepEqual([before?.host, before?.hostname, stat('membership_total')], ['10.0.0.3', 'a', 1])
})

test('logical: an address is kept while there is no other, whether DNS fails or says that there is none', async () => {
  const { cluster, clock, hosts, settle, stat } = clusterOf([endpoint('a')], 'logical-dns')
  void cluster.start()
  await settle(['10.0.0.1'])
  clock.advance(REFRESH_MS)
  await settle(null)
  clock.advance(REFRESH_MS)
  await settle([])
  assert.deepEqual([hosts(), stat('update_failure'), stat('update_success')], [['10.0.0.1:80'], 1, 2])
})

test('strict: a name that has no addresses any more has no endpoints', async () => {
  const { cluster, clock, hosts, settle } = clusterOf([endpoint('a')])
  void cluster.start()
  await settle(['10.0.0.1'])
  clock.advance(REFRESH_MS)
  await settle([])
  assert.deepEqual(hosts(), [])
})

test('after failures a name is asked again at any time up to a bound that doubles', async () => {
  const dnsFailureRefresh = { baseMs: 100, maxMs: 400 }
  const { cluster, clock, asked, settle } = clusterOf([endpoint('a')], 'strict-dns', { dnsFailureRefresh })
  void cluster.start()
  for (const boundMs of [100, 200, 400, 400]) {
    await settle(null)
    clock.advance(boundMs)
    assert.equal(asked.length, 1, `within ${boundMs} ms`)
  }
  await settle(['10.0.0.1'])
  clock.advance(REFRESH_MS - 1)
  assert.equal(asked.length, 0)
  clock.advance(1)
  assert.equal(asked.length, 1)
  await settle(null)
  clock.advance(100)
  assert.equal(asked.length, 1, 'it begins anew')
})

test('names are used as soon as one of them is known, and each has its own time', async () => {
  const dnsFailureRefresh = { baseMs: 10, maxMs: 10 }
  const { cluster, clock, asked, hosts, settle } = clusterOf([endpoint('a'), endpoint('b')], 'strict-dns', {
    dnsFailureRefresh,
  })
  void cluster.start()
  const late = asked.pop()
  await settle(['10.0.0.1'])
  assert.deepEqual(hosts(), ['10.0.0.1:80'])
  late?.refuse()
  await turn()
  clock.advance(10)
  assert.deepEqual(
    asked.map(({ name }) => name),
    ['b'],
  )
})

test('health that comes back begins a slow start anew', () => {
  const { cluster, clock } = clusterOf([], 'static')
  clock.advance(1_000)
  cluster.setEndpoints([endpoint('10.0.0.1')])
  const since = cluster.endpoints[0]!.healthySinceMs
  clock.advance(1_000)
  cluster.setEndpoints([{ ...endpoint('10.0.0.1'), healthy: false }])
  clock.advance(1_000)
  cluster.setEndpoints([{ ...endpoint('10.0.0.1'), weight: 3 }])
  assert.equal(cluster.endpoints[0]!.healthySinceMs, since + 2_000)
  clock.advance(1_000)
  cluster.setEndpoints([{ ...endpoint('10.0.0.1'), weight: 4 }])
  assert.equal(cluster.endpoints[0]!.healthySinceMs, since + 2_000)
})

test('priority, locality, metadata and degradation of an endpoint change without a new endpoint, and count at once', () => {
  const { cluster, stat } = clusterOf([], 'static')
  cluster.setEndpoints([endpoint('10.0.0.1'), endpoint('10.0.0.2')])
  const [first, second] = cluster.endpoints
  cluster.setEndpoints([{ ...endpoint('10.0.0.1'), priority: 1 }, endpoint('10.0.0.2')])
  for (let pick = 0; pick < 4; pick++) assert.equal(cluster.pick(REQUEST), second)
  cluster.setEndpoints([
    { ...endpoint('10.0.0.1'), locality: { region: 'r', zone: 'z', subZone: '' }, metadata: { a: 1 } },
    { ...endpoint('10.0.0.2'), degraded: true },
  ])
  assert.deepEqual([cluster.endpoints[0], cluster.endpoints[1]], [first, second])
  assert.deepEqual([first?.priority, first?.locality?.zone, first?.metadata], [0, 'z', { a: 1 }])
  assert.deepEqual([stat('membership_healthy'), stat('membership_degraded')], [1, 1])
})
