import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Metadata, ResponseStatus } from '@meltemi/sdk'
import { matching, metadataFilter, setUpActions } from '../harness/actions.ts'
import { mutable, mutableFrame, streaming, streamingFrame } from '../harness/codecs/index.ts'
import { errorOf, FOUR_PROTOCOLS } from '../harness/four-protocols.ts'
import { jsonLog, Observed, testCluster, testRoute } from '../harness/index.ts'

const DENIED: Readonly<Record<string, string>> = {
  awesomerpc: 'rsp_code 1',
  dubbo: 'status 70',
  thrift: 'type 6',
  'third-party': 'closed for today',
}
const UNKNOWN: Readonly<Record<string, string>> = {
  awesomerpc: 'rsp_code 1',
  dubbo: 'status 80',
  thrift: 'type 6',
  'third-party': "meta protocol router: unknown cluster 'nowhere'",
}

const direct = { clusters: [], directResponse: { errorType: 'Denied', message: 'closed for today' } } as const
const byKey = (clusterKey: string) => ({ clusters: [{ cluster: '', weight: 1 }], clusterKey })
const constant = (key: string, text: string) =>
  ({ key, kind: 'set', value: { source: 'text', name: text }, inMessage: false }) as const
const request = (id: number, pairs: Record<string, string> = {}) => mutableFrame({ id, pairs, body: 'hello' })
const textOf = (reply: Metadata) => reply.message.toString('utf8', reply.headerSize)

for (const protocol of FOUR_PROTOCOLS) {
  const { name, property } = protocol

  test(`${name}: a route answers itself, with an error of the protocol`, async () => {
    const routes = [testRoute('service', { match: matching(property), ...direct }), testRoute('service')]
    await using setup = await setUpActions(protocol, [], { routes })
    assert.equal(errorOf(protocol, await setup.client.request(protocol.request(7))), DENIED[name])
    assert.equal(setup.server.received.length, 0)
  })

  test(`${name}: the metadata of a request names its cluster`, async () => {
    const to = (cluster: string) => ({ filters: [metadataFilter([constant('Target', cluster)])] })
    const routes = [testRoute('service', byKey('target'))]
    await using known = await setUpActions(protocol, [], { routes, filter: to('service') })
    assert.equal((await known.client.request(protocol.request(7))).status, ResponseStatus.Ok)
    assert.equal(known.server.received.length, 1)
    await using unknown = await setUpActions(protocol, [], { routes, filter: to('nowhere') })
    assert.equal(errorOf(protocol, await unknown.client.request(protocol.request(7))), UNKNOWN[name])
  })
}

test('a request that does not name its cluster is told so, and logs too', async () => {
  const outlet = new Observed()
  const accessLogs = [jsonLog({ flags: '%RESPONSE_FLAGS%', code: '%RESPONSE_CODE_DETAILS%', route: '%ROUTE_NAME%' })]
  {
    const routes = [
      testRoute('service', { name: 'direct', match: matching(['kind', 'direct']), ...direct }),
      testRoute('service', { name: 'named', ...byKey('to') }),
    ]
    await using setup = await setUpActions({ codec: mutable }, [], { routes, outlet, filter: { accessLogs } })
    const reply = await setup.client.request(request(1))
    assert.equal(textOf(reply), "meta protocol router: the request has no 'to', which names its cluster")
    await setup.client.request(request(2, { kind: 'direct' }))
    await setup.client.request(request(3, { TO: 'service' }))
  }
  assert.deepEqual(outlet.lines, [
    { flags: 'NC', code: 'cluster_key_missing', route: 'named' },
    { flags: null, code: 'direct_response', route: 'direct' },
    { flags: null, code: '', route: 'named' },
  ])
})

test('two clusters are told apart by what requests say, with one connection of the client', async () => {
  await using other = await setUpActions({ codec: mutable }, [])
  await using setup = await setUpActions({ codec: mutable }, [], {
    routes: [testRoute('service', byKey('to'))],
    clusters: [testCluster('a', [other.proxy.port]), testCluster('b', [other.server.port])],
  })
  for (const [id, to] of [
    [1, 'a'],
    [2, 'b'],
    [3, 'a'],
  ] as const) {
    assert.equal((await setup.client.request(request(id, { to }))).status, ResponseStatus.Ok)
  }
  assert.deepEqual([other.proxy.stat('request'), other.server.received.length], [2, 3])
})

test('a one-way message that a route would answer ends there', async () => {
  const routes = [testRoute('service', { match: matching(['body', 'one']), ...direct }), testRoute('service')]
  await using setup = await setUpActions({ codec: streaming }, [], { routes })
  setup.client.send(streamingFrame({ type: 2, id: 1, body: 'one' }))
  const reply = await setup.client.request(streamingFrame({ type: 0, id: 2, body: 'two' }))
  assert.equal(reply.status, ResponseStatus.Ok)
  assert.deepEqual([setup.client.received.length, setup.server.received.length], [1, 1])
})
