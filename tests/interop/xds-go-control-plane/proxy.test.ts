import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_OUTLIER_DETECTION } from '@meltemi/api'
import { encodeCluster } from '@meltemi/api/encode'
import { RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import { ResponseStatus } from '@meltemi/sdk'
import { looping } from '../../harness/codecs/looping.ts'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServer,
  type LiveProxy,
  startEchoServer,
  testCluster,
} from '../../harness/index.ts'
import { edsClusterBytes, endpointBytes, listenerBytes, routeBytes, startXdsProxy } from '../../harness/xds-proxy.ts'
import { type ControlPlanePeer, type PeerSnapshot, startPeer } from './peer.ts'

const NODE = 'test-node'

/** One listener with routes to one cluster with one endpoint. */
function snapshotTo(version: string, service: EchoServer): PeerSnapshot {
  return {
    version,
    clusters: [edsClusterBytes('a')],
    endpoints: [endpointBytes('a', service.port)],
    listeners: [listenerBytes('l')],
    routes: [routeBytes('l', 'a')],
  }
}

function answerTo(peer: ControlPlanePeer, kind: 'ack' | 'nack', type: ResourceType, from: number) {
  return peer.event((event) => event.Kind === kind && event.Type === RESOURCE_TYPES[type], `${kind} of ${type}`, from)
}

/** Resolves when this service answers. */
async function answers(proxy: LiveProxy, service: EchoServer): Promise<void> {
  const endMs = performance.now() + 10_000
  for (;;) {
    const before = service.received.length
    if ((await asks(proxy)) === ResponseStatus.Ok && service.received.length > before) return
    if (performance.now() > endMs) throw new Error('the service is not reached')
    await sleep(20)
  }
}

async function asks(proxy: LiveProxy): Promise<ResponseStatus | undefined> {
  const port = proxy.port('l')
  if (port === 0) return undefined
  await using client = await connectClient({ port, codec: looping })
  return (await client.request(awesomerpcFrame({ id: 1 }))).status
}

for (const delta of [false, true]) {
  describe(`go-control-plane as the control plane, ${delta ? 'delta' : 'state-of-the-world'}`, () => {
    test('its snapshots are accepted and serve, one after the other', async () => {
      await using one = await startEchoServer({ codec: looping })
      await using two = await startEchoServer({ codec: looping })
      await using peer = await startPeer()
      peer.set(NODE, snapshotTo('1', one))
      await using proxy = await startXdsProxy({ port: peer.port, delta })
      await answers(proxy, one)
      for (const type of ['cluster', 'endpoint', 'listener', 'route'] as const) await answerTo(peer, 'ack', type, 0)
      const first = peer.events.find(({ Kind }) => Kind === 'ask')
      assert.deepEqual([first?.Node, first?.Type, first?.Delta], [NODE, RESOURCE_TYPES.cluster, delta])
      const from = peer.events.length
      peer.set(NODE, snapshotTo('2', two))
      await answers(proxy, two)
      const ack = await answerTo(peer, 'ack', 'endpoint', from)
      if (!delta) assert.equal(ack.Version, '2')
      assert.deepEqual(
        peer.events.filter(({ Kind }) => Kind === 'nack'),
        [],
      )
    })

    test('what is refused is told, the last good one serves, and the next good one is accepted', async () => {
      await using service = await startEchoServer({ codec: looping })
      await using peer = await startPeer()
      peer.set(NODE, snapshotTo('1', service))
      await using proxy = await startXdsProxy({ port: peer.port, delta })
      await answers(proxy, service)
      await answerTo(peer, 'ack', 'cluster', 0)
      const before = peer.events.length
      const outlierDetection = { ...DEFAULT_OUTLIER_DETECTION, maxEjectionTimeMs: 1 }
      const bad = encodeCluster(testCluster('b', [1], { outlierDetection }))
      peer.set(NODE, { ...snapshotTo('2', service), clusters: [edsClusterBytes('a'), bad] })
      const nack = await answerTo(peer, 'nack', 'cluster', before)
      assert.match(
        nack.Error,
        /cluster "b": outlier_detection.max_ejection_time: must not be less than base_ejection_time/,
      )
      if (!delta) assert.equal(nack.Version, '1')
      assert.equal(await asks(proxy), ResponseStatus.Ok)
      const after = peer.events.length
      peer.set(NODE, {
        ...snapshotTo('3', service),
        clusters: [edsClusterBytes('a'), encodeCluster(testCluster('b', [1]))],
      })
      await answerTo(peer, 'ack', 'cluster', after)
      assert.equal(await asks(proxy), ResponseStatus.Ok)
    })

    test('a proxy outlives it, and goes on where it was when it is back', async () => {
      await using one = await startEchoServer({ codec: looping })
      await using two = await startEchoServer({ codec: looping })
      const peer = await startPeer()
      const { port } = peer
      peer.set(NODE, snapshotTo('1', one))
      await using proxy = await startXdsProxy({ port, delta })
      await answers(proxy, one)
      await answerTo(peer, 'ack', 'route', 0)
      await peer[Symbol.asyncDispose]()
      await answers(proxy, one)
      await using again = await startPeer(port)
      again.set(NODE, snapshotTo('2', two))
      await answers(proxy, two)
      const first = await again.event(({ Kind }) => Kind === 'ask', 'request')
      if (!delta) assert.equal(first.Version, '1')
      assert.equal(first.Node, NODE)
    })

    test('its service for routes alone serves a listener of the bootstrap', async () => {
      await using service = await startEchoServer({ codec: looping })
      await using peer = await startPeer()
      peer.set(NODE, { version: '1', routes: [routeBytes('hello_9090', 'service')] })
      const api_type = delta ? 'DELTA_GRPC' : 'GRPC'
      const api_config_source = { api_type, grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] }
      const typed_config = {
        '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
        stat_prefix: 'outbound|9090||hello',
        protocol: { name: 'test', codec: { name: looping.name } },
        rds: { route_config_name: 'hello_9090', config_source: { api_config_source } },
      }
      const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
      const listeners = [{ name: 'l', address, filter_chains: [{ filters: [{ name: 'meta', typed_config }] }] }]
      const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value: service.port } } }
      const clusters = [
        {
          name: 'service',
          load_assignment: { cluster_name: 'service', endpoints: [{ lb_endpoints: [{ endpoint }] }] },
        },
      ]
      await using proxy = await startXdsProxy({ port: peer.port, dynamic: {}, listeners, clusters })
      await answers(proxy, service)
      const ask = await peer.event(({ Kind }) => Kind === 'ask', 'request')
      assert.deepEqual([ask.Type, ask.Names, ask.Delta], [RESOURCE_TYPES.route, ['hello_9090'], delta])
      await answerTo(peer, 'ack', 'route', 0)
    })
  })
}
