import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadBalancerConfig, MetadataMatcher, RouteConfig } from '@meltemi/api'
import type { Metadata } from '@meltemi/sdk'
import { mutable, mutableFrame } from '../harness/codecs/index.ts'
import {
  connectClient,
  type EchoServer,
  type RawClient,
  startEchoServer,
  startTestProxy,
  testCluster,
  testRoute,
} from '../harness/index.ts'

type Pairs = Readonly<Record<string, string>>

function body(reply: Metadata): string {
  return reply.message.toString('utf8', reply.headerSize)
}

function pairsOf(message: Metadata | undefined): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (let n = 0; n < (message?.size ?? 0); n++) pairs[message?.key(n) ?? ''] = message?.value(n) ?? ''
  return pairs
}

function when(name: string, test: MetadataMatcher['test'], changes: Partial<MetadataMatcher> = {}): MetadataMatcher {
  return { name, test, invert: false, treatMissingAsEmpty: false, ...changes }
}

const exact = (text: string) => ({ kind: 'exact', text, ignoreCase: false }) as const
const prefix = (text: string) => ({ kind: 'prefix', text, ignoreCase: false }) as const
const suffix = (text: string) => ({ kind: 'suffix', text, ignoreCase: true }) as const
const contains = (text: string) => ({ kind: 'contains', text, ignoreCase: false }) as const
const regex = (pattern: string) => ({ kind: 'regex', pattern }) as const
const range = (start: bigint, end: bigint) => ({ kind: 'range', start, end }) as const
const present = { kind: 'present', present: true } as const

/** Services that answer with their name, and a proxy that routes among them. */
async function startServices(names: readonly string[], routes: readonly RouteConfig[]) {
  const servers = await Promise.all(
    names.map((name) =>
      startEchoServer({
        codec: mutable,
        handler: (request, connection) => connection.send(mutableFrame({ id: Number(request.requestId), body: name })),
      }),
    ),
  )
  const clusters = names.map((name, n) => testCluster(name, [(servers[n] as EchoServer).port]))
  const proxy = await startTestProxy({ codec: mutable, clusters, routes })
  return {
    servers,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy.proxy.stop()
      for (const server of servers) await server.close()
    },
  }
}

async function whoAnswers(client: RawClient, pairs: Pairs): Promise<string> {
  return body(await client.request(mutableFrame({ id: 1, pairs })))
}

const ROUTES: readonly (readonly [name: string, matchers: readonly MetadataMatcher[]])[] = [
  ['exact', [when('service', exact('users')), when('method', exact('get'))]],
  ['prefix', [when('service', prefix('admin.'))]],
  ['suffix', [when('service', suffix('.INTERNAL'))]],
  ['contains', [when('service', contains('-beta-'))]],
  ['regex', [when('version', regex('v[0-9]+(\\.[0-9]+)?'))]],
  ['range', [when('user-id', range(-5n, 9_007_199_254_740_993n))]],
  ['present', [when('Debug', present)]],
  ['inverted', [when('tenant', exact('public'), { invert: true })]],
  ['missing', [when('zone', exact(''), { treatMissingAsEmpty: true }), when('edge', present)]],
  ['default', []],
]

const CASES: readonly (readonly [Pairs, string])[] = [
  [{ service: 'users', method: 'get' }, 'exact'],
  [{ service: 'users', method: 'put' }, 'default'],
  [{ SERVICE: 'users', Method: 'get' }, 'exact'],
  [{ service: 'admin.users' }, 'prefix'],
  [{ service: 'admin' }, 'default'],
  [{ service: 'x.internal' }, 'suffix'],
  [{ service: 'a-beta-b' }, 'contains'],
  [{ version: 'v12.3' }, 'regex'],
  [{ version: 'xv12' }, 'default'],
  [{ 'user-id': '-5' }, 'range'],
  [{ 'user-id': '9007199254740992' }, 'range'],
  [{ 'user-id': '9007199254740993' }, 'default'],
  [{ 'user-id': 'five' }, 'default'],
  [{ debug: '' }, 'present'],
  [{ tenant: 'private' }, 'inverted'],
  [{ tenant: 'public' }, 'default'],
  [{ edge: '1' }, 'missing'],
  [{ edge: '1', zone: 'a' }, 'default'],
  [{}, 'default'],
  [{ service: 'admin.x.internal', version: 'v1', debug: '1' }, 'prefix'],
]

test('each matcher sends what it matches its own way, the first route wins, and the rest goes to the last', async () => {
  const routes = ROUTES.map(([name, metadata]) => testRoute(name, { match: { metadata } }))
  await using services = await startServices(
    ROUTES.map(([name]) => name),
    routes,
  )
  await using client = await connectClient({ port: services.proxy.port, codec: mutable })
  for (const [pairs, expected] of CASES) assert.equal(await whoAnswers(client, pairs), expected, JSON.stringify(pairs))
})

for (const indexed of [true, false]) {
  const kind = indexed ? 'exact matches alone' : 'with a prefix among them'
  test(`the right one of a thousand routes is found: ${kind}`, async () => {
    const names = Array.from({ length: 10 }, (_, n) => `s${n}`)
    const routes = Array.from({ length: 1000 }, (_, n) =>
      testRoute(`s${n % 10}`, { name: `route-${n}`, match: { metadata: [when('service', exact(`service-${n}`))] } }),
    )
    if (!indexed)
      routes.splice(500, 0, testRoute('s0', { match: { metadata: [when('service', prefix('service-7'))] } }))
    await using services = await startServices(names, routes)
    await using client = await connectClient({ port: services.proxy.port, codec: mutable })
    for (const n of [0, 1, 499, 501, 777, 999]) {
      const expected = indexed || n !== 777 ? `s${n % 10}` : 's0'
      assert.equal(await whoAnswers(client, { service: `service-${n}` }), expected)
    }
    assert.match(await whoAnswers(client, { service: 'service-1000' }), /no matched route/)
  })
}

test('weighted clusters get their shares: 20 and 80 of 10,000, and nothing goes to a weight of 0', async () => {
  const clusters = [
    { cluster: 'v2', weight: 20 },
    { cluster: 'none', weight: 0 },
    { cluster: 'v1', weight: 80 },
  ]
  await using services = await startServices(['v1', 'v2', 'none'], [testRoute('v1', { clusters })])
  await using client = await connectClient({ port: services.proxy.port, codec: mutable })
  client.send(Buffer.concat(Array.from({ length: 10_000 }, (_, id) => mutableFrame({ id }))))
  const replies = await client.take(10_000)
  const counts = { v1: 0, v2: 0, none: 0 }
  for (const reply of replies) counts[body(reply) as keyof typeof counts]++
  assert.ok(Math.abs(counts.v2 / 100 - 20) <= 1.6, JSON.stringify(counts))
  assert.equal(counts.v1 + counts.v2, 10_000)
})

const HASHING: readonly LoadBalancerConfig[] = [
  { kind: 'ring-hash', minimumRingSize: 1024, maximumRingSize: 8192, useHostname: false },
  { kind: 'maglev', tableSize: 65_537, useHostname: false },
]

for (const loadBalancer of HASHING) {
  test(`equal keys stick to one endpoint, and different ones spread: ${loadBalancer.kind}`, async () => {
    const servers = await Promise.all(Array.from({ length: 4 }, () => startEchoServer({ codec: mutable })))
    await using proxy = await startTestProxy({
      codec: mutable,
      endpoints: servers.map(({ port }) => port),
      cluster: { loadBalancer },
      routes: [testRoute('service', { hashPolicy: ['user'] })],
    })
    await using a = await connectClient({ port: proxy.port, codec: mutable })
    await using b = await connectClient({ port: proxy.port, codec: mutable })
    for (let n = 0; n < 400; n++) {
      await (n % 2 === 0 ? a : b).request(mutableFrame({ id: n, pairs: { user: `user-${n >> 2}`, n: String(n) } }))
    }
    const homes = new Map<string, Set<number>>()
    for (const [at, server] of servers.entries()) {
      for (const request of server.received) {
        const user = request.get('user') ?? ''
        homes.set(user, (homes.get(user) ?? new Set()).add(at))
      }
    }
    assert.equal(homes.size, 100)
    for (const [user, home] of homes) assert.equal(home.size, 1, user)
    for (const server of servers) assert.ok(server.received.length > 20, `${server.received.length}`)
    for (const server of servers) await server.close()
  })
}

for (const multiplexing of [true, false]) {
  const name = multiplexing ? 'shared' : 'exclusive'
  test(`changes of the request are seen by the service, those of the response by the client: ${name}`, async () => {
    await using server = await startEchoServer({ codec: mutable })
    await using proxy = await startTestProxy({
      codec: mutable,
      endpoints: [server.port],
      multiplexing,
      routes: [
        testRoute('service', {
          match: { metadata: [when('kind', exact('plain'))] },
        }),
        testRoute('service', {
          requestMutation: [
            { key: 'added', value: 'by the route' },
            { key: 'changed', value: 'new' },
            { key: 'removed', value: undefined },
          ],
          responseMutation: [
            { key: 'added', value: 'to the response' },
            { key: 'kept', value: undefined },
          ],
        }),
      ],
    })
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    const pairs = { changed: 'old', removed: 'x', kept: 'k' }
    const reply = await client.request(mutableFrame({ id: 9, pairs, body: 'payload' }))
    assert.deepEqual(pairsOf(server.received[0]), { changed: 'new', kept: 'k', added: 'by the route' })
    assert.deepEqual(pairsOf(reply), { changed: 'new', added: 'to the response' })
    assert.equal(body(reply), 'payload')
    assert.equal(reply.requestId, 9)
    const plain = mutableFrame({ id: 10, pairs: { ...pairs, kind: 'plain' } })
    assert.deepEqual((await client.request(plain)).message, plain)
  })
}

test('a generated request id is added once, and one that came is kept', async () => {
  await using server = await startEchoServer({ codec: mutable })
  const filter = { generateRequestId: true }
  await using proxy = await startTestProxy({ codec: mutable, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  await client.request(mutableFrame({ id: 1 }))
  await client.request(mutableFrame({ id: 2, pairs: { 'x-request-id': 'mine' } }))
  assert.match(server.received[0]?.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
  assert.equal(server.received[1]?.get('x-request-id'), 'mine')
})
