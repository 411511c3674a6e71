import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_OUTLIER_DETECTION, NO_CHANGE } from '@meltemi/api'
import { THIRD_PARTY } from '../harness/four-protocols.ts'
import { LIMIT_OK, OVER_LIMIT, startLimitService } from '../harness/grpc-peer.ts'
import { testCluster } from '../harness/index.ts'
import { isError, type Limited, LONG_MS, setUpLimited } from '../harness/limited.ts'

const { request } = THIRD_PARTY
const never = () => new Promise<never>(() => {})

async function until(isMet: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 5_000
  while (!isMet()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`)
    await sleep(5)
  }
}

test('all calls of a thread share one connection, which is there before the first of them', async () => {
  await using setup = await setUpLimited()
  const endMs = performance.now() + 5_000
  while (setup.limits.openConnections === 0 && performance.now() < endMs) await sleep(5)
  assert.equal(setup.limits.openConnections, 1)
  const replies = Array.from({ length: 100 }, (_, index) => setup.client.request(request(index + 1)))
  assert.ok((await Promise.all(replies)).every((reply) => !isError(reply)))
  assert.equal(setup.limits.requests.length, 100)
  assert.equal(setup.limits.connections, 1)
})

test('calls under way are bounded by max_requests of the cluster; those beyond it are refused at once', async () => {
  const circuitBreaker = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 3, maxRetries: 3 }
  const held: (() => void)[] = []
  const handler = () => new Promise<typeof LIMIT_OK>((resolve) => held.push(() => resolve(LIMIT_OK)))
  await using setup = await setUpLimited({ handler, cluster: { circuitBreaker }, filter: { failureModeDeny: true } })
  const replies = Array.from({ length: 10 }, (_, index) => setup.client.request(request(index + 1)))
  await setup.proxy.until('cluster.limits.upstream_rq_pending_overflow', 0)
  await setup.proxy.until('cluster.limits.upstream_rq_overflow', 7)
  await setup.limits.arrived(3)
  for (const answer of held) answer()
  assert.equal((await Promise.all(replies)).filter(isError).length, 7)
  assert.equal(setup.limits.requests.length, 3)
  assert.equal(setup.proxy.stat('ratelimit.error'), 7)
})

async function change(setup: Limited, ports: readonly number[]): Promise<void> {
  const clusters = [testCluster('limits', ports)]
  const prepared = await setup.proxy.proxy.prepare({ change: { ...NO_CHANGE, clusters } })
  prepared.use()
}

test('calls follow the endpoints of the cluster, and connections to those that are gone close', async () => {
  await using setup = await setUpLimited({ handler: () => LIMIT_OK })
  await using other = await startLimitService(() => OVER_LIMIT)
  assert.ok(!isError(await setup.client.request(request(1))))
  await change(setup, [other.port])
  assert.ok(isError(await setup.client.request(request(2))))
  await until(() => setup.limits.openConnections === 0, 'the end of the old connection')
  await change(setup, [setup.limits.port, other.port])
  const replies = []
  for (let id = 3; id < 13; id++) replies.push(await setup.client.request(request(id)))
  assert.equal(replies.filter(isError).length, 5, 'one after the other')
  assert.ok(setup.limits.connections === 2 && other.connections === 1)
})

test('a call that is under way when its endpoint goes is answered', async () => {
  const held: (() => void)[] = []
  const handler = () => new Promise<typeof LIMIT_OK>((resolve) => held.push(() => resolve(OVER_LIMIT)))
  await using setup = await setUpLimited({ handler })
  const reply = setup.client.request(request(1))
  await setup.limits.arrived(1)
  await change(setup, [])
  assert.ok(!isError(await setup.client.request(request(2))), 'there is nobody to ask any more')
  held[0]?.()
  assert.ok(isError(await reply))
  await until(() => setup.limits.openConnections === 0, 'the end of the connection')
})

test('a service that stands still costs each request its timeout, and answers again when it goes on', async () => {
  const told = { cluster: 'limits', authority: '', headers: [], timeoutMs: 50 }
  await using setup = await setUpLimited({ handler: () => OVER_LIMIT, filter: { grpcService: told } })
  let id = 1
  const isLimited = async () => isError(await setup.client.request(request(id++)))
  while (!(await isLimited())) assert.ok(id < 100)
  setup.limits.stall(true)
  for (let count = 0; count < 5; count++) assert.ok(!(await isLimited()))
  assert.ok(setup.proxy.stat('ratelimit.timeout') >= 5)
  setup.limits.stall(false)
  while (!(await isLimited())) assert.ok(id < 200)
  assert.equal(setup.limits.connections, 1)
})

test('endpoints that are not healthy are not asked', async () => {
  await using setup = await setUpLimited({ handler: () => LIMIT_OK, filter: { failureModeDeny: true } })
  await using other = await startLimitService(() => OVER_LIMIT)
  const cluster = testCluster('limits', [setup.limits.port, other.port], { panicThresholdPercent: 0 })
  const [first, second] = cluster.endpoints
  assert.ok(first !== undefined && second !== undefined)
  const clusters = [{ ...cluster, endpoints: [first, { ...second, healthy: false }] }]
  const prepared = await setup.proxy.proxy.prepare({ change: { ...NO_CHANGE, clusters } })
  prepared.use()
  for (let id = 1; id < 11; id++) assert.ok(!isError(await setup.client.request(request(id))))
  assert.equal(other.requests.length, 0)
})

test('a host that is ejected loses its connection where that is asked for, and calls on it fail at once', async () => {
  let calls = 0
  const handler = () => {
    if (++calls === 1) return never()
    throw new Error('not today')
  }
  const told = { cluster: 'limits', authority: '', headers: [], timeoutMs: 60_000 }
  const outlierDetection = { ...DEFAULT_OUTLIER_DETECTION, consecutive5xx: 1, maxEjectionPercent: 100 }
  await using setup = await setUpLimited({
    handler,
    filter: { grpcService: told },
    cluster: { outlierDetection, closesConnectionsOfUnhealthy: true },
  })
  const first = setup.client.request(request(1))
  await setup.limits.arrived(1)
  assert.ok(!isError(await setup.client.request(request(2))))
  assert.ok(!isError(await first))
  assert.equal(setup.proxy.stat('ratelimit.error'), 2)
  await until(() => setup.limits.openConnections === 0, 'the end of the connection')
})

test('calls that nobody ever answers are over when the proxy stops', async () => {
  await using setup = await setUpLimited({ handler: never })
  setup.client.send(request(1))
  await setup.limits.arrived(1)
  await setup.proxy.proxy.stop()
  await until(() => setup.limits.openConnections === 0, 'the end of the connection')
  assert.equal(setup.proxy.limitsInUse, 0)
})

test('the service is told its name and the headers that are configured', async () => {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer()
  server.on('stream', (stream, headers) => {
    seen.push(headers)
    stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const told = { authority: 'limits.test', headers: [['x-token', 'of the test']] as const, timeoutMs: LONG_MS }
  {
    await using setup = await setUpLimited({ filter: { grpcService: { cluster: 'limits', ...told } } })
    await change(setup, [port])
    assert.ok(!isError(await setup.client.request(request(1))))
    assert.equal(setup.proxy.stat('ratelimit.error'), 1)
  }
  server.close()
  const [headers] = seen
  assert.equal(headers?.[':path'], '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit')
  assert.deepEqual([headers?.[':authority'], headers?.['x-token']], ['limits.test', 'of the test'])
  assert.match(String(headers?.['grpc-timeout']), /^\d+[mSu]$/)
})
