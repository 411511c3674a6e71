import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type ConfigChange, type ProxyConfig, resourceContext } from '@meltemi/api'
import { encodeCluster, encodeEndpoints, encodeListener, encodeRoutes } from '@meltemi/api/encode'
import {
  type DeltaDiscoveryResponse,
  type DiscoveryResponse,
  RESOURCE_TYPES,
  type ResourceType,
} from '@meltemi/api/xds'
import { createLogger, LocalRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { ConfigRefused } from '../config/configure.ts'
import { SeededRandom } from '../util/random.ts'
import { XdsClient } from './client.ts'
import { ResourceCache } from './resource-cache.ts'
import {
  ADS,
  bootstrap,
  edsCluster,
  endpoints,
  listener,
  RDS,
  rdsListener,
  staticCluster,
  table,
} from './testing/configs.ts'
import { FakeTransport } from './testing/fake-transport.ts'
import type { XdsRequest } from './transport.ts'

const root = mkdtempSync(join(tmpdir(), 'meltemi-client-'))
after(() => rmSync(root, { recursive: true, force: true }))

interface StageOptions {
  readonly config?: Partial<ProxyConfig>
  readonly waiting?: ProxyConfig['listeners']
  readonly folder?: string
}

type Body = readonly [name: string, body: Uint8Array]

const BODIES = {
  cluster: (name: string): Body => [name, encodeCluster(edsCluster(name))],
  fixed: (name: string, port = 1): Body => [name, encodeCluster(staticCluster(name, [port]))],
  endpoint: (name: string, ...ports: readonly number[]): Body => [
    name,
    encodeEndpoints({ cluster: name, endpoints: endpoints(...ports) }),
  ],
  listener: (name: string): Body => [name, encodeListener(rdsListener(name))],
  plain: (name: string): Body => [name, encodeListener(listener(name, { routes: table('t', 'a') }))],
  route: (name: string, ...clusters: readonly string[]): Body => [name, encodeRoutes(table(name, ...clusters))],
  garbage: (name: string): Body => [name, Uint8Array.of(0xff)],
}

/** A client with the control plane and the data plane around it. */
class Stage {
  readonly clock = new FakeClock()
  readonly transport = new FakeTransport()
  readonly changes: ConfigChange[] = []
  readonly refusing = new Set<string>()
  readonly lines: string[] = []
  readonly values = new Map<string, number>()
  readonly modules: string[] = []
  readonly client: XdsClient
  ready = 0
  #nonce = 0

  constructor({ config = {}, waiting = [], folder }: StageOptions = {}) {
    const logger = createLogger({ destination: { write: (line) => this.lines.push(line) } })
    const whole = bootstrap(config)
    this.client = new XdsClient({
      config: whole,
      waiting,
      context: resourceContext(whole, {}),
      clock: this.clock,
      random: new SeededRandom(1),
      logger,
      metrics: new LocalRegistry(() => {}),
      transport: this.transport.open,
      configure: (change) => this.#configure(change),
      modules: {
        deliver: async (name) => void this.modules.push(name),
        hasCodec: () => false,
        keepDelivered: async () => {},
      },
      cache: folder === undefined ? undefined : new ResourceCache({ folder, clock: this.clock, logger }),
      userAgentVersion: '1.2.3',
      onReady: () => {
        this.ready += 1
      },
    })
    this.client.start()
  }

  /** A delta response; returns what the client says to it. */
  async delta(type: ResourceType, bodies: readonly Body[], removed: readonly string[] = []): Promise<XdsRequest[]> {
    this.transport.last.take()
    const resources = bodies.map(([name, value], index) => ({
      name,
      version: `${this.#nonce}.${index}`,
      resource: { typeUrl: RESOURCE_TYPES[type], value },
    }))
    const typeUrl = RESOURCE_TYPES[type]
    this.transport.last.send({
      $typeName: 'envoy.service.discovery.v3.DeltaDiscoveryResponse',
      ...{ typeUrl, resources, removedResources: removed, nonce: String(++this.#nonce), systemVersionInfo: 'v' },
    } as unknown as DeltaDiscoveryResponse)
    await settled()
    return this.transport.last.take()
  }

  async sotw(type: ResourceType, bodies: readonly Body[], stream = this.transport.last): Promise<XdsRequest[]> {
    stream.take()
    const typeUrl = RESOURCE_TYPES[type]
    const resources = bodies.map(([, value]) => ({ typeUrl, value }))
    stream.send({
      $typeName: 'envoy.service.discovery.v3.DiscoveryResponse',
      ...{ typeUrl, resources, nonce: String(++this.#nonce), versionInfo: `v${this.#nonce}` },
    } as unknown as DiscoveryResponse)
    await settled()
    return stream.take()
  }

  /** Clusters with endpoints of their own, and no listener: that is all, and the proxy is ready. */
  async serve(...clusters: readonly string[]): Promise<void> {
    await this.delta(
      'cluster',
      clusters.map((name) => BODIES.fixed(name)),
    )
    await this.delta('listener', [])
    assert.equal(this.ready, 1)
  }

  /** What came into force, in order. */
  get inForce(): readonly string[] {
    return this.changes.flatMap((change) => [
      ...change.clusters.map(({ name }) => `cluster ${name}`),
      ...change.endpoints.map(({ cluster }) => `endpoints ${cluster}`),
      ...change.routes.map(({ key }) => `routes ${key}`),
      ...change.listeners.map(({ name }) => `listener ${name}`),
      ...change.listenersRemoved.map((name) => `no listener ${name}`),
      ...change.routesRemoved.map((key) => `no routes ${key}`),
      ...change.clustersRemoved.map((name) => `no cluster ${name}`),
    ])
  }

  #configure(change: ConfigChange): Promise<void> {
    const faults = change.clusters.filter(({ name }) => this.refusing.has(name)).map(({ name }) => `no ${name}`)
    if (faults.length > 0) return Promise.reject(new ConfigRefused(faults))
    this.changes.push(change)
    return Promise.resolve()
  }
}

/** Everything that is not waiting for time has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** The file has been read, which takes what time it takes. */
async function read(stage: Stage): Promise<void> {
  for (let turn = 0; stage.changes.length === 0 && turn < 10_000; turn++) await settled()
}

function typesOf(requests: readonly XdsRequest[]): readonly string[] {
  const names = Object.entries(RESOURCE_TYPES)
  return requests.map(({ typeUrl }) => names.find(([, url]) => url === typeUrl)?.[0] ?? '')
}

function faultOf(request: XdsRequest | undefined): string | undefined {
  return request?.errorDetail?.message
}

describe('over one stream for everything', () => {
  test('the first request says who asks, and clusters come before listeners', async () => {
    const stage = new Stage()
    await settled()
    const requests = stage.transport.last.take()
    assert.deepEqual(typesOf(requests), ['cluster', 'listener'])
    assert.deepEqual(requests[0]?.node, {
      id: 'node',
      cluster: 'edge',
      metadata: { NAMESPACE: 'default' },
      userAgentName: 'meltemi',
      userAgentVersionType: { case: 'userAgentVersion', value: '1.2.3' },
    })
    assert.equal(requests[1]?.node, undefined)
    assert.deepEqual(stage.transport.last.service, { type: 'ads', delta: true })
    assert.equal(stage.transport.last.address, '127.0.0.1:1')
  })

  test('what refers to other things has them asked for, and comes into force with them', async () => {
    const stage = new Stage()
    const [ack, ask] = await stage.delta('cluster', [BODIES.cluster('a')])
    assert.deepEqual(ack, { typeUrl: RESOURCE_TYPES.cluster, responseNonce: '1' })
    assert.deepEqual(ask, {
      typeUrl: RESOURCE_TYPES.endpoint,
      resourceNamesSubscribe: ['a'],
      initialResourceVersions: {},
    })
    assert.deepEqual(stage.inForce, [])
    await stage.delta('endpoint', [BODIES.endpoint('a', 5)])
    assert.deepEqual(stage.inForce, ['cluster a', 'endpoints a'])
    assert.deepEqual(typesOf(await stage.delta('listener', [BODIES.listener('l')])), ['listener', 'route'])
    assert.equal(stage.ready, 0)
    await stage.delta('route', [BODIES.route('l', 'a')])
    assert.deepEqual(stage.inForce.slice(2), ['routes ads/l', 'listener l'])
    assert.equal(stage.ready, 1)
  })

  test('what is not wanted any more is not asked for any more', async () => {
    const stage = new Stage()
    await stage.delta('cluster', [BODIES.cluster('a'), BODIES.cluster('b')])
    const [, ask] = await stage.delta('cluster', [], ['a'])
    assert.deepEqual(ask, {
      typeUrl: RESOURCE_TYPES.endpoint,
      resourceNamesSubscribe: [],
      resourceNamesUnsubscribe: ['a'],
    })
  })

  test('of a delta response the good part is taken, and the bad one told', async () => {
    const stage = new Stage()
    const [answer] = await stage.delta('cluster', [BODIES.fixed('a'), BODIES.garbage('bad'), BODIES.fixed('b')])
    assert.match(faultOf(answer) ?? '', /^cluster "bad": cannot be read as envoy\.config\.cluster\.v3\.Cluster/)
    assert.deepEqual(stage.inForce, ['cluster a', 'cluster b'])
  })

  test('what the data plane refuses of a delta response is found, and told', async () => {
    const stage = new Stage()
    stage.refusing.add('c')
    const [answer] = await stage.delta(
      'cluster',
      ['a', 'b', 'c', 'd', 'e'].map((name) => BODIES.fixed(name)),
    )
    assert.equal(faultOf(answer), 'cluster "c": no c')
    assert.deepEqual(
      stage.inForce.toSorted(),
      ['a', 'b', 'd', 'e'].map((name) => `cluster ${name}`),
    )
    stage.refusing.clear()
    const [again] = await stage.delta('cluster', [BODIES.fixed('c')])
    assert.equal(faultOf(again), undefined)
    assert.ok(stage.inForce.includes('cluster c'))
  })

  test('a new stream says what is held', async () => {
    const stage = new Stage()
    await stage.delta('cluster', [BODIES.fixed('a'), BODIES.cluster('b')])
    await stage.delta('endpoint', [BODIES.endpoint('b', 1)])
    stage.transport.last.end()
    stage.clock.advance(500)
    assert.equal(stage.transport.streams.length, 2)
    assert.equal(stage.transport.last.address, '127.0.0.1:2')
    const requests = stage.transport.last.take()
    assert.deepEqual(
      requests.map((request) => ('initialResourceVersions' in request ? request.initialResourceVersions : undefined)),
      [{ a: '0.0', b: '0.1' }, { b: '1.0' }, {}],
    )
    assert.deepEqual([requests[0]?.node?.id, requests[1]?.node], ['node', undefined])
  })

  test('what is not held any more is not said to be held', async () => {
    const stage = new Stage()
    await stage.delta('cluster', [BODIES.cluster('a'), BODIES.cluster('b')])
    await stage.delta('endpoint', [BODIES.endpoint('a', 1), BODIES.endpoint('b', 1)])
    await stage.delta('cluster', [], ['b'])
    await stage.delta('cluster', [BODIES.cluster('b')])
    stage.transport.last.end()
    stage.clock.advance(500)
    const [, request] = stage.transport.last.take()
    assert.deepEqual(request, {
      typeUrl: RESOURCE_TYPES.endpoint,
      resourceNamesSubscribe: ['a', 'b'],
      initialResourceVersions: { a: '1.0' },
    })
  })

  test('an answer does not go to another stream than the response came by', async () => {
    const stage = new Stage()
    stage.transport.last.take()
    const old = stage.transport.last
    const sending = stage.delta('cluster', [BODIES.fixed('a')])
    old.end()
    stage.clock.advance(500)
    await sending
    assert.equal(
      stage.transport.last.requests.some((request) => 'responseNonce' in request && request.responseNonce === '1'),
      false,
    )
  })

  test('what nobody asked for is passed over', async () => {
    const stage = new Stage()
    assert.deepEqual(await stage.delta('route', [BODIES.route('l', 'a')]), [])
    assert.match(stage.lines.join(), /the control plane sent what nobody asked for/)
  })

  test('a control plane that has no such routes is not waited for', async () => {
    const stage = new Stage()
    await stage.delta('cluster', [])
    await stage.delta('listener', [BODIES.listener('l')])
    assert.equal(stage.ready, 0)
    await stage.delta('route', [], ['l'])
    assert.deepEqual([stage.inForce, stage.ready], [['listener l'], 1])
  })
})

describe('in state-of-the-world', () => {
  const config = { dynamic: { ads: { cluster: 'xds', delta: false }, listeners: ADS, clusters: ADS } }

  test('a response with anything wrong is rejected whole, and the last good one stays', async () => {
    const stage = new Stage({ config })
    const [ack] = await stage.sotw('cluster', [BODIES.fixed('a')])
    assert.deepEqual(ack, { typeUrl: RESOURCE_TYPES.cluster, resourceNames: [], versionInfo: 'v1', responseNonce: '1' })
    const [nack] = await stage.sotw('cluster', [BODIES.fixed('b'), BODIES.garbage('c')])
    assert.match(faultOf(nack) ?? '', /^cluster "": cannot be read/)
    assert.deepEqual(
      'versionInfo' in (nack ?? {}) ? [nack?.responseNonce, (nack as { versionInfo: string }).versionInfo] : [],
      ['2', 'v1'],
    )
    assert.deepEqual(stage.inForce, ['cluster a'])
  })

  test('what the data plane refuses is rejected whole too', async () => {
    const stage = new Stage({ config })
    stage.refusing.add('b')
    const [nack] = await stage.sotw('cluster', [BODIES.fixed('a'), BODIES.fixed('b')])
    assert.equal(faultOf(nack), 'cluster: no b')
    assert.deepEqual(stage.inForce, [])
  })

  test('what came while another response was being taken is taken together, and of one type the last', async () => {
    const stage = new Stage({ config })
    const sending = [
      stage.sotw('cluster', [BODIES.fixed('a')]),
      stage.sotw('cluster', [BODIES.fixed('b')]),
      stage.sotw('cluster', [BODIES.fixed('c')]),
      stage.sotw('listener', [BODIES.plain('l')]),
    ]
    await Promise.all(sending)
    assert.equal(stage.inForce.includes('cluster b'), false)
    assert.ok(stage.inForce.includes('cluster c'))
    assert.ok(stage.changes.length <= 3)
  })
})

describe('routes from a service of their own', () => {
  const dynamic = { ads: undefined, listeners: undefined, clusters: undefined }

  test('are shared by listeners of the bootstrap that wait for them', async () => {
    const rds = { routeConfigName: 'shared', source: RDS }
    const waiting = [listener('one', { rds }), listener('two', { rds })]
    const stage = new Stage({ config: { dynamic }, waiting })
    await settled()
    assert.equal(stage.transport.streams.length, 1)
    assert.deepEqual(stage.transport.last.service, { type: 'route', delta: false })
    assert.deepEqual(stage.inForce, [])
    await stage.sotw('route', [BODIES.route('shared', 'xds')])
    assert.deepEqual(stage.inForce, ['routes grpc:xds/shared', 'listener one', 'listener two'])
    assert.equal(stage.ready, 1)
  })

  test('that do not come in time let the listener go without, and counted', async () => {
    const stage = new Stage({ config: { dynamic }, waiting: [rdsListener('l', RDS)] })
    await settled()
    stage.clock.advance(14_999)
    await settled()
    assert.deepEqual([stage.inForce, stage.ready], [[], 0])
    stage.clock.advance(1)
    await settled()
    assert.deepEqual([stage.inForce, stage.ready], [['listener l'], 1])
    assert.match(stage.lines.join(), /goes on without what it has waited for/)
  })

  test('that are empty are rejected as the reference does, and not waited for', async () => {
    const stage = new Stage({ config: { dynamic }, waiting: [rdsListener('l', RDS)] })
    const [nack] = await stage.sotw('route', [])
    assert.equal(faultOf(nack), 'Invalid update size')
    assert.deepEqual([stage.inForce, stage.ready], [['listener l'], 1])
  })
})

describe('without a control plane', () => {
  test('the first configuration is waited for, and then no longer', async () => {
    const stage = new Stage()
    stage.transport.last.end('refused')
    await settled()
    stage.clock.advance(14_999)
    await settled()
    assert.equal(stage.ready, 0)
    stage.clock.advance(1)
    await settled()
    assert.equal(stage.ready, 1)
  })

  test('the last good configuration comes from the disk, with its versions', async () => {
    const folder = join(root, 'good')
    const first = new Stage({ folder })
    await first.delta('cluster', [BODIES.cluster('a')])
    await first.delta('endpoint', [BODIES.endpoint('a', 5)])
    await first.delta('listener', [BODIES.listener('l')])
    await first.delta('route', [BODIES.route('l', 'a')])
    await first.client.close()
    const second = new Stage({ folder })
    second.transport.last.end('refused')
    await read(second)
    assert.deepEqual(second.inForce, ['cluster a', 'endpoints a', 'routes ads/l', 'listener l'])
    assert.equal(second.ready, 1)
    second.clock.advance(500)
    const requests = second.transport.last.take()
    assert.deepEqual(typesOf(requests), ['cluster', 'endpoint', 'listener', 'route'])
    assert.deepEqual(
      requests.map((request) => ('initialResourceVersions' in request ? request.initialResourceVersions : undefined)),
      [{ a: '0.0' }, { a: '1.0' }, { l: '2.0' }, { l: '3.0' }],
    )
    await second.client.close()
  })

  test('the disk is not asked where the control plane answers', async () => {
    const folder = join(root, 'answered')
    const first = new Stage({ folder })
    await first.serve('old')
    await first.client.close()
    const second = new Stage({ folder })
    await second.delta('cluster', [BODIES.fixed('new')])
    second.transport.last.end()
    second.clock.advance(10_000)
    await settled()
    assert.deepEqual(second.inForce, ['cluster new'])
    await second.client.close()
  })

  test('what is only half there does not take the place of what was whole', async () => {
    const folder = join(root, 'half')
    const first = new Stage({ folder })
    await first.serve('a')
    await first.client.close()
    const second = new Stage({ folder })
    await second.delta('cluster', [BODIES.cluster('b')])
    await second.client.close()
    const third = new Stage({ folder })
    third.transport.last.end('refused')
    await read(third)
    assert.deepEqual(third.inForce, ['cluster a'])
    await third.client.close()
  })

  test('one that is silent is as good as none', async () => {
    const folder = join(root, 'silent')
    const first = new Stage({ folder })
    await first.serve('a')
    await first.client.close()
    const second = new Stage({ folder })
    second.clock.advance(3_000)
    await read(second)
    assert.deepEqual(second.inForce, ['cluster a'])
    await second.client.close()
  })
})

test('a source without endpoints is an error at the start', () => {
  const config = { clusters: [staticCluster('xds', [])] }
  assert.throws(() => new Stage({ config }), /cluster 'xds' has no endpoint that could be asked for configuration/)
})

test('a closed client leaves no timer and puts nothing in force', async () => {
  const stage = new Stage({ waiting: [rdsListener('l')] })
  await settled()
  await stage.client.close()
  assert.equal(stage.clock.pendingTimers, 0)
  await stage.delta('cluster', [BODIES.fixed('a')])
  assert.deepEqual(stage.inForce, [])
})
