import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { EndpointConfig, LbMetadata, SubsetConfig } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServer,
  startEchoServer,
  startTestProxy,
  testCluster,
  testRoute,
} from '../harness/index.ts'

const SUBSETS: SubsetConfig = {
  fallback: 'none',
  defaultSubset: {},
  selectors: [{ keys: ['version'], fallback: 'inherit', fallbackKeys: [], singleHost: false }],
  localityWeightAware: false,
  scaleLocalityWeight: false,
  panicModeAny: false,
  listAsAny: false,
  allowRedundantKeys: false,
  metadataFallback: 'none',
}

const isOk = (reply: { message: Buffer }) => reply.message.readInt16BE(11) === 0

async function startVersions(...versions: readonly string[]) {
  const servers = await Promise.all(versions.map(() => startEchoServer({ codec: awesomerpc })))
  const endpoints = servers.map(
    ({ port }, n): EndpointConfig => ({
      address: { host: '127.0.0.1', port },
      hostname: '',
      weight: 1,
      healthy: true,
      metadata: { version: versions[n] as string },
    }),
  )
  const close = async () => void (await Promise.all(servers.map((server) => server.close())))
  return { servers, endpoints, close }
}

const counts = (servers: readonly EchoServer[]) => servers.map(({ received }) => received.length)

/** A route for requests with this `cmd`, to endpoints that have this. */
function routeFor(cmd: number, metadataMatch: LbMetadata | undefined) {
  const matcher = { name: 'cmd', test: { kind: 'exact', text: `${cmd}`, ignoreCase: false } } as const
  return testRoute('service', {
    name: `cmd ${cmd}`,
    match: { metadata: [{ ...matcher, invert: false, treatMissingAsEmpty: false }] },
    clusters: [{ cluster: 'service', weight: 1, ...(metadataMatch === undefined ? {} : { metadataMatch }) }],
  })
}

test('a route asks for endpoints by their metadata, and where there are none the fallback says what happens', async () => {
  const { servers, endpoints, close } = await startVersions('1', '2', '2')
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    clusters: [testCluster('service', [], { endpoints, subsets: SUBSETS })],
    routes: [
      routeFor(1, { version: '1' }),
      routeFor(2, { version: '2' }),
      routeFor(3, { version: '3' }),
      routeFor(4, undefined),
    ],
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  const ask = async (cmd: number, times: number) => {
    let failed = 0
    for (let id = 1; id <= times; id++) if (!isOk(await client.request(awesomerpcFrame({ id, cmd })))) failed++
    return failed
  }
  assert.equal(await ask(1, 10), 0)
  assert.deepEqual(counts(servers), [10, 0, 0])
  assert.equal(await ask(2, 10), 0)
  assert.deepEqual(counts(servers), [10, 5, 5])
  assert.equal(await ask(3, 3), 3)
  assert.equal(await ask(4, 3), 3)
  assert.deepEqual(counts(servers), [10, 5, 5])
  assert.deepEqual(
    ['lb_subsets_active', 'lb_subsets_selected', 'upstream_cx_none_healthy'].map((name) => proxy.stat(name)),
    [2, 20, 6],
  )
  await close()
})

test('of weighted clusters each asks for its own, and one cluster may stand there twice', async () => {
  const { servers, endpoints, close } = await startVersions('1', '2')
  const clusters = [
    { cluster: 'service', weight: 80, metadataMatch: { version: '1' } },
    { cluster: 'service', weight: 20, metadataMatch: { version: '2' } },
  ]
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    clusters: [testCluster('service', [], { endpoints, subsets: SUBSETS })],
    routes: [testRoute('service', { clusters })],
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 1; id <= 2_000; id++) assert.ok(isOk(await client.request(awesomerpcFrame({ id }))))
  const [one = 0] = counts(servers)
  assert.ok(Math.abs(one - 1_600) < 75, `${one}`)
  await close()
})

test('the fallback is any endpoint, or the default subset, and mirrors ask for nothing', async () => {
  const { servers, endpoints, close } = await startVersions('1', '2')
  const mirror = await startVersions('9')
  const fallback = { ...SUBSETS, fallback: 'default', defaultSubset: { version: '2' } } as const
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    clusters: [
      testCluster('service', [], { endpoints, subsets: fallback }),
      testCluster('mirror', [], { endpoints: mirror.endpoints, subsets: { ...SUBSETS, fallback: 'any' } }),
    ],
    routes: [
      testRoute('service', {
        clusters: [{ cluster: 'service', weight: 1, metadataMatch: { version: '7' } }],
        mirrors: [{ cluster: 'mirror', numerator: 100, denominator: 100 }],
      }),
    ],
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 1; id <= 6; id++) assert.ok(isOk(await client.request(awesomerpcFrame({ id }))))
  assert.deepEqual(counts(servers), [0, 6])
  await mirror.servers[0]?.arrived(6)
  assert.equal(proxy.stat('lb_subsets_fallback'), 12)
  await close()
  await mirror.close()
})

test('a TCP proxy asks for endpoints too', async () => {
  const { servers, endpoints, close } = await startVersions('1', '2')
  const clusters = [{ cluster: 'service', weight: 1, metadataMatch: { version: '2' } }]
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    clusters: [testCluster('service', [], { endpoints, subsets: SUBSETS })],
    tcpProxy: { kind: 'tcp-proxy', statPrefix: 'tcp', clusters, idleTimeoutMs: 0, maxConnectAttempts: 1 },
  })
  const sockets = Array.from({ length: 4 }, () => connect(proxy.port, '127.0.0.1'))
  await servers[1]?.accepted(4)
  assert.deepEqual(
    servers.map(({ connections }) => connections.length),
    [0, 4],
  )
  for (const socket of sockets) socket.destroy()
  await proxy.until('upstream_cx_active', 0)
  await close()
})
