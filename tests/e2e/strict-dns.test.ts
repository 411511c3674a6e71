import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { type Network, nodeNetwork } from '@meltemi/proxy'
import { awesomerpcFrame, connectClient, holding, startEchoServer, startTestProxy } from '../harness/index.ts'

/** The machine's sockets with names of our own; a name that is not in the book cannot be resolved. */
function withNames(book: Map<string, readonly string[]>): Network {
  return {
    ...nodeNetwork,
    resolve: async (host, family) => {
      const addresses = book.get(host)?.filter((address) => family === 0 || isIP(address) === family)
      // an empty entry is a name whose addresses have all gone
      if (addresses === undefined || (addresses.length === 0 && family !== 0)) throw new Error(`ENOTFOUND ${host}`)
      return addresses
    },
  }
}

function named(port: number, host = 'service.test') {
  return { address: { host, port }, hostname: '', weight: 1, healthy: true }
}

const isOk = (reply: { message: Buffer }) => reply.message.readInt16BE(11) === 0

test('a name of this machine is resolved and used', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    cluster: { discovery: 'strict-dns', dnsLookupFamily: 'v4-only', endpoints: [named(server.port, 'localhost')] },
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 1; id <= 5; id++) assert.ok(isOk(await client.request(awesomerpcFrame({ id }))))
  assert.ok(proxy.stat('update_success') >= 1)
})

test('every address of a name is an endpoint, and changes are followed', async () => {
  const book = new Map([['service.test', ['127.0.0.1', '127.0.0.2', '127.0.0.2']]])
  await using first = await startEchoServer({ codec: awesomerpc })
  await using second = await startEchoServer({ codec: awesomerpc, host: '127.0.0.2', port: first.port })
  await using third = await startEchoServer({ codec: awesomerpc, host: '127.0.0.3', port: first.port })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    network: withNames(book),
    cluster: { discovery: 'strict-dns', dnsRefreshMs: 20, endpoints: [named(first.port)] },
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 1; id <= 10; id++) assert.ok(isOk(await client.request(awesomerpcFrame({ id }))))
  assert.equal(proxy.stat('membership_total'), 2)
  assert.deepEqual([first.received.length, second.received.length], [5, 5])
  book.set('service.test', ['127.0.0.3'])
  await proxy.until('membership_total', 1)
  for (let id = 1; id <= 4; id++) assert.ok(isOk(await client.request(awesomerpcFrame({ id }))))
  assert.deepEqual([first.received.length, second.received.length, third.received.length], [5, 5, 4])
  await first.open(0)
  await second.open(0)
})

const BOOK = new Map([
  ['both.test', ['10.0.0.1', '2001:db8::1', '10.0.0.2', '2001:db8::2']],
  ['v4.test', ['10.0.0.1', '10.0.0.2']],
  ['v6.test', ['2001:db8::1', '2001:db8::2']],
])
const V4 = ['10.0.0.1:1', '10.0.0.2:1']
const V6 = ['[2001:db8::1]:1', '[2001:db8::2]:1']

for (const [family, both, v4, v6] of [
  ['auto', V6, V4, V6],
  ['v4-only', V4, V4, []],
  ['v6-only', V6, [], V6],
  ['v4-preferred', V4, V4, V6],
  ['all', ['10.0.0.1:1', '[2001:db8::1]:1', '10.0.0.2:1', '[2001:db8::2]:1'], V4, V6],
] as const) {
  test(`dns_lookup_family ${family} takes of a name the addresses that Envoy takes`, async () => {
    for (const [name, expected] of [
      ['both.test', both],
      ['v4.test', v4],
      ['v6.test', v6],
    ] as const) {
      await using proxy = await startTestProxy({
        codec: awesomerpc,
        network: withNames(BOOK),
        cluster: { discovery: 'strict-dns', dnsLookupFamily: family, endpoints: [named(1, name)] },
      })
      const addresses = proxy.proxy.endpoints().map(({ address }) => address)
      assert.deepEqual(addresses, expected, name)
      assert.equal(proxy.stat('update_failure'), expected.length === 0 ? 1 : 0)
    }
  })
}

test('what is under way on an address that a name has lost is finished, and its connection closed then', async () => {
  const book = new Map([['service.test', ['127.0.0.1']]])
  const hold = holding()
  await using first = await startEchoServer({ codec: awesomerpc, handler: hold.handler })
  await using second = await startEchoServer({ codec: awesomerpc, host: '127.0.0.2', port: first.port })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    network: withNames(book),
    cluster: { discovery: 'strict-dns', dnsRefreshMs: 20, endpoints: [named(first.port)] },
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  const old = client.request(awesomerpcFrame({ id: 1, body: 'old' }))
  await first.arrived(1)
  book.set('service.test', ['127.0.0.2'])
  const updates = proxy.stat('update_success')
  while (proxy.stat('update_success') < updates + 2) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(isOk(await client.request(awesomerpcFrame({ id: 2 }))))
  assert.equal(second.received.length, 1)
  assert.equal(first.openConnections.length, 1)
  hold.release()
  assert.equal((await old).message.toString('latin1', 13), 'old')
  await first.open(0)
})

test('a name that can no longer be resolved keeps its last addresses', async () => {
  const book = new Map([['service.test', ['127.0.0.1']]])
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    network: withNames(book),
    cluster: { discovery: 'strict-dns', dnsRefreshMs: 10, endpoints: [named(server.port)] },
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  assert.ok(isOk(await client.request(awesomerpcFrame({ id: 1 }))))
  book.clear()
  await proxy.until('update_failure', 2)
  assert.ok(isOk(await client.request(awesomerpcFrame({ id: 2 }))))
  assert.equal(proxy.stat('membership_total'), 1)
  assert.equal(server.connections.length, 1)
})

test('a name that cannot be resolved at first has no endpoint until it can', async () => {
  const book = new Map<string, readonly string[]>()
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    network: withNames(book),
    cluster: { discovery: 'strict-dns', dnsRefreshMs: 10, endpoints: [named(server.port)] },
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  assert.equal(isOk(await client.request(awesomerpcFrame({ id: 1 }))), false)
  assert.equal(proxy.stat('upstream_cx_none_healthy'), 1)
  book.set('service.test', ['127.0.0.1'])
  await proxy.until('membership_total', 1)
  assert.ok(isOk(await client.request(awesomerpcFrame({ id: 2 }))))
})

for (const multiplexing of [true, false]) {
  const name = multiplexing ? 'shared' : 'exclusive'
  test(`requests that wait for a connection when their address goes are served there: ${name}`, async () => {
    const book = new Map([['service.test', ['127.0.0.1']]])
    const { promise: connected, resolve: letConnect } = Promise.withResolvers<void>()
    const names = withNames(book)
    const network: Network = {
      ...names,
      connect: (host, port, handler) =>
        names.connect(host, port, {
          onConnect: () => void connected.then(() => handler.onConnect()),
          onData: (chunk) => handler.onData(chunk),
          onEnd: () => handler.onEnd(),
          onDrain: () => handler.onDrain(),
          onClose: (error) => handler.onClose(error),
        }),
    }
    await using server = await startEchoServer({ codec: awesomerpc })
    await using proxy = await startTestProxy({
      codec: awesomerpc,
      network,
      multiplexing,
      cluster: { discovery: 'strict-dns', dnsRefreshMs: 20, endpoints: [named(server.port)] },
    })
    await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
    const replies = [1, 2, 3].map((id) => client.request(awesomerpcFrame({ id })))
    await proxy.until('upstream_rq_pending_active', 3)
    book.set('service.test', [])
    await proxy.until('membership_total', 0)
    letConnect()
    for (const reply of await Promise.all(replies)) assert.ok(isOk(reply))
    await server.open(0)
    await proxy.until('upstream_cx_active', 0)
  })
}
