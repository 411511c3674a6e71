import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import {
  awesomerpcFrame,
  connectClient,
  LIVE_ROUTES_KEY,
  liveCluster,
  liveListener,
  liveRoutes,
  startEchoServer,
  startLiveProxy,
  startProxyProcess,
  testCluster,
} from '../harness/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-admin-'))
after(() => rmSync(folder, { recursive: true }))

test('traffic goes on after /healthcheck/fail, which only /ready and the stats tell', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [server.port] })
  assert.equal(await proxy.stat('server.live'), 1)
  assert.equal(await proxy.post('/healthcheck/fail'), 200)
  assert.equal((await proxy.get('/ready')).status, 503)
  assert.deepEqual([await proxy.stat('server.live'), await proxy.stat('server.state')], [0, 1])
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  await client.request(awesomerpcFrame({ id: 1 }))
  assert.equal(await proxy.stat('server.total_connections'), 1)
  assert.equal(await proxy.post('/healthcheck/ok'), 200)
  assert.equal((await proxy.get('/ready')).status, 200)
})

test('requests, replies and timeouts of each endpoint are told by /clusters, over all threads', async () => {
  await using server = await startEchoServer({
    codec: awesomerpc,
    handler: (request, connection) => (Number(request.requestId) === 9 ? undefined : connection.answer(request)),
  })
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [server.port],
    // so that the service sees the ids of the clients
    multiplexing: false,
    filter: { request_timeout: '0.2s' },
    arguments: ['--concurrency', '2'],
  })
  const clients = await Promise.all(
    Array.from({ length: 4 }, () => connectClient({ port: proxy.port, codec: awesomerpc })),
  )
  for (const client of clients) await client.request(awesomerpcFrame({ id: 1 }))
  await clients[0]?.request(awesomerpcFrame({ id: 9 }))
  const { text } = await proxy.get('/clusters')
  const count = (name: string) => Number(new RegExp(`^service::\\S+::${name}::(\\d+)$`, 'm').exec(text)?.[1])
  assert.deepEqual(
    ['rq_total', 'rq_success', 'rq_timeout', 'rq_error', 'rq_active'].map((name) => count(name)),
    [5, 4, 1, 1, 0],
  )
  for (const client of clients) await client[Symbol.asyncDispose]()
})

test('a profile is of the thread that is named, and shows what it does', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [server.port],
    arguments: ['--concurrency', '2'],
  })
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => connectClient({ port: proxy.port, codec: awesomerpc })),
  )
  let isOver = false
  const traffic = clients.map(async (client) => {
    for (let id = 1; !isOver; id++) await client.request(awesomerpcFrame({ id }))
  })
  const take = async (query: string) => {
    const reply = await fetch(`http://127.0.0.1:${proxy.adminPort}/cpuprofiler?seconds=0.5&${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
    })
    const profile = (await reply.json()) as { nodes: { callFrame: { functionName: string; url: string } }[] }
    return profile.nodes.map(({ callFrame }) => callFrame)
  }
  const [first, second, main] = [await take('thread=0'), await take('thread=1'), await take('thread=main')]
  isOver = true
  await Promise.all(traffic)
  const decodes = (frames: readonly { url: string }[]) =>
    frames.some(({ url }) => url.includes('/downstream/connection'))
  assert.ok(decodes(first) || decodes(second), 'a worker carries traffic')
  assert.ok(!decodes(main), 'the main thread does not')
  for (const client of clients) await client[Symbol.asyncDispose]()
})

test('profiles are not for callers from elsewhere, whatever address the pages have', async (t) => {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === 'IPv4' && !each.internal)?.address
  if (own === undefined) {
    t.skip('this machine has only a loopback address')
    return
  }
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [server.port],
    adminHost: '0.0.0.0',
  })
  const post = async (host: string) => {
    const reply = await fetch(`http://${host}:${proxy.adminPort}/heapprofiler?seconds=0.05`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
    })
    await reply.arrayBuffer()
    return reply.status
  }
  assert.equal(await post('127.0.0.1'), 200)
  assert.equal(await post(own), 403)
})

test('the log that the bootstrap names has a line for each call of the pages', async () => {
  const file = join(folder, 'admin.log')
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [server.port],
    bootstrap: { admin: { access_log_path: file } },
  })
  await proxy.get('/stats?usedonly')
  await proxy.post('/drain_listeners?graceful')
  await setTimeout(100)
  const lines = readFileSync(file, 'utf8').split('\n')
  assert.ok(lines.some((line) => /^\[\S+Z\] "GET \/stats\?usedonly HTTP\/1\.1" 200 - 0 \d+ \d+ - "-" /.test(line)))
  assert.ok(lines.some((line) => /"POST \/drain_listeners\?graceful HTTP\/1\.1" 400 - 0 \d+ /.test(line)))
})

test('stats_config of the bootstrap holds for the pages of the process', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [server.port],
    bootstrap: {
      stats_config: {
        use_all_default_tags: false,
        stats_tags: [
          { tag_name: 'cluster', regex: '^cluster\\.((.+?)\\.)' },
          { tag_name: 'pod', fixed_value: 'p1' },
        ],
        stats_matcher: { exclusion_list: { patterns: [{ prefix: 'server.' }] } },
      },
    },
  })
  const { text } = await proxy.get('/stats/prometheus')
  assert.match(text, /^envoy_cluster_upstream_cx_total\{cluster="service",pod="p1"\} 0$/m)
  assert.match(text, /^envoy_meta_protocol_test_test_request\{pod="p1"\} 0$/m)
  assert.doesNotMatch(text, /server_live/)
  assert.doesNotMatch((await proxy.get('/stats')).text, /^server\./m)
})

test('listeners and clusters that come and go are counted, with those that still have clients', async () => {
  await using proxy = await startLiveProxy({ concurrency: 2, clusters: [testCluster('fixed', [1])] })
  const names = ['listener_added', 'listener_removed', 'total_listeners_active', 'total_listeners_draining']
  const listeners = () => Promise.all(names.map((name) => proxy.stat(`listener_manager.${name}`)))
  assert.deepEqual(await listeners(), [0, 0, 0, 0])
  assert.equal(await proxy.stat('listener_manager.workers_started'), 1)
  await proxy.configure({
    clusters: [liveCluster('come')],
    routes: [liveRoutes('come')],
    listeners: [liveListener('a'), liveListener('b')],
  })
  assert.deepEqual(await listeners(), [2, 0, 2, 0])
  assert.equal(await proxy.stat('listener_manager.listener_create_success'), 4)
  const clusters = ['cluster_added', 'cluster_removed', 'active_clusters']
  const counts = () => Promise.all(clusters.map((name) => proxy.stat(`cluster_manager.${name}`)))
  assert.deepEqual(await counts(), [2, 0, 2])
  await using _client = await connectClient({ port: proxy.port('a'), codec: awesomerpc })
  await until(async () => (await proxy.stat('server.total_connections')) === 1)
  await proxy.configure({ listenersRemoved: ['a', 'b'] })
  assert.deepEqual((await listeners()).slice(0, 3), [2, 2, 0])
  await proxy.configure({ clustersRemoved: ['come'], routesRemoved: [LIVE_ROUTES_KEY] })
  assert.deepEqual(await counts(), [2, 1, 1])
})

test('a listener that cannot be opened is counted', async () => {
  await using proxy = await startLiveProxy({ concurrency: 0, clusters: [testCluster('fixed', [1])] })
  await proxy.configure({ routes: [liveRoutes('fixed')], listeners: [liveListener('a')] })
  const address = { host: '192.0.2.1', port: 1 }
  await assert.rejects(proxy.configure({ listeners: [liveListener('b', { address })] }))
  const stats = ['listener_create_success', 'listener_added', 'listener_modified']
  assert.deepEqual(await Promise.all(stats.map((name) => proxy.stat(`listener_manager.${name}`))), [1, 1, 0])
})

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await isTrue()) return
    await setTimeout(20)
  }
  assert.fail('it has not become true')
}
