import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ListenerConfig, NO_CHANGE } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { proxyFilters } from '@meltemi/proxy/filters'
import { ErrorType, type Failure, FilterStatus, MessageType } from '@meltemi/sdk'
import { mutable, mutableFrame, StreamingFlag, streaming, streamingFrame } from '../harness/codecs/index.ts'
import { filter } from '../harness/filtered.ts'
import {
  awesomerpcFrame,
  closing,
  connectClient,
  FOUR_PROTOCOLS,
  type Handler,
  holding,
  silent,
  startProxyProcess,
  startTestProxy,
  testCluster,
  testRoute,
} from '../harness/index.ts'
import { startSidecarProcesses } from '../harness/sidecar-processes.ts'
import {
  INBOUND_CLUSTER,
  istioHistogram,
  istioOutcomes,
  istioRequests,
  OUTBOUND_CLUSTER,
  SHOP,
  SHOP_HOST,
  type SidecarsOptions,
  sidecarFilters,
  startSidecars,
  WEB,
  workloadLabels,
} from '../harness/sidecars.ts'

const PEER_KEY = 'x-envoy-peer-metadata'
const PEER_ID_KEY = 'x-envoy-peer-metadata-id'
const NOBODY = { id: '', cluster: '', metadata: {} }
const { StreamInit, StreamData, StreamCloseOneWay, StreamCloseTwoWay, Oneway, Response } = MessageType

/** Those that can change messages tell who they are, the others cannot. */
for (const protocol of FOUR_PROTOCOLS) {
  for (const multiplexing of [true, false]) {
    const { name, codec, request, answer } = protocol
    const knowsPeers = codec.mutation === 'both'

    test(`both proxies tell who asked and who answered: ${name}, ${multiplexing ? 'shared' : 'own'} connections`, async () => {
      await using mesh = await startSidecars({ codec, server: { answer }, multiplexing })
      await using second = await connectClient({ port: mesh.outbound.port, codec })
      for (const client of [mesh.client, second]) {
        for (const id of [1, 2]) assert.equal((await client.request(request(id))).requestId, id)
      }
      const common = {
        destination_service: SHOP_HOST,
        destination_service_name: SHOP_HOST,
        request_protocol: 'test',
        response_code: '0',
        response_flags: '-',
      }
      assert.deepEqual(istioRequests(mesh.outbound), [
        {
          labels: {
            reporter: 'source',
            ...workloadLabels('source', WEB),
            ...workloadLabels('destination', knowsPeers ? SHOP : NOBODY),
            ...common,
            destination_service_namespace: knowsPeers ? 'stock' : 'unknown',
            connection_security_policy: 'unknown',
          },
          count: 4,
        },
      ])
      assert.deepEqual(istioRequests(mesh.inbound), [
        {
          labels: {
            reporter: 'destination',
            ...workloadLabels('source', knowsPeers ? WEB : NOBODY),
            ...workloadLabels('destination', SHOP),
            ...common,
            destination_service_namespace: 'stock',
            connection_security_policy: 'none',
          },
          count: 4,
        },
      ])
      assert.equal(mesh.inbound.stat('peer_metadata_invalid'), 0)
    })
  }
}

test('sizes and durations are those of whole messages, one record for each request', async () => {
  await using mesh = await startSidecars({ codec: awesomerpc })
  for (const id of [1, 2, 3]) await mesh.client.request(awesomerpcFrame({ id, body: 'x'.repeat(id * 100) }))
  for (const proxy of [mesh.outbound, mesh.inbound]) {
    for (const stat of ['request_bytes', 'response_bytes', 'request_duration_milliseconds']) {
      const histogram = istioHistogram(proxy, stat)
      assert.equal(histogram?.count, 3, stat)
      if (stat.endsWith('bytes')) assert.equal(histogram?.sum, 3 * 13 + 600, stat)
      else assert.ok((histogram?.sum ?? 0) > 0 && (histogram?.sum ?? 0) < 3000, stat)
    }
  }
})

test('what proxies tell each other is removed before service and client see it', async () => {
  await using mesh = await startSidecars({ codec: mutable })
  const reply = await mesh.client.request(mutableFrame({ id: 1, pairs: { method: 'get' } }))
  const [received] = mesh.server.received
  for (const message of [received, reply]) {
    assert.equal(message?.get('method'), 'get')
    for (const key of [PEER_KEY, PEER_ID_KEY]) assert.equal(message?.get(key), undefined)
  }
})

test('with keep_peer_metadata service and client see who is on the other side', async () => {
  const handler: Handler = (request, connection) => {
    connection.send(mutableFrame({ id: Number(request.requestId), body: request.message.subarray(request.headerSize) }))
  }
  await using mesh = await startSidecars({ codec: mutable, keepPeerMetadata: true, server: { handler } })
  const reply = await mesh.client.request(mutableFrame({ id: 1 }))
  const [received] = mesh.server.received
  assert.deepEqual([received?.get(PEER_ID_KEY), reply.get(PEER_ID_KEY)], [WEB.id, SHOP.id])
  for (const [message, workload] of [
    [received, 'web-v1'],
    [reply, 'shop-v1'],
  ] as const) {
    const text = message?.get(PEER_KEY) ?? ''
    assert.equal(text.length % 4, 0)
    assert.ok(Buffer.from(text, 'base64').includes(workload), workload)
    assert.ok(!Buffer.from(text, 'base64').includes('SERVICE_ACCOUNT'))
  }
})

test('a listener without a direction adds and removes nothing, and reports as the source', async () => {
  await using mesh = await startSidecars({ codec: mutable, inbound: { listener: { direction: 'unspecified' } } })
  const reply = await mesh.client.request(mutableFrame({ id: 1 }))
  assert.equal(mesh.server.received[0]?.get(PEER_ID_KEY), WEB.id)
  // the service has sent back what it got, so this is of the proxy beside the client, which takes it for the service's
  assert.equal(reply.get(PEER_ID_KEY), undefined)
  const [requests] = istioRequests(mesh.inbound)
  assert.equal(requests?.labels['reporter'], 'source')
  assert.equal(requests?.labels['source_workload'], 'shop-v1')
})

test('what a client claims to be does not get past the proxy beside it', async () => {
  await using mesh = await startSidecars({ codec: mutable })
  await mesh.client.request(mutableFrame({ id: 1, pairs: { [PEER_KEY]: 'bm9ib2R5', [PEER_ID_KEY]: 'nobody' } }))
  const [requests] = istioRequests(mesh.inbound)
  assert.equal(requests?.labels['source_workload'], 'web-v1')
})

test('peer metadata that cannot be read is counted and unknown, and the request is served', async () => {
  await using mesh = await startSidecars({ codec: mutable })
  await using client = await connectClient({ port: mesh.inbound.port, codec: mutable })
  for (const [id, text] of ['$', 'CgA', `${'A'.repeat(20_000)}=`, 'CgM='].entries()) {
    const pairs = { [PEER_KEY]: text, [PEER_ID_KEY]: `peer-${id}`, own: 'yes' }
    const reply = await client.request(mutableFrame({ id, pairs }))
    assert.equal(reply.get('own'), 'yes')
    assert.equal(mesh.server.received[id]?.get(PEER_KEY), undefined)
  }
  assert.equal(mesh.inbound.stat('peer_metadata_invalid'), 3, 'an empty entry is one')
  const [requests] = istioRequests(mesh.inbound)
  assert.deepEqual([requests?.labels['source_workload'], requests?.count], ['unknown', 4])
})

test('a reply that says failure has response code 1 on both sides', async () => {
  const handler: Handler = (request, connection) => {
    connection.send(mutableFrame({ id: Number(request.requestId), status: 1 }))
  }
  await using mesh = await startSidecars({ codec: mutable, server: { handler } })
  await mesh.client.request(mutableFrame({ id: 1 }))
  assert.deepEqual([istioOutcomes(mesh.outbound), istioOutcomes(mesh.inbound)], [{ '1 -': 1 }, { '1 -': 1 }])
  assert.equal(istioRequests(mesh.outbound)[0]?.labels['destination_workload'], 'shop-v1')
})

const DENIED: Failure = {
  code: 'denied',
  type: ErrorType.Denied,
  message: 'no entry',
  source: 'proxy',
  retriable: 'no',
}

test('local replies count where they are made, also those of filters that stand before', async () => {
  const denying = filter('denying', { onRequest: (context) => context.fail(DENIED) })
  const cases: readonly [string, Omit<SidecarsOptions, 'codec'>, string, object][] = [
    ['no route', { outbound: { routes: [] } }, '1 NR', {}],
    ['no cluster', { outbound: { routes: [testRoute('nowhere')] } }, '1 NC', {}],
    ['no endpoint', { outbound: { clusters: [testCluster(OUTBOUND_CLUSTER, [])] } }, '1 UH', {}],
    ['no connection', { outbound: { clusters: [testCluster(OUTBOUND_CLUSTER, [1])] } }, '1 UF', {}],
    ['denied', { outboundFilter: denying }, '1 UAEX', {}],
    ['late', { server: { handler: silent }, outbound: { filter: { requestTimeoutMs: 40 } } }, '1 UT', {}],
    ['denied there', { inboundFilter: denying }, '1 -', { '1 UAEX': 1 }],
    ['closed there', { server: { handler: closing } }, '1 -', { '1 UC': 1 }],
  ]
  for (const [name, options, outbound, inbound] of cases) {
    await using mesh = await startSidecars({ codec: mutable, ...options })
    const reply = await mesh.client.request(mutableFrame({ id: 1 }))
    assert.equal(reply.status, 1, name)
    assert.deepEqual(istioOutcomes(mesh.outbound), { [outbound]: 1 }, name)
    if (name !== 'late') assert.deepEqual(istioOutcomes(mesh.inbound), inbound, name)
    const [requests] = istioRequests(mesh.outbound)
    assert.equal(requests?.labels['source_workload'], 'web-v1', name)
    const service = ['no route', 'denied'].includes(name) ? 'unknown' : name === 'no cluster' ? 'nowhere' : SHOP_HOST
    assert.equal(requests?.labels['destination_service'], service, name)
    assert.equal(istioHistogram(mesh.outbound, 'response_bytes')?.sum, reply.message.length, name)
  }
})

test('a request that is refused because memory runs out counts, although no filter has seen it', async () => {
  let level = 0
  await using mesh = await startSidecars({ codec: mutable, outbound: { overloadLevel: () => level } })
  level = 2
  await mesh.client.request(mutableFrame({ id: 1 }))
  assert.deepEqual(istioOutcomes(mesh.outbound), { '1 OM': 1 })
})

test('a client that leaves before its answer counts, as one that has left', async () => {
  const held = holding()
  await using mesh = await startSidecars({ codec: mutable, server: { handler: held.handler } })
  await using leaving = await connectClient({ port: mesh.outbound.port, codec: mutable })
  leaving.send(Buffer.concat([mutableFrame({ id: 1 }), mutableFrame({ id: 2 })]))
  await mesh.server.arrived(2)
  leaving.socket.resetAndDestroy()
  await mesh.outbound.until('request_active', 0)
  assert.deepEqual(istioOutcomes(mesh.outbound), { '1 DC': 2 })
  held.release()
  await mesh.inbound.until('request_active', 0)
})

test('a request that a filter keeps from everybody counts once, as failed', async () => {
  const silencing = filter('silencing', { onRequest: () => FilterStatus.Stop })
  await using mesh = await startSidecars({ codec: mutable, outboundFilter: silencing })
  mesh.client.send(mutableFrame({ id: 1 }))
  await mesh.outbound.until('request', 1)
  await mesh.outbound.until('request_active', 0)
  assert.deepEqual(istioOutcomes(mesh.outbound), { '1 -': 1 })
})

test('one-way messages count when they have been sent; several replies to one request are one', async () => {
  const handler: Handler = (request, connection) => {
    if (request.type === Oneway) return
    const id = Number(request.requestId)
    connection.send(streamingFrame({ type: Response, id, flags: StreamingFlag.More, body: 'a' }))
    connection.send(streamingFrame({ type: Response, id, body: 'bc' }))
  }
  await using mesh = await startSidecars({ codec: streaming, server: { handler } })
  mesh.client.send(streamingFrame({ type: Oneway, id: 1 }))
  await mesh.server.arrived(1)
  assert.deepEqual([istioOutcomes(mesh.outbound), istioOutcomes(mesh.inbound)], [{ '0 -': 1 }, { '0 -': 1 }])
  mesh.client.send(streamingFrame({ type: MessageType.Request, id: 2 }))
  await mesh.client.take(2)
  assert.deepEqual([istioOutcomes(mesh.outbound), istioOutcomes(mesh.inbound)], [{ '0 -': 2 }, { '0 -': 2 }])
  assert.equal(istioHistogram(mesh.outbound, 'response_bytes')?.sum, 20 + 1 + 20 + 2)
})

function frame(type: MessageType, body = '', stream = 5): Buffer {
  return streamingFrame({ type, id: 1, stream, body })
}

for (const multiplexing of [true, false]) {
  const mode = multiplexing ? 'shared' : 'own connections'

  test(`a stream counts once, at its end, with all its bytes (${mode})`, async () => {
    await using mesh = await startSidecars({ codec: streaming, multiplexing })
    mesh.client.send(Buffer.concat([frame(StreamInit), frame(StreamData, 'abc'), frame(StreamData, 'de')]))
    await mesh.client.take(2)
    assert.deepEqual([istioOutcomes(mesh.outbound), istioOutcomes(mesh.inbound)], [{}, {}])
    mesh.client.send(frame(StreamCloseOneWay))
    await mesh.client.next()
    for (const proxy of [mesh.outbound, mesh.inbound]) {
      await proxy.until('stream_active', 0)
      assert.deepEqual(istioOutcomes(proxy), { '0 -': 1 })
      assert.equal(istioHistogram(proxy, 'request_bytes')?.sum, 4 * 20 + 5)
      assert.equal(istioHistogram(proxy, 'response_bytes')?.sum, 3 * 20 + 5)
    }
    assert.equal(istioRequests(mesh.outbound)[0]?.labels['destination_service'], SHOP_HOST)
  })

  test(`a stream that is reset, left or refused counts too (${mode})`, async () => {
    const handler: Handler = (request, connection) => {
      if (request.type === StreamData) connection.destroy()
    }
    const filters = { maxInFlightPerConnection: 1 }
    await using mesh = await startSidecars({
      codec: streaming,
      multiplexing,
      server: { handler },
      outbound: { filter: filters },
    })
    mesh.client.send(Buffer.concat([frame(StreamInit), frame(StreamData)]))
    assert.equal((await mesh.client.next()).type, MessageType.Error)
    assert.deepEqual(istioOutcomes(mesh.inbound), { '1 UC': 1 })
    assert.deepEqual(istioOutcomes(mesh.outbound), { '1 -': 1 })

    mesh.client.send(Buffer.concat([frame(StreamInit, '', 6), frame(StreamInit, '', 7)]))
    await mesh.client.next()
    assert.deepEqual(istioOutcomes(mesh.outbound), { '1 -': 1, '1 UO': 1 })
    mesh.client.socket.resetAndDestroy()
    await mesh.outbound.until('stream_active', 0)
    assert.deepEqual(istioOutcomes(mesh.outbound), { '1 -': 1, '1 UO': 1, '1 DC': 1 })
  })
}

test('a stream that its client ends at once, before it is open, counts once', async () => {
  await using mesh = await startSidecars({ codec: streaming })
  mesh.client.send(Buffer.concat([frame(StreamInit), frame(StreamCloseTwoWay)]))
  await mesh.server.arrived(2)
  for (const proxy of [mesh.outbound, mesh.inbound]) assert.deepEqual(istioOutcomes(proxy), { '0 -': 1 })
})

test('heartbeats and messages that fit nothing do not count', async () => {
  await using mesh = await startSidecars({ codec: streaming })
  mesh.client.send(Buffer.concat([streamingFrame({ type: MessageType.Heartbeat, id: 1 }), frame(StreamData)]))
  await mesh.client.next()
  assert.deepEqual(istioOutcomes(mesh.outbound), {})
})

test('counts go on when a listener changes, and go with it', async () => {
  await using mesh = await startSidecars({ codec: mutable })
  const { proxy } = mesh.outbound
  await mesh.client.request(mutableFrame({ id: 1 }))
  const config = proxy.listeners[0]?.config as ListenerConfig
  const changed = { ...config, bufferLimitBytes: 65_536 }
  const change = await proxy.prepare({ change: { ...NO_CHANGE, listeners: [changed] } })
  change.use()
  await mesh.client.request(mutableFrame({ id: 2 }))
  await mesh.client.close()
  await mesh.outbound.until('test.downstream_cx_active', 0)
  assert.deepEqual(istioOutcomes(mesh.outbound), { '0 -': 2 }, 'nobody uses what it was before')
  await using client = await connectClient({ port: mesh.outbound.port, codec: mutable })
  await client.request(mutableFrame({ id: 3 }))
  assert.deepEqual(istioOutcomes(mesh.outbound), { '0 -': 3 })
  const removal = await proxy.prepare({ change: { ...NO_CHANGE, listenersRemoved: [config.name] } })
  removal.use()
  await client.closed()
  const endMs = performance.now() + 5000
  while (istioRequests(mesh.outbound).length > 0 && performance.now() < endMs) await sleep(20)
  assert.deepEqual(istioRequests(mesh.outbound), [])
})

test('an inbound listener that was not told its service says unknown', async () => {
  await using proxy = await startTestProxy({
    codec: mutable,
    node: SHOP,
    listener: { direction: 'inbound' },
    clusters: [testCluster(INBOUND_CLUSTER, [])],
    routes: [testRoute(INBOUND_CLUSTER)],
    filters: proxyFilters,
    filter: { filters: sidecarFilters() },
  })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  await client.request(mutableFrame({ id: 1 }))
  const [requests] = istioRequests(proxy)
  assert.deepEqual([requests?.labels['destination_service'], requests?.labels['response_flags']], ['unknown', 'UH'])
})

test('two processes of two workers each, from bootstrap files, say the same to Prometheus', async () => {
  await using mesh = await startSidecarProcesses(mutable)
  for (const id of [1, 2, 3]) await mesh.client.request(mutableFrame({ id }))
  const [source, destination] = [workloadLabels('source', WEB), workloadLabels('destination', SHOP)]
  for (const [proxy, reporter] of [
    [mesh.outbound, 'source'],
    [mesh.inbound, 'destination'],
  ] as const) {
    const { text } = await proxy.get('/stats/prometheus')
    const line = text.split('\n').find((candidate) => candidate.startsWith('istio_requests_total{'))
    const expected = { reporter, ...source, ...destination, destination_service: SHOP_HOST, response_code: '0' }
    for (const [label, value] of Object.entries(expected)) assert.ok(line?.includes(`${label}="${value}"`), label)
    assert.match(line ?? '', /\} 3$/)
    for (const stat of ['request_duration_milliseconds', 'request_bytes', 'response_bytes']) {
      assert.match(text, new RegExp(`^istio_${stat}_count\\{reporter="${reporter}",.*\\} 3$`, 'm'))
    }
  }
  assert.equal(mesh.server.received[0]?.get(PEER_KEY), undefined)
})

test('a bootstrap with a field that the filters do not have is refused', async () => {
  const filters = [
    {
      name: 'aeraki.meta_protocol.filters.metadata_exchange',
      config: {
        '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.metadata_exchange.v1alpha.MetadataExchange',
        keep_peer_metadata: 'perhaps',
      },
    },
    {
      name: 'aeraki.meta_protocol.filters.istio_stats',
      config: {
        '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.IstioStats',
        service: 'a',
      },
    },
  ]
  const start = startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [1],
    filter: { meta_protocol_filters: filters },
  })
  await assert.rejects(start, ({ message }: Error) => {
    assert.match(message, /meta_protocol_filters\[0\]\.config\.keep_peer_metadata/)
    assert.match(message, /meta_protocol_filters\[1\]\.config\.service/)
    return true
  })
})
