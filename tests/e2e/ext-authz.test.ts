import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExtAuthzConfig, FilterConfig } from '@meltemi/api'
import type { CheckRequest, CheckResponseInit } from '@meltemi/api/ext-authz'
import { proxyFilters } from '@meltemi/proxy/filters'
import { GrpcCode, GrpcError } from '@meltemi/runtime/grpc'
import { mutableFrame } from '../harness/codecs/index.ts'
import { endAsked } from '../harness/end-asked.ts'
import { filter } from '../harness/filtered.ts'
import { FOUR_PROTOCOLS, type TestedProtocol, THIRD_PARTY } from '../harness/four-protocols.ts'
import { type AuthzHandler, type GrpcPeer, startAuthzService } from '../harness/grpc-peer.ts'
import {
  connectClient,
  type EchoServer,
  type RawClient,
  startEchoServer,
  startTestProxy,
  type TestProxy,
  testCluster,
} from '../harness/index.ts'
import { isError, LONG_MS, textOf } from '../harness/limited.ts'

const OK: CheckResponseInit = { status: { code: 0 } }
const DENIED: CheckResponseInit = { status: { code: GrpcCode.PERMISSION_DENIED } }
const { request } = THIRD_PARTY
const never = () => new Promise<never>(() => {})
const DENIAL = (id: number) => `meta protocol authorization: request '${id}' is denied`

function authzFilter(changes: Partial<ExtAuthzConfig> = {}): FilterConfig {
  const parsed: ExtAuthzConfig = {
    statPrefix: 'guard',
    grpcService: { cluster: 'authz', authority: '', headers: [], timeoutMs: LONG_MS },
    failureModeAllow: false,
    includeTlsSession: false,
    match: { metadata: [] },
    contextExtensions: {},
    ...changes,
  }
  return { name: 'authz', typeUrl: 'type.googleapis.com/meltemi.v1.ExtAuthz', config: {}, parsed }
}

interface Guarded extends AsyncDisposable {
  readonly service: EchoServer
  readonly authz: GrpcPeer<CheckRequest>
  readonly proxy: TestProxy
  readonly client: RawClient
}

interface GuardedOptions {
  readonly handler: AuthzHandler
  readonly protocol?: TestedProtocol
  readonly filter?: Partial<ExtAuthzConfig>
  /** Facts of the client's connection, which a filter before this one writes. */
  readonly facts?: Readonly<Record<string, string>>
}

async function setUpGuarded(options: GuardedOptions): Promise<Guarded> {
  const { handler, protocol = THIRD_PARTY, facts = {} } = options
  const { codec, answer } = protocol
  const service = await startEchoServer({ codec, answer })
  const authz = await startAuthzService(handler)
  const informer = filter('informer', {
    onRequest({ connection }) {
      for (const [key, value] of Object.entries(facts)) (connection.properties as Map<string, string>).set(key, value)
      return 0
    },
  })
  const { name, typeUrl } = informer
  const proxy = await startTestProxy({
    codec,
    clusters: [testCluster('service', [service.port]), testCluster('authz', [authz.port])],
    filters: [informer, ...proxyFilters],
    filter: { filters: [{ name, typeUrl, config: undefined }, authzFilter(options.filter)] },
  })
  const client = await connectClient({ port: proxy.port, codec })
  return {
    service,
    authz,
    proxy,
    client,
    [Symbol.asyncDispose]: () => endAsked({ client, proxy, service, asked: authz, cluster: 'authz' }),
  }
}

for (const protocol of FOUR_PROTOCOLS) {
  const { name, property, codec } = protocol

  test(`the service decides who passes, knowing what the codec knows: ${name}`, async () => {
    let count = 0
    await using setup = await setUpGuarded({ protocol, handler: () => (++count > 1 ? DENIED : OK) })
    assert.ok(!isError(await setup.client.request(protocol.request(1))))
    assert.ok(isError(await setup.client.request(protocol.request(2))))
    assert.equal(setup.service.received.length, 1)
    const [asked] = setup.authz.requests
    const http = asked?.attributes?.request?.http
    assert.equal(http?.headers[property[0]], property[1])
    assert.deepEqual([http?.id, http?.protocol], ['1', 'test'])
    const [received] = setup.service.received
    assert.deepEqual([http?.method, http?.path], [received?.operation, `/${received?.operation}`])
    assert.equal(Number(http?.size), protocol.request(1).length)
    for (const stat of ['ok', 'denied']) assert.equal(setup.proxy.stat(`ext_authz.guard.${stat}`), 1, codec.name)
    assert.equal(setup.proxy.stat('ext_authz.guard.total'), 2)
  })
}

test('who is denied reads that, and no more', async () => {
  const deniedResponse = { case: 'deniedResponse' as const, value: { body: 'a secret' } }
  await using setup = await setUpGuarded({ handler: () => ({ ...DENIED, httpResponse: deniedResponse }) })
  assert.equal(textOf(await setup.client.request(request(7))), DENIAL(7))
})

interface Trouble {
  readonly what: string
  readonly handler?: AuthzHandler
  readonly filter?: Partial<ExtAuthzConfig>
  readonly before?: (setup: Guarded) => Promise<void>
}

const service = { authority: '', headers: [], timeoutMs: LONG_MS }
const TROUBLES: readonly Trouble[] = [
  { what: 'is slow', handler: never, filter: { grpcService: { ...service, cluster: 'authz', timeoutMs: 30 } } },
  { what: 'is down', before: ({ authz }) => authz.down() },
  { what: 'is not among the clusters', filter: { grpcService: { ...service, cluster: 'nowhere' } } },
  { what: 'answers with bytes that are no message', handler: () => Buffer.of(0x0a, 0xff) },
  {
    what: 'answers with an error',
    handler: () => {
      throw new GrpcError(GrpcCode.INTERNAL, 'sorry')
    },
  },
]

for (const { what, handler = () => OK, filter: changes, before } of TROUBLES) {
  for (const failureModeAllow of [false, true]) {
    test(`a service that ${what}: requests ${failureModeAllow ? 'pass' : 'are denied'}`, async () => {
      await using setup = await setUpGuarded({ handler, filter: { ...changes, failureModeAllow } })
      await before?.(setup)
      const reply = await setup.client.request(request(7))
      assert.equal(isError(reply), !failureModeAllow)
      if (!failureModeAllow) assert.equal(textOf(reply), DENIAL(7))
      assert.equal(setup.service.received.length, failureModeAllow ? 1 : 0)
      assert.equal(setup.proxy.stat('ext_authz.guard.error'), 1)
      assert.equal(setup.proxy.stat('ext_authz.guard.failure_mode_allowed'), failureModeAllow ? 1 : 0)
    })
  }
}

test('the service is told who asks, over which connection, and what is configured', async () => {
  const facts = { 'tls.principal': 'spiffe://mesh/ns/web/sa/shop', 'tls.sni': 'shop.test' }
  const changes = { includeTlsSession: true, contextExtensions: { tenant: 'blue' } }
  await using setup = await setUpGuarded({ handler: () => OK, facts, filter: changes })
  const beforeMs = Date.now()
  await setup.client.request(request(1))
  const attributes = setup.authz.requests[0]?.attributes
  const { source, destination, tlsSession, contextExtensions } = attributes ?? {}
  assert.equal(source?.principal, facts['tls.principal'])
  assert.equal(tlsSession?.sni, 'shop.test')
  assert.deepEqual(contextExtensions, { tenant: 'blue' })
  const places = [source, destination].map((peer) => {
    const { address } = peer?.address ?? {}
    return address?.case === 'socketAddress' ? [address.value.address, address.value.portSpecifier.value] : []
  })
  const { localPort } = setup.client.socket
  assert.deepEqual(places, [
    ['127.0.0.1', localPort],
    ['127.0.0.1', setup.proxy.port],
  ])
  const { seconds = 0n, nanos = 0 } = attributes?.request?.time ?? {}
  const toldMs = Number(seconds) * 1000 + nanos / 1e6
  assert.ok(toldMs >= beforeMs - 1 && toldMs <= Date.now() + 1)
})

test('what the service changes reaches routes, the service behind, and of the reply the client', async () => {
  const { REPLACE, APPEND, ABSENT, EXISTING } = { REPLACE: 2, APPEND: 0, ABSENT: 1, EXISTING: 3 } as const
  const header = (key: string, value: string, appendAction: 0 | 1 | 2 | 3 = REPLACE) => ({
    header: { key, value },
    appendAction,
  })
  const okResponse = {
    headers: [
      header('user', 'ann'),
      { ...header('list', 'b', APPEND), append: true },
      header('kept', 'other', ABSENT),
      header('new', 'n', ABSENT),
      header('nothing', 'x', EXISTING),
    ],
    headersToRemove: ['token'],
    responseHeadersToAdd: [header('checked', 'yes')],
  }
  await using setup = await setUpGuarded({
    handler: () => ({ ...OK, httpResponse: { case: 'okResponse' as const, value: okResponse } }),
  })
  const pairs = { USER: 'eve', list: 'a', kept: 'k', Token: 'secret' }
  const reply = await setup.client.request(mutableFrame({ id: 1, pairs }))
  const [received] = setup.service.received
  const found = Object.fromEntries(
    Array.from({ length: received?.size ?? 0 }, (_, at) => [received?.key(at), received?.value(at)]),
  )
  assert.deepEqual(found, { user: 'ann', list: 'a,b', kept: 'k', new: 'n' })
  assert.equal(reply.get('checked'), 'yes')
})

test('only what matches is asked about', async () => {
  const test = { kind: 'exact', text: 'dear', ignoreCase: false } as const
  const match = { metadata: [{ name: 'kind', test, invert: false, treatMissingAsEmpty: false }] }
  await using setup = await setUpGuarded({ handler: () => DENIED, filter: { match } })
  assert.ok(!isError(await setup.client.request(request(1))))
  assert.ok(isError(await setup.client.request(mutableFrame({ id: 2, pairs: { kind: 'dear' } }))))
  assert.deepEqual(
    ['disabled', 'denied', 'total'].map((name) => setup.proxy.stat(`ext_authz.guard.${name}`)),
    [1, 1, 1],
  )
})

test('a request with more properties than anybody is told of is denied, whatever the failure mode', async () => {
  await using setup = await setUpGuarded({ handler: () => OK, filter: { failureModeAllow: true } })
  const pairs = { a: 'x'.repeat(40_000), b: 'y'.repeat(25_000) }
  assert.equal(textOf(await setup.client.request(mutableFrame({ id: 1, pairs }))), DENIAL(1))
  assert.equal(setup.authz.requests.length, 0)
  assert.equal(setup.proxy.stat('ext_authz.guard.error'), 1)
})

test('a client that leaves takes its call along', async () => {
  await using setup = await setUpGuarded({ handler: never })
  setup.client.send(request(1))
  await setup.authz.arrived(1)
  setup.client.socket.resetAndDestroy()
  await setup.proxy.until('request_active', 0)
  assert.equal(setup.proxy.stat('cluster.authz.upstream_rq_cancelled'), 1)
})

test('a service that is back is asked again', async () => {
  await using setup = await setUpGuarded({ handler: () => OK })
  assert.ok(!isError(await setup.client.request(request(1))))
  await setup.authz.down()
  assert.ok(isError(await setup.client.request(request(2))))
  await setup.authz.restart()
  let id = 3
  while (isError(await setup.client.request(request(id++)))) {
    assert.ok(id < 1_000, 'the service is not asked again')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})
