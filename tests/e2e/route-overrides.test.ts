/** Every filter of the proxy, with another configuration on one route and taken away on another. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RouteConfig } from '@meltemi/api'
import { encodeRoutes } from '@meltemi/api/encode'
import { SharedLimits } from '@meltemi/proxy'
import { istioStats, metadataExchange, proxyFilters } from '@meltemi/proxy/filters'
import { GrpcCode } from '@meltemi/runtime/grpc'
import { looping } from '../harness/codecs/looping.ts'
import { startFakeControlPlane } from '../harness/fake-control-plane.ts'
import { LIMIT_OK, OVER_LIMIT, startAuthzService, startLimitService } from '../harness/grpc-peer.ts'
import {
  AWESOMERPC,
  connectClient,
  FOUR_PROTOCOLS,
  type LiveProxy,
  type RawClient,
  startEchoServer,
  startTestProxy,
  type TestedProtocol,
  type TestProxy,
  THIRD_PARTY,
  testCluster,
  testRoute,
} from '../harness/index.ts'
import {
  NEITHER,
  OFF,
  type Outcome,
  OVERRIDDEN_FILTERS,
  type OverriddenFilter,
  OWN,
  overriddenConfig,
} from '../harness/overridden.ts'
import { askAll } from '../harness/rate-limited.ts'
import { istioRequests, OUTBOUND_CLUSTER, startSidecars } from '../harness/sidecars.ts'
import { clusterBytes, listenerBytes, startXdsProxy } from '../harness/xds-proxy.ts'

interface Peers extends AsyncDisposable {
  /** By the name of its cluster. */
  readonly ports: Readonly<Record<string, number>>
}

/** The services behind the proxy, and those that filters ask: who is called `base` is refused. */
async function startPeers({ codec, answer }: Pick<TestedProtocol, 'codec' | 'answer'>): Promise<Peers> {
  const stack = new AsyncDisposableStack()
  const service = stack.use(await startEchoServer({ codec, answer }))
  const other = stack.use(await startEchoServer({ codec, answer }))
  const limits = stack.use(await startLimitService(({ domain }) => (domain === 'base' ? OVER_LIMIT : LIMIT_OK)))
  const authz = stack.use(
    await startAuthzService(({ attributes }) => ({
      status: { code: attributes?.contextExtensions['who'] === 'base' ? GrpcCode.PERMISSION_DENIED : GrpcCode.OK },
    })),
  )
  return {
    ports: { service: service.port, other: other.port, limits: limits.port, authz: authz.port },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

function threeOf({ request }: TestedProtocol, value: string): readonly Buffer[] {
  return [1, 2, 3].map((id) => request(id, value))
}

/** Of all filters, so that what must not count does not. */
function countersOf({ outcomes: { base, own } }: OverriddenFilter): readonly string[] {
  return [...base.counters, ...own.counters]
}

for (const protocol of FOUR_PROTOCOLS) {
  for (const overridden of OVERRIDDEN_FILTERS) {
    test(`a route has a filter of its own, and another one none: ${overridden.what}, ${protocol.name}`, async () => {
      await using peers = await startPeers(protocol)
      await using proxy = await startOverridden(protocol, overridden, peers)
      await expectOutcomes(proxy, protocol, overridden, overridden.outcomes)
    })
  }
}

for (const overridden of OVERRIDDEN_FILTERS) {
  test(`a filter without a configuration does nothing but for routes that have one: ${overridden.what}`, async () => {
    await using peers = await startPeers(THIRD_PARTY)
    await using proxy = await startOverridden(THIRD_PARTY, overridden, peers, { isBare: true })
    const { own, off } = overridden.outcomes
    await expectOutcomes(proxy, THIRD_PARTY, overridden, { own, off, base: off })
  })
}

async function startOverridden(
  protocol: TestedProtocol,
  overridden: OverriddenFilter,
  { ports }: Peers,
  options: { readonly isBare?: boolean } = {},
): Promise<TestProxy> {
  const { filters, routes } = overriddenConfig(overridden, protocol, options)
  return startTestProxy({
    codec: protocol.codec,
    clusters: Object.entries(ports).map(([name, port]) => testCluster(name, [port])),
    filters: proxyFilters,
    filter: { filters },
    routes,
  })
}

async function expectOutcomes(
  proxy: TestProxy,
  protocol: TestedProtocol,
  overridden: OverriddenFilter,
  { base, own, off }: Readonly<Record<'base' | 'own' | 'off', Outcome>>,
): Promise<void> {
  await using client = await connectClient({ port: proxy.port, codec: protocol.codec })
  for (const [value, expected] of [
    [NEITHER, base],
    [OWN, own],
    [OFF, off],
  ] as const) {
    const before = countersOf(overridden).map((name) => proxy.stat(name))
    const answers = await askAll(client, threeOf(protocol, value))
    const counters = countersOf(overridden).filter((name, at) => proxy.stat(name) > (before[at] as number))
    assert.deepEqual({ answers, counters }, expected, `route for ${value}`)
  }
  await client.close()
  await proxy.until('request_active', 0)
}

test('workers share the bucket of a route, and two routes with the same limit have one each', async () => {
  await using peers = await startPeers(THIRD_PARTY)
  const [limit] = OVERRIDDEN_FILTERS
  const { filters, routes } = overriddenConfig(limit as OverriddenFilter, THIRD_PARTY)
  const [own, off, ...rest] = routes as [RouteConfig, RouteConfig, RouteConfig]
  const same = [own, { ...off, overrides: own.overrides ?? [] }, ...rest]
  const limits = new SharedLimits(2)
  await using stack = new AsyncDisposableStack()
  const clients: RawClient[] = []
  for (const worker of [0, 1]) {
    const proxy = stack.use(
      await startTestProxy({
        codec: THIRD_PARTY.codec,
        endpoints: [peers.ports['service'] ?? 0],
        filters: proxyFilters,
        filter: { filters },
        routes: same,
        share: { limits, worker },
      }),
    )
    clients.push(stack.use(await connectClient({ port: proxy.port, codec: THIRD_PARTY.codec })))
  }
  const ask = (worker: number, value: string, count: number) =>
    askAll(clients[worker] as RawClient, threeOf(THIRD_PARTY, value).slice(0, count))
  assert.equal(await ask(0, OWN, 1), '+')
  assert.equal(await ask(1, OWN, 3), '+--')
  assert.equal(await ask(1, OFF, 1), '+')
  assert.equal(await ask(0, OFF, 3), '+--')
  assert.equal(await ask(0, NEITHER, 1), '+')
  assert.equal(await ask(1, NEITHER, 3), '---')
})

test('the filters of Istio know nothing of requests whose route takes them away', async () => {
  const [key] = THIRD_PARTY.property
  const test = { kind: 'exact', text: OFF, ignoreCase: false } as const
  const quiet = testRoute(OUTBOUND_CLUSTER, {
    match: { metadata: [{ name: key, test, invert: false, treatMissingAsEmpty: false }] },
    overrides: [metadataExchange, istioStats].map(({ name }) => ({ name, filter: undefined })),
  })
  const routes = [quiet, testRoute(OUTBOUND_CLUSTER)]
  await using mesh = await startSidecars({ codec: THIRD_PARTY.codec, outbound: { routes } })
  assert.equal(await askAll(mesh.client, [...threeOf(THIRD_PARTY, NEITHER), ...threeOf(THIRD_PARTY, OFF)]), '++++++')
  const told = (proxy: TestProxy) => istioRequests(proxy).map(({ labels, count }) => [labels['source_app'], count])
  assert.deepEqual(told(mesh.outbound), [['web', 3]])
  assert.deepEqual(
    new Map(told(mesh.inbound) as [string, number][]),
    new Map([
      ['web', 3],
      ['unknown', 3],
    ]),
  )
})

test('over xDS routes bring filters of their own to two workers, change them and take them away', async () => {
  await using peers = await startPeers({ codec: looping, answer: AWESOMERPC.answer })
  await using control = await startFakeControlPlane()
  await using proxy = await startXdsProxy({ port: control.port, concurrency: 2, isComplete: true })
  const stream = await control.stream()
  const configs = OVERRIDDEN_FILTERS.map((overridden) => ({ overridden, ...overriddenConfig(overridden, AWESOMERPC) }))
  stream.send(
    'cluster',
    mapOf(Object.entries(peers.ports), ([name, port]) => [name, clusterBytes(name, port)]),
  )
  stream.send(
    'listener',
    mapOf(configs, ({ overridden: { name }, filters }) => [name, listenerBytes(name, {}, filters)]),
  )
  for (const { name } of OVERRIDDEN_FILTERS) await control.asked(stream, 'route', name)
  const send = (change: (routes: readonly RouteConfig[]) => readonly RouteConfig[]) =>
    stream.send(
      'route',
      mapOf(configs, ({ overridden: { name }, routes }) => [name, encodeRoutes({ name, routes: change(routes) })]),
    )
  assert.equal(
    await control.answer(
      stream,
      send((routes) => routes),
    ),
    undefined,
  )
  while ((await proxy.get('/ready')).trim() !== 'LIVE') await sleep(5)
  for (const { overridden } of configs) {
    const { base, own, off } = overridden.outcomes
    assert.deepEqual(
      await answersOf(proxy, overridden),
      [base, own, off].map(({ answers }) => answers),
      overridden.what,
    )
  }
  // what a route lets in, it lets in over both workers
  const limited = OVERRIDDEN_FILTERS[0] as OverriddenFilter
  for (let again = 0; again < 8; again++) assert.deepEqual(await answersOf(proxy, limited), ['---', '---', '+++'])
  assert.equal(await control.answer(stream, send(swapped)), undefined)
  for (const { overridden } of configs) {
    const { own, off } = overridden.outcomes
    const [, first, second] = await answersOf(proxy, overridden)
    assert.deepEqual([first, second], [off.answers, own.answers], overridden.what)
  }
  assert.equal(await control.answer(stream, send(bare)), undefined)
  for (const { overridden } of configs) {
    const [first, second] = await answersOf(proxy, overridden)
    assert.equal(second, first, overridden.what)
  }
})

function mapOf<T>(items: readonly T[], entry: (item: T) => readonly [string, Uint8Array]): Record<string, Uint8Array> {
  return Object.fromEntries(items.map(entry))
}

/** What the route of `OWN` said, that of `OFF` says now, and the other way round. */
function swapped([own, off, ...rest]: readonly RouteConfig[]): readonly RouteConfig[] {
  const [first, second] = [own as RouteConfig, off as RouteConfig]
  return [{ ...first, overrides: second.overrides ?? [] }, { ...second, overrides: first.overrides ?? [] }, ...rest]
}

function bare(routes: readonly RouteConfig[]): readonly RouteConfig[] {
  return routes.map(({ overrides: _, ...route }) => route)
}

/** On a connection of its own, of the listener named like the filter: by `NEITHER`, `OWN`, `OFF`. */
async function answersOf(proxy: LiveProxy, { name }: OverriddenFilter): Promise<readonly string[]> {
  await using client = await connectClient({ port: proxy.port(name), codec: looping })
  const all: string[] = []
  for (const value of [NEITHER, OWN, OFF]) all.push(await askAll(client, threeOf(AWESOMERPC, value)))
  return all
}
