import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MetaProtocolConfig } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { looping } from '../harness/codecs/looping.ts'
import {
  awesomerpcFrame,
  connectClient,
  freePort,
  GREETER_HOST,
  isFailed,
  MeltemiProcess,
  MeshFolder,
  type RawClient,
  startEchoServer,
  startLiveProxy,
  startProxyProcess,
  testCluster,
  testListener,
  testMetaProtocol,
  testRoute,
} from '../harness/index.ts'
import { askAll, LOCAL_RATE_LIMIT, limitFilter } from '../harness/rate-limited.ts'

const TOKENS = 50
const OVERLOAD = 10
const INTERVAL_MS = 300
const WINDOWS = 20
const MOST_TRIES = 200
const CONNECTIONS = 16

interface Window {
  readonly allowed: number
  /** No more than one fill can have been in it. */
  readonly isSure: boolean
}

/**
 * What one fill lets in: from a request that found the bucket empty to the last reply to ten times as many requests as
 * it can hold, sent by all clients as soon as one was let in.
 */
async function measureWindow(clients: readonly RawClient[]): Promise<Window> {
  const [first] = clients as [RawClient]
  const frame = awesomerpcFrame({ id: 1, body: 'hello' })
  while (!isFailed(await first.request(frame)));
  let beganMs = performance.now()
  for (;;) {
    const askedMs = performance.now()
    if (!isFailed(await first.request(frame))) break
    beganMs = askedMs
  }
  const each = Math.ceil((OVERLOAD * TOKENS) / clients.length)
  const burst = Buffer.concat(new Array<Buffer>(each).fill(frame))
  for (const client of clients) client.send(burst)
  const replies = await Promise.all(clients.map((client) => client.take(each)))
  const allowed = 1 + replies.flat().filter((reply) => !isFailed(reply)).length
  return { allowed, isSure: performance.now() - beganMs < INTERVAL_MS }
}

for (const concurrency of [1, 4]) {
  test(`a bucket of ${TOKENS} each ${INTERVAL_MS} ms lets exactly so many of ${OVERLOAD} times as many in, in ${WINDOWS} windows: ${concurrency} workers`, async () => {
    await using server = await startEchoServer({ codec: awesomerpc })
    const bucket = { max_tokens: TOKENS, tokens_per_fill: TOKENS, fill_interval: `${INTERVAL_MS / 1000}s` }
    const config = { '@type': LOCAL_RATE_LIMIT, stat_prefix: 'limit', token_bucket: bucket }
    const name = 'aeraki.meta_protocol.filters.local_ratelimit'
    await using proxy = await startProxyProcess({
      codec: awesomerpc.name,
      endpoints: [server.port],
      filter: { meta_protocol_filters: [{ name, config }] },
      arguments: ['--concurrency', String(concurrency)],
    })
    await using stack = new AsyncDisposableStack()
    const clients: RawClient[] = []
    for (let each = 0; each < CONNECTIONS; each++)
      clients.push(stack.use(await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 30_000 })))
    const allowed: number[] = []
    // one that the machine stretched beyond the next fill says nothing
    for (let tries = 0; allowed.length < WINDOWS; tries++) {
      assert.ok(tries < MOST_TRIES, `only ${allowed.length} windows could be measured`)
      const window = await measureWindow(clients)
      if (window.isSure) allowed.push(window.allowed)
    }
    assert.deepEqual(allowed, new Array<number>(WINDOWS).fill(TOKENS))

    const replies = clients.flatMap(({ received }) => received)
    const [ok, limited] = [replies.filter((reply) => !isFailed(reply)).length, replies.filter(isFailed).length]
    assert.equal(server.received.length, ok)
    const stat = (which: string) => proxy.stat(`meta_protocol.limit.local_rate_limit.${which}`)
    assert.deepEqual([await stat('ok'), await stat('rate_limited')], [ok, limited])
  })
}

test('buckets keep what they have when something else of the listener changes, and begin anew when they do', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const limit = (tokens: number) =>
    limitFilter({ token_bucket: { max_tokens: tokens, tokens_per_fill: 1, fill_interval: '3600s' } })
  const listener = (tokens: number, changes: Partial<MetaProtocolConfig> = {}) => {
    const routes = { name: 'routes', routes: [testRoute('service')] }
    return testListener('a', testMetaProtocol(looping.name, { routes, filters: [limit(tokens)], ...changes }))
  }
  await using proxy = await startLiveProxy({
    concurrency: 2,
    isComplete: true,
    clusters: [testCluster('service', [server.port])],
    listeners: [listener(5)],
  })
  const ask = async (count: number) => {
    await using client = await connectClient({ port: proxy.port('a'), codec: awesomerpc })
    const frames = Array.from({ length: count }, (_, id) => awesomerpcFrame({ id }))
    return await askAll(client, frames)
  }
  assert.equal(await ask(2), '++')
  // no filter stays as it was where statistics have another name
  await proxy.configure({ listeners: [listener(5, { statPrefix: 'other', requestTimeoutMs: 1000 })] })
  assert.equal(await ask(4), '+++-')
  await proxy.configure({ listeners: [listener(4)] })
  assert.equal(await ask(5), '++++-')
  await proxy.configure({ listeners: [listener(5)] })
  assert.equal(await ask(6), '+++++-', 'nobody remembers the first one')
})

test('a MetaRouter limits what the proxy of meltemi up lets through, and what it says next counts at once', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const port = await freePort()
  using folder = new MeshFolder({ port, versions: { v1: server.port } })
  const limit = (tokens: number) => `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: greeter }
spec:
  hosts: [${GREETER_HOST}]
  localRateLimit:
    tokenBucket: { maxTokens: 9, tokensPerFill: 1, fillInterval: 1h }
    conditions:
      - match: { attributes: { cmd: { exact: "7" } } }
        tokenBucket: { maxTokens: ${tokens}, tokensPerFill: 1, fillInterval: 1h }
        tokenBucketScope: { perDownstreamConnection: true }
`
  folder.write('router.yaml', limit(2))
  const loopback = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']
  const args = ['up', folder.path, ...loopback, '--drain-time-s', '1', '--log-level', 'warn']
  await using up = new MeltemiProcess(args, { env: { XDG_RUNTIME_DIR: folder.path } })
  await up.said(/^ready: /m)
  const ask = async (cmd: number, count: number) => {
    await using client = await connectClient({ port, codec: awesomerpc })
    return await askAll(
      client,
      Array.from({ length: count }, (_, id) => awesomerpcFrame({ id, cmd })),
    )
  }
  for (const _ of [1, 2]) assert.equal(await ask(7, 3), '++-')
  assert.equal(await ask(1, 10), '+++++++++-')
  folder.write('router.yaml', limit(3))
  const endMs = performance.now() + 10_000
  while ((await ask(7, 4)) !== '+++-') {
    assert.ok(performance.now() < endMs, 'the change has had no effect')
    await sleep(20)
  }
})
