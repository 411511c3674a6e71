import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetadataOperation, MetadataValue } from '@meltemi/api'
import type { Metadata } from '@meltemi/sdk'
import { METADATA, matching, metadataFilter, setUpActions } from '../harness/actions.ts'
import { mutable, mutableFrame } from '../harness/codecs/index.ts'
import { errorOf, FOUR_PROTOCOLS } from '../harness/four-protocols.ts'
import { jsonLog, Observed, testRoute } from '../harness/index.ts'

const mine = { codec: mutable }
const node = {
  id: 'node-1',
  cluster: 'front',
  metadata: { METADATA_ENVIRONMENT: ['ACTIONS_TEST'], LABELS: { app: 'shop' }, LIST: [1] },
}

function operation(
  kind: MetadataOperation['kind'],
  key: string,
  value?: MetadataValue,
  inMessage = true,
): MetadataOperation {
  return { key, kind, value, inMessage }
}
const from = (source: MetadataValue['source'], name: string): MetadataValue => ({ source, name })
const request = (id: number, pairs: Record<string, string> = {}) => mutableFrame({ id, pairs, body: 'hello' })

function pairsOf(message: Metadata | undefined): Record<string, string> {
  assert.ok(message !== undefined)
  return Object.fromEntries(Array.from({ length: message.size }, (_, at) => [message.key(at), message.value(at)]))
}

for (const protocol of FOUR_PROTOCOLS) {
  const { name, codec, property } = protocol

  test(`${name}: what is set, copied and removed decides where a request goes`, async () => {
    const copy = operation('set', 'copied', from('metadata', property[0]), false)
    const add = operation('append', 'copied', from('text', 'more'), false)
    const remove = operation('remove', property[0], undefined, false)
    const answer = { clusters: [], directResponse: { errorType: 'Denied', message: 'changed' } } as const
    const routes = [
      testRoute('service', { match: matching(property), name: 'as it came' }),
      testRoute('service', { match: matching(['copied', `${property[1]},more`]), ...answer }),
    ]
    await using setup = await setUpActions(protocol, [metadataFilter([copy, add, remove])], { routes })
    const expected = { awesomerpc: 'rsp_code 1', dubbo: 'status 70', thrift: 'type 6' }[name] ?? 'changed'
    assert.equal(errorOf(protocol, await setup.client.request(protocol.request(7))), expected)
  })

  test(`${name}: messages are changed where the codec can, and it is refused where it cannot`, async () => {
    const filters = [metadataFilter([operation('set', 'added', from('text', 'yes'))])]
    if (codec.mutation === undefined) {
      const why = `listener 'test': metadata in_message: codec '${codec.name}' cannot change requests`
      await assert.rejects(setUpActions(protocol, filters), { message: why })
      return
    }
    await using setup = await setUpActions(protocol, filters)
    await setup.client.request(protocol.request(7))
    assert.ok(setup.server.received[0]?.message.includes('added'))
  })
}

test('values come from messages, connections, the environment and the node', async () => {
  process.env['ACTIONS_TEST'] = 'of the environment'
  const operations = [
    operation('set', 'address', from('connection', 'remote_address')),
    operation('set', 'port', from('connection', 'remote_port')),
    operation('set', 'here', from('connection', 'local_port')),
    operation('set', 'fact', from('connection', 'tls.principal')),
    operation('set', 'variable', from('environment', 'ACTIONS_TEST')),
    operation('set', 'id', from('node', 'id')),
    operation('set', 'cluster', from('node', 'cluster')),
    operation('set', 'app', from('node', 'metadata.LABELS.app')),
    operation('set', 'list', from('node', 'metadata.LIST')),
    operation('set', 'proto', from('node', 'metadata.constructor.name')),
    operation('append', 'who', from('text', 'b')),
    operation('remove', 'gone'),
  ]
  await using setup = await setUpActions(mine, [metadataFilter(operations)], { node })
  const { port } = setup.client.socket.address() as { port: number }
  await setup.client.request(request(1, { who: 'a', gone: 'x', __proto: 'kept' }))
  assert.deepEqual(pairsOf(setup.server.received[0]), {
    who: 'a,b',
    __proto: 'kept',
    address: '127.0.0.1',
    port: String(port),
    here: String(setup.proxy.port),
    variable: 'of the environment',
    id: 'node-1',
    cluster: 'front',
    app: 'shop',
  })
})

test('replies are changed for the client, and what they are given is in the log', async () => {
  const outlet = new Observed()
  const accessLogs = [jsonLog({ seen: '%RESP(seen)%' })]
  const response = [
    operation('set', 'seen', from('request_metadata', 'who')),
    operation('set', 'copy', from('metadata', 'who')),
    operation('remove', 'secret'),
  ]
  {
    await using setup = await setUpActions(mine, [metadataFilter([], response)], {
      outlet,
      filter: { filters: [metadataFilter([], response)], accessLogs },
    })
    const reply = await setup.client.request(request(1, { who: 'me', secret: 'x' }))
    assert.deepEqual(pairsOf(reply), { who: 'me', seen: 'me', copy: 'me' })
  }
  assert.deepEqual(outlet.lines, [{ seen: 'me' }])
})

test('a variable that the node does not list is refused when the listener is built', async () => {
  const filters = [metadataFilter([operation('set', 'path', from('environment', 'PATH'))])]
  await assert.rejects(setUpActions(mine, filters, { node }), {
    message: "listener 'test': node.metadata.METADATA_ENVIRONMENT does not list the variable 'PATH'",
  })
})

test('a value that would be too long is not set, and counted', async () => {
  const filters = [metadataFilter([operation('append', 'who', from('metadata', 'much'))])]
  await using setup = await setUpActions(mine, filters)
  await setup.client.request(request(1, { who: 'me', much: 'x'.repeat(16_382) }))
  await setup.client.request(request(2, { who: 'me', much: 'x'.repeat(16_381) }))
  assert.equal(setup.server.received[0]?.get('who'), 'me')
  assert.equal(setup.server.received[1]?.get('who')?.length, 16_384)
  assert.equal(setup.proxy.stat('metadata.too_long'), 1)
})

test('a route has operations of its own', async () => {
  const own = metadataFilter([operation('set', 'by', from('text', 'route'))])
  const routes = [
    testRoute('service', { match: matching(['who', 'me']), overrides: [{ name: METADATA, filter: own }] }),
    testRoute('service'),
  ]
  const filters = [metadataFilter([operation('set', 'by', from('text', 'listener'))])]
  await using setup = await setUpActions(mine, filters, { routes })
  await setup.client.request(request(1, { who: 'me' }))
  await setup.client.request(request(2, { who: 'you' }))
  assert.deepEqual(
    setup.server.received.map((message) => message.get('by')),
    ['route', 'listener'],
  )
})
