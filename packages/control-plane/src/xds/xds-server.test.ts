import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fromBinary } from '@bufbuild/protobuf'
import { Client, credentials } from '@grpc/grpc-js'
import {
  type DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DISCOVERY_METHODS,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
  encodeMessage,
  ListenerDiscoveryService,
  RESOURCE_TYPES,
  RouteDiscoveryService,
} from '@meltemi/api/xds'
import { createLogger, MergedRegistry } from '@meltemi/runtime'
import { createGrpcClient, type GrpcClient, GrpcCode } from '@meltemi/runtime/grpc'
import { TYPES_IN_ORDER } from './resource-kinds.ts'
import { AdsClient, openDelta, openSotw } from './testing/ads-client.ts'
import { type Contents, readTestResource, testSnapshot } from './testing/snapshots.ts'
import type { NodeInfo, Snapshot } from './xds-resource.ts'
import { XdsServer, type XdsServerOptions } from './xds-server.ts'

const NODE = { id: 'sidecar~10.0.0.1~a.shop~shop.svc.cluster.local', cluster: 'a', userAgentName: 'test' }
const CLUSTERS = RESOURCE_TYPES.cluster
const REJECTION = { code: 3, message: 'unknown field' }

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A server with a world that is the same for every node. */
async function start(contents: Contents = {}, options: Partial<XdsServerOptions> = {}) {
  const metrics = new MergedRegistry()
  const nodes: NodeInfo[] = []
  let version = 0
  let snapshot = testSnapshot('0', contents)
  const snapshotFor = (node: NodeInfo): Snapshot => {
    nodes.push(node)
    return snapshot
  }
  const server = new XdsServer({ snapshotFor, metrics, logger: createLogger({ level: 'off' }), ...options })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  closing.push(() => server.close())
  return {
    server,
    port,
    /** In the order in which they were asked for. */
    nodes,
    change: (next: Contents) => {
      snapshot = testSnapshot(String(++version), next)
      server.push()
    },
    count: (name: string) => {
      const metric = metrics.read().find((each) => each.name === `control_plane.xds.${name}`)
      return metric === undefined || metric.kind === 'histogram' ? Number.NaN : metric.value
    },
  }
}

function dial(port: number): GrpcClient {
  const client = createGrpcClient({ address: `127.0.0.1:${port}` })
  closing.push(() => client.close())
  return client
}

/** `name version` of each. */
function contentsOf({ resources }: DiscoveryResponse): readonly string[] {
  return resources.map(({ value }) => Object.values(readTestResource(value)).join(' ')).toSorted()
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(1)
}

describe('aggregated, as state of the world', () => {
  test('a proxy gets what it asks for, changes as they come, and is listed with what it has', async () => {
    const { server, port, nodes, change, count } = await start({ cluster: { a: '1' } })
    const proxy = openSotw(dial(port))
    proxy.stream.write({ node: NODE, typeUrl: CLUSTERS })
    const first = await proxy.next()
    assert.deepEqual(contentsOf(first), ['a 1'])
    assert.equal(first.typeUrl, CLUSTERS)
    assert.equal(first.resources[0]?.typeUrl, CLUSTERS)
    assert.equal(first.versionInfo, '0')
    assert.equal(first.controlPlane?.identifier, 'meltemi')
    assert.deepEqual(nodes, [{ id: NODE.id, cluster: 'a', metadata: Object.create(null), userAgent: 'test' }])
    assert.deepEqual(server.proxies()[0]?.types, [
      { type: 'cluster', state: 'stale', sentVersion: '0', ackedVersion: '', error: '' },
    ])

    proxy.stream.write({ typeUrl: CLUSTERS, responseNonce: first.nonce, versionInfo: '0' })
    await until(() => count('acks') === 1)
    assert.deepEqual(server.proxies()[0]?.types, [
      { type: 'cluster', state: 'synced', sentVersion: '0', ackedVersion: '0', error: '' },
    ])
    change({ cluster: { a: '2' } })
    const second = await proxy.next()
    assert.deepEqual(contentsOf(second), ['a 2'])
    assert.notEqual(second.nonce, first.nonce)

    proxy.stream.write({ typeUrl: CLUSTERS, responseNonce: second.nonce, versionInfo: '0', errorDetail: REJECTION })
    await until(() => count('nacks') === 1)
    const [listed] = server.proxies()
    assert.equal(listed?.node.id, NODE.id)
    assert.ok(Date.parse(listed?.connectedAt ?? '') > 0)
    assert.deepEqual(listed?.types, [
      { type: 'cluster', state: 'rejected', sentVersion: '1', ackedVersion: '0', error: 'unknown field' },
    ])
    assert.deepEqual([count('streams'), count('streams_total'), count('pushes')], [1, 1, 2])

    proxy.stream.end()
    assert.equal((await proxy.closed).code, GrpcCode.OK)
    await until(() => server.proxies().length === 0)
    assert.equal(count('streams'), 0)
  })

  test('a client that nobody here wrote gets the same', async () => {
    const { port } = await start({ listener: { l: '1' } })
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
    closing.push(() => client.close())
    const call = client.makeBidiStreamRequest(
      '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => fromBinary(DiscoveryResponseSchema, bytes),
    )
    call.on('error', () => {})
    const request = encodeMessage(DiscoveryRequestSchema, { node: NODE, typeUrl: RESOURCE_TYPES.listener })
    call.write(Buffer.from(request))
    const response = await new Promise<DiscoveryResponse>((resolve) => call.once('data', resolve))
    assert.deepEqual(contentsOf(response), ['l 1'])
    call.cancel()
  })

  test('a node that has two streams is there twice, and who asks is told once', async () => {
    let told = 0
    const { server, port } = await start({}, { onStatus: () => void told++ })
    for (const client of [dial(port), dial(port)]) {
      const proxy = openSotw(client)
      proxy.stream.write({ node: NODE, typeUrl: CLUSTERS })
      const { nonce } = await proxy.next()
      proxy.stream.write({ typeUrl: CLUSTERS, responseNonce: nonce })
    }
    await until(() => server.proxies().filter(({ types }) => types[0]?.state === 'synced').length === 2)
    assert.deepEqual(
      server.proxies().map(({ node }) => node.id),
      [NODE.id, NODE.id],
    )
    await until(() => told > 0)
    assert.ok(told <= 4, `told ${told} times`)
  })

  test('many changes in one turn are one, and who is slow gets only the last', async () => {
    const { port, nodes, change, count } = await start({ cluster: { a: '0' } })
    const proxy = openSotw(dial(port))
    proxy.stream.write({ node: NODE, typeUrl: CLUSTERS })
    const first = await proxy.next()
    for (let version = 1; version <= 100; version++) change({ cluster: { a: String(version) } })
    await until(() => nodes.length === 2)
    change({ cluster: { a: '101' } })
    await until(() => nodes.length === 3)
    assert.equal(count('pushes'), 1, 'the first is not answered')
    proxy.stream.write({ typeUrl: CLUSTERS, responseNonce: first.nonce })
    assert.deepEqual(contentsOf(await proxy.next()), ['a 101'])
    assert.equal(count('pushes'), 2)
  })

  test('a client that does not read holds one response, and gets what is newest when it reads', async () => {
    const large = 'x'.repeat(1024 * 1024)
    const clusters = (version: number) => ({ cluster: { a: `${version}-${large}` } })
    const { port, change, count } = await start(clusters(0))
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    })
    closing.push(() => client.close())
    const call = client.makeBidiStreamRequest(
      '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
      (message: object) => Buffer.from(encodeMessage(DiscoveryRequestSchema, message)),
      (bytes: Buffer) => fromBinary(DiscoveryResponseSchema, bytes),
    )
    call.on('error', () => {})
    call.write({ node: NODE, typeUrl: CLUSTERS })
    await until(() => count('pushes') === 1)
    // It asks for more without taking what it was sent.
    for (let version = 1; version <= 20; version++) {
      call.write({ typeUrl: RESOURCE_TYPES.listener })
      change(clusters(version))
      await setTimeout(2)
    }
    assert.equal(count('pushes'), 1, 'the connection has not taken the first')
    const received: DiscoveryResponse[] = []
    call.on('data', (response: DiscoveryResponse) => {
      received.push(response)
      call.write({ typeUrl: response.typeUrl, responseNonce: response.nonce })
    })
    await until(() => received.length === 3)
    const versions = received.flatMap(({ typeUrl, resources }) =>
      typeUrl === CLUSTERS ? resources.map(({ value }) => Buffer.from(value).toString().split(/[ -]/)[2]) : [],
    )
    assert.deepEqual(versions, ['0', '20'])
    call.cancel()
  })
})

describe('aggregated, incrementally', () => {
  test('a proxy gets what is different, and after a lost connection nothing that it has', async () => {
    const { port, change, count } = await start({ cluster: { a: '1', b: '1' } })
    const client = dial(port)
    const proxy = openDelta(client)
    proxy.stream.write({ node: NODE, typeUrl: CLUSTERS })
    const first = await proxy.next()
    assert.deepEqual(
      first.resources.map(({ name, version }) => `${name} ${version}`),
      ['a 1', 'b 1'],
    )
    proxy.stream.write({ typeUrl: CLUSTERS, responseNonce: first.nonce })
    await until(() => count('acks') === 1)
    change({ cluster: { a: '2', b: '1' } })
    const second = await proxy.next()
    assert.deepEqual(
      second.resources.map(({ name, version }) => `${name} ${version}`),
      ['a 2'],
    )
    assert.equal(second.systemVersionInfo, '1')
    proxy.stream.cancel()
    await proxy.closed

    const again = openDelta(client)
    again.stream.write({ node: NODE, typeUrl: CLUSTERS, initialResourceVersions: { a: '2', b: '1' } })
    await until(() => count('streams_total') === 2 && count('streams') === 1)
    change({ cluster: { a: '2', b: '3' } })
    const third = await again.next()
    assert.deepEqual(
      third.resources.map(({ name, version }) => `${name} ${version}`),
      ['b 3'],
    )
  })

  test('what is gone is told by name, some time after the proxy has come', async () => {
    const { port, change, count } = await start({ cluster: { a: '1' } })
    const proxy = openDelta(dial(port))
    proxy.stream.write({ node: NODE, typeUrl: CLUSTERS })
    proxy.stream.write({ typeUrl: CLUSTERS, responseNonce: (await proxy.next()).nonce })
    await until(() => count('acks') === 1)
    change({ cluster: {} })
    assert.deepEqual((await proxy.next()).removedResources, ['a'])
  })
})

describe('one type alone', () => {
  const { streamRoutes, deltaRoutes, fetchRoutes } = RouteDiscoveryService.method

  test('comes on a stream, and need not be named', async () => {
    const { port, change, count } = await start({ route: { r: '1', other: '1' } })
    const client = dial(port)
    const sotw = new AdsClient<typeof DiscoveryRequestSchema, DiscoveryResponse>((listener) =>
      client.open(streamRoutes, listener),
    )
    sotw.stream.write({ node: NODE, resourceNames: ['r'] })
    const first = await sotw.next()
    assert.deepEqual(contentsOf(first), ['r 1'])
    assert.equal(first.typeUrl, RESOURCE_TYPES.route)
    sotw.stream.write({ typeUrl: CLUSTERS })
    await until(() => count('unknown_type_requests') === 1)
    sotw.stream.write({ resourceNames: ['r'], responseNonce: first.nonce })
    await until(() => count('acks') === 1)
    change({ route: { r: '2', other: '2' } })
    assert.deepEqual(contentsOf(await sotw.next()), ['r 2'])
  })

  test('comes incrementally', async () => {
    const { port } = await start({ route: { r: '1' } })
    const client = dial(port)
    const delta = new AdsClient<typeof DeltaDiscoveryRequestSchema, DeltaDiscoveryResponse>((listener) =>
      client.open(deltaRoutes, listener),
    )
    delta.stream.write({ node: NODE, resourceNamesSubscribe: ['r', 'none'] })
    const { removedResources, resources } = await delta.next()
    assert.deepEqual([resources.map(({ name }) => name), removedResources], [['r'], ['none']])
  })

  test('comes once', async () => {
    const { port } = await start({ route: { r: '1' }, listener: { l: '1', m: '1' } })
    const client = dial(port)
    const routes = await client.call(fetchRoutes, { node: NODE, resourceNames: ['r', 'none', 'r'] })
    assert.deepEqual(contentsOf(routes), ['r 1'])
    const listeners = await client.call(ListenerDiscoveryService.method.fetchListeners, { node: NODE })
    assert.deepEqual(contentsOf(listeners), ['l 1', 'm 1'])
    await assert.rejects(client.call(fetchRoutes, { resourceNames: ['r'] }), { code: GrpcCode.INVALID_ARGUMENT })
  })

  // it hands out no secrets
  for (const type of TYPES_IN_ORDER.filter((each) => each !== 'secret')) {
    test(`may be ${type}, in both variants`, async () => {
      const { port } = await start({ [type]: { x: '1' } })
      const client = dial(port)
      const methods = DISCOVERY_METHODS[type]
      const sotw = new AdsClient<typeof DiscoveryRequestSchema, DiscoveryResponse>((listener) =>
        client.open(methods.sotw, listener),
      )
      sotw.stream.write({ node: NODE, resourceNames: ['x'] })
      assert.deepEqual(contentsOf(await sotw.next()), ['x 1'])
      const delta = new AdsClient<typeof DeltaDiscoveryRequestSchema, DeltaDiscoveryResponse>((listener) =>
        client.open(methods.delta, listener),
      )
      delta.stream.write({ node: NODE, resourceNamesSubscribe: ['x'] })
      const [resource] = (await delta.next()).resources
      assert.equal(resource?.resource?.typeUrl, RESOURCE_TYPES[type])
    })
  }
})

describe('a client that is hostile or broken', () => {
  const limits = { maxNames: 10, maxRequestBytes: 100_000 }

  for (const [what, request, code] of [
    ['says nothing of itself', { typeUrl: CLUSTERS }, GrpcCode.INVALID_ARGUMENT],
    ['has an endless name', { node: { id: 'x'.repeat(2_000) }, typeUrl: CLUSTERS }, GrpcCode.INVALID_ARGUMENT],
    ['says too much', { node: { metadata: { x: 'x'.repeat(70_000) } } }, GrpcCode.INVALID_ARGUMENT],
    ['asks for too much', { node: NODE, typeUrl: CLUSTERS, resourceNames: numbered(11) }, GrpcCode.RESOURCE_EXHAUSTED],
    ['sends too much', { node: NODE, resourceNames: numbered(50_000) }, GrpcCode.RESOURCE_EXHAUSTED],
    ['sends what is no message', new Uint8Array([0xff, 0xff, 0xff]), GrpcCode.INTERNAL],
  ] as const) {
    test(`that ${what} loses its stream, and nobody else's`, async () => {
      const { server, port } = await start({ cluster: { a: '1' } }, { limits })
      const client = dial(port)
      const good = openSotw(client)
      good.stream.write({ node: NODE, typeUrl: CLUSTERS })
      const { nonce } = await good.next()
      const bad = openSotw(client)
      bad.stream.write(request as Uint8Array)
      assert.equal((await bad.closed).code, code)
      await until(() => server.proxies().length === 1)
      good.stream.write({ typeUrl: CLUSTERS, responseNonce: nonce })
      good.stream.write({ typeUrl: RESOURCE_TYPES.listener })
      assert.equal((await good.next()).typeUrl, RESOURCE_TYPES.listener)
    })
  }

  test('that asks for types that there are not is answered with nothing, and counted', async () => {
    const { server, port, count } = await start({ cluster: { a: '1' } })
    const proxy = openSotw(dial(port))
    proxy.stream.write({ node: NODE, typeUrl: 'type.googleapis.com/envoy.service.runtime.v3.Runtime' })
    proxy.stream.write({ typeUrl: '__proto__' })
    proxy.stream.write({ typeUrl: CLUSTERS })
    assert.equal((await proxy.next()).typeUrl, CLUSTERS)
    assert.equal(count('unknown_type_requests'), 2)
    assert.deepEqual(
      server.proxies()[0]?.types.map(({ type }) => type),
      ['cluster'],
    )
  })

  test('that answers what it was never sent is ignored, and counted', async () => {
    const { port, count } = await start({ cluster: { a: '1' } })
    const proxy = openSotw(dial(port))
    proxy.stream.write({ node: NODE, typeUrl: CLUSTERS })
    const { nonce } = await proxy.next()
    proxy.stream.write({ typeUrl: CLUSTERS, responseNonce: 'made up' })
    proxy.stream.write({ typeUrl: CLUSTERS, responseNonce: nonce })
    await until(() => count('acks') === 1)
    assert.equal(count('stale_requests'), 1)
  })

  test('that is one too many is refused, and counted', async () => {
    const { port, count } = await start({}, { limits: { maxStreams: 1 } })
    const client = dial(port)
    const first = openSotw(client)
    first.stream.write({ node: NODE, typeUrl: CLUSTERS })
    await first.next()
    assert.equal((await openSotw(client).closed).code, GrpcCode.RESOURCE_EXHAUSTED)
    assert.equal(count('streams_refused'), 1)
    first.stream.cancel()
    await until(() => count('streams') === 0)
    const second = openSotw(client)
    second.stream.write({ node: NODE, typeUrl: CLUSTERS })
    await second.next()
  })
})

describe('a server', () => {
  test('whose snapshot fails for one node leaves it what it has, and serves the others', async () => {
    let isBroken = false
    const worlds = [testSnapshot('1', { cluster: { a: '1' } }), testSnapshot('2', { cluster: { a: '2' } })]
    const snapshotFor = ({ id }: NodeInfo) => {
      if (isBroken && id === 'unlucky') throw new Error('a resource broke its translator')
      return worlds[isBroken ? 1 : 0] as Snapshot
    }
    const { server, port, count } = await start({}, { snapshotFor })
    const [unlucky, other] = [openSotw(dial(port)), openSotw(dial(port))]
    for (const [id, proxy] of Object.entries({ unlucky, other })) {
      proxy.stream.write({ node: { id }, typeUrl: CLUSTERS })
      proxy.stream.write({ typeUrl: CLUSTERS, responseNonce: (await proxy.next()).nonce })
    }
    await until(() => count('acks') === 2)
    isBroken = true
    server.push()
    assert.deepEqual(contentsOf(await other.next()), ['a 2'])
    assert.equal(count('snapshot_errors'), 1)
    assert.equal(unlucky.waiting, 0)
    const late = openSotw(dial(port))
    late.stream.write({ node: { id: 'unlucky' }, typeUrl: CLUSTERS })
    await until(() => count('snapshot_errors') === 2)
    isBroken = false
    server.push()
    assert.deepEqual(contentsOf(await late.next()), ['a 1'])
  })

  test('that closes tells its clients to go elsewhere, and holds nothing', async () => {
    const { server, port } = await start({ cluster: { a: '1' } })
    const proxy = openSotw(dial(port))
    proxy.stream.write({ node: NODE, typeUrl: CLUSTERS })
    await proxy.next()
    await server.close()
    assert.deepEqual(await proxy.closed, { code: GrpcCode.UNAVAILABLE, message: 'the control plane stops' })
    assert.deepEqual(server.proxies(), [])
  })

  test('brings a change to 100 proxies, each what it may see', async () => {
    const worlds = ['1', '2'].map((version) =>
      ['x', 'y'].map((name) => testSnapshot(version, { cluster: { [name]: version } })),
    )
    let current = 0
    const snapshotFor = ({ id }: NodeInfo) => worlds[current]?.[Number(id) % 2] as Snapshot
    const { server, port, count } = await start({}, { snapshotFor })
    const client = dial(port)
    const proxies = Array.from({ length: 100 }, () => openSotw(client))
    for (const [id, { stream }] of proxies.entries()) stream.write({ node: { id: String(id) }, typeUrl: CLUSTERS })
    for (const proxy of proxies) {
      const { nonce } = await proxy.next()
      proxy.stream.write({ typeUrl: CLUSTERS, responseNonce: nonce })
    }
    await until(() => count('acks') === 100)
    current = 1
    server.push()
    for (const [id, proxy] of proxies.entries()) {
      assert.deepEqual(contentsOf(await proxy.next()), [`${id % 2 === 0 ? 'x' : 'y'} 2`])
    }
  })
})

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `name ${index}`)
}
