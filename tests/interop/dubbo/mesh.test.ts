/** Real consumers and providers with a proxy beside each of them: who asks whom is counted, and is one trace. */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { NodeConfig } from '@meltemi/api'
import { type ProxyProcess, startProxyProcess } from '../../harness/index.ts'
import { INBOUND_CLUSTER, OUTBOUND_CLUSTER, SHOP, SHOP_HOST, WEB } from '../../harness/sidecars.ts'
import { chainOf } from '../tracing/chain-of.ts'
import type { Collector } from '../tracing/collected-span.ts'
import { startOtelCollector } from '../tracing/otel-collector.ts'
import { assertOutcome } from './expected.ts'
import { type Peer, PeerClient, PeerServer } from './peers.ts'

const CALLS = 5
const FILTERS = 'aeraki.meta_protocol.filters'
const STATS_TYPE = 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.IstioStats'
const PAIRS: readonly (readonly [client: Peer, server: Peer])[] = [
  ['java-2.7', 'java-3'],
  ['java-3', 'java-2.7'],
  ['go', 'java-3'],
  ['npm', 'go'],
]

describe('real Dubbo peers, each with a proxy beside it', () => {
  let collector: Collector
  before(async () => {
    collector = await startOtelCollector('grpc')
  })
  after(() => collector?.[Symbol.asyncDispose]())

  for (const [clientPeer, serverPeer] of PAIRS) {
    test(`both proxies count who has asked whom: ${clientPeer} and ${serverPeer}`, async () => {
      await using server = await PeerServer.start(serverPeer)
      await using inbound = await startSidecar(collector, 'INBOUND', server.port)
      await using outbound = await startSidecar(collector, 'OUTBOUND', inbound.port)
      await using client = new PeerClient(clientPeer)
      for (let n = 0; n < CALLS; n++) assertOutcome(await client.call(outbound.port, 'text'), serverPeer)
      const common = {
        source_workload: 'web-v1',
        source_workload_namespace: 'market',
        source_app: 'web',
        destination_workload: 'shop-v1',
        destination_workload_namespace: 'stock',
        destination_app: 'shop',
        destination_service: SHOP_HOST,
        response_code: '0',
        response_flags: '-',
        request_protocol: 'dubbo',
      }
      for (const [proxy, reporter] of [
        [outbound, 'source'],
        [inbound, 'destination'],
      ] as const) {
        const [labels, ...others] = await istioRequests(proxy)
        const expected = { reporter, ...common, count: String(CALLS) }
        const found = Object.fromEntries(Object.keys(expected).map((label) => [label, labels?.[label]]))
        assert.deepEqual([found, others], [expected, []])
      }
    })
  }

  test('a real consumer, both proxies and a real provider are one trace', async () => {
    await using server = await PeerServer.start('npm', { spans: collector.url })
    await using inbound = await startSidecar(collector, 'INBOUND', server.port)
    await using outbound = await startSidecar(collector, 'OUTBOUND', inbound.port)
    await using client = new PeerClient('npm', { spans: collector.url })
    const { result, traceId } = await client.call(outbound.port, 'traced')
    assert.equal(result, 'καλημέρα 😀')
    for (const proxy of [outbound, inbound]) {
      // what has not been sent yet is
      proxy.child.kill('SIGTERM')
      assert.equal(await proxy.exited(), 0)
    }
    const spans = await collector.trace(String(traceId), 6)
    assert.deepEqual(chainOf(spans), [
      'client: ask (CLIENT)',
      'web.market: egress meltemi.peer.Talk/traced (CLIENT)',
      `web.market: router ${OUTBOUND_CLUSTER} egress (CLIENT)`,
      'shop.stock: ingress (SERVER)',
      `shop.stock: router ${INBOUND_CLUSTER} egress (CLIENT)`,
      'server: answer (SERVER)',
    ])
  })
})

function startSidecar(collector: Collector, direction: 'INBOUND' | 'OUTBOUND', port: number): Promise<ProxyProcess> {
  const isInbound = direction === 'INBOUND'
  const node: NodeConfig = isInbound ? SHOP : WEB
  const name = isInbound ? INBOUND_CLUSTER : OUTBOUND_CLUSTER
  const stats = isInbound ? { config: { '@type': STATS_TYPE, destination_service: SHOP_HOST } } : {}
  const address = { socket_address: { address: '127.0.0.1', port_value: collector.port } }
  const load_assignment = { cluster_name: 'collector', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] }
  return startProxyProcess({
    codec: 'aeraki.meta_protocol.codec.dubbo',
    endpoints: [port],
    listener: { traffic_direction: direction },
    filter: {
      stat_prefix: name,
      protocol: { name: 'dubbo', codec: { name: 'aeraki.meta_protocol.codec.dubbo' }, multiplexing: true },
      meta_protocol_filters: [
        { name: `${FILTERS}.metadata_exchange` },
        { name: `${FILTERS}.istio_stats`, ...stats },
        { name: `${FILTERS}.router` },
      ],
      // the inbound one does as the outbound one has decided
      tracing: { random_sampling: { value: isInbound ? 0 : 100 } },
      route_config: { name, routes: [{ name: 'default', route: { cluster: name } }] },
    },
    cluster: { name },
    clusters: [{ name: 'collector', load_assignment }],
    bootstrap: {
      node: { id: node.id, cluster: node.cluster, metadata: node.metadata },
      tracing: { http: { name: 'tracer', typed_config: collector.tracer } },
    },
    arguments: ['--drain-time-s', '1'],
  })
}

/** The labels of each line of `istio_requests_total`, and its value as `count`. */
async function istioRequests(proxy: ProxyProcess): Promise<readonly Readonly<Record<string, string>>[]> {
  const { text } = await proxy.get('/stats/prometheus')
  const lines = text.split('\n').filter((line) => line.startsWith('istio_requests_total{'))
  return lines.map((line) => {
    const pairs = [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value])
    return { ...Object.fromEntries(pairs), count: line.slice(line.lastIndexOf(' ') + 1) }
  })
}
