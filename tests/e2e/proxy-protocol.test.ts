import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { RouteConfig } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { type Clock, systemClock } from '@meltemi/runtime'
import { type FilterDefinition, FilterStatus, ResponseStatus } from '@meltemi/sdk'
import { mutable, mutableFrame } from '../harness/codecs/index.ts'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServer,
  type RawClient,
  startEchoServer,
  startTestProxy,
  type TestProxy,
  type TestProxyOptions,
  testCluster,
  testRoute,
} from '../harness/index.ts'

const V1 = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n')
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')
const SPEED = 200

/** A header of version 2 with these TLVs. */
function v2(tlvs: Readonly<Record<number, string>>): Buffer {
  const addresses = Buffer.from('c0000201c6336401dc0401bb', 'hex')
  const parts = Object.entries(tlvs).map(([type, value]) => {
    const bytes = Buffer.from(value)
    return Buffer.concat([Buffer.of(Number(type), bytes.length >> 8, bytes.length & 0xff), bytes])
  })
  const body = Buffer.concat([addresses, ...parts])
  const head = Buffer.from('0d0a0d0a000d0a515549540a21110000', 'hex')
  head.writeUInt16BE(body.length, 14)
  return Buffer.concat([head, body])
}

/** A clock on which 15 s pass in 75 ms. */
const fastClock: Clock = {
  now: () => systemClock.now() * SPEED,
  wallTime: () => systemClock.wallTime(),
  setTimer: (delayMs, callback) => systemClock.setTimer(delayMs / SPEED, callback),
  setImmediate: (callback) => systemClock.setImmediate(callback),
}

function startProxy(options: TestProxyOptions): Promise<TestProxy> {
  return startTestProxy({ ...options, listener: { proxyProtocol: true, ...options.listener } })
}

/** Requests whose PROXY header names this authority go to the cluster `named`, all others to `other`. */
function byAuthority(authority: string): readonly RouteConfig[] {
  const test = { kind: 'exact', text: authority, ignoreCase: false } as const
  const matcher = { name: 'proxy_protocol.authority', test, invert: false, treatMissingAsEmpty: false }
  return [testRoute('named', { match: { metadata: [matcher] } }), testRoute('other')]
}

async function startTwo(): Promise<{ named: EchoServer; other: EchoServer; proxy: TestProxy }> {
  const named = await startEchoServer({ codec: mutable })
  const other = await startEchoServer({ codec: mutable })
  const clusters = [testCluster('named', [named.port]), testCluster('other', [other.port])]
  const proxy = await startProxy({ codec: mutable, clusters, routes: byAuthority('a.example') })
  return { named, other, proxy }
}

/** One request on a connection of its own. */
async function ask(proxy: TestProxy, header: Buffer, pairs: Record<string, string> = {}): Promise<void> {
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  client.send(Buffer.concat([header, mutableFrame({ id: 1, pairs })]))
  assert.equal((await client.next()).status, ResponseStatus.Ok)
}

test('a PROXY header may be split at each byte, with the request in its last packet', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxy({ codec: awesomerpc, endpoints: [server.port] })
  for (const header of [V1, v2({ 2: 'a.example' })]) {
    for (let at = 1; at <= header.length; at++) {
      await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
      client.send(header.subarray(0, at))
      await new Promise((resolve) => setImmediate(resolve))
      client.send(Buffer.concat([header.subarray(at), awesomerpcFrame({ id: at, body: 'x' })]))
      assert.equal((await client.next()).requestId, at)
    }
  }
  assert.equal(proxy.stat('downstream_cx_proxy_proto_error'), 0)
})

test('header and several requests in one packet, then half a request: all are answered', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxy({ codec: awesomerpc, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  const last = awesomerpcFrame({ id: 3, body: 'xyz' })
  client.send(Buffer.concat([V1, awesomerpcFrame({ id: 1 }), awesomerpcFrame({ id: 2 }), last.subarray(0, 7)]))
  await client.take(2)
  client.send(last.subarray(7))
  assert.equal((await client.next()).requestId, 3)
})

test('filters and routes see the addresses of the header, and its TLVs as metadata', async () => {
  const seen: Record<string, string | undefined>[] = []
  const spy: FilterDefinition = {
    name: 'spy',
    typeUrl: 'type.googleapis.com/test.Spy',
    parse: () => undefined,
    create: () => ({
      onRequest({ request, connection }) {
        const { remoteAddress, remotePort } = connection
        const metadata: Record<string, string> = {}
        for (let n = 0; n < request.size; n++) {
          if (request.key(n).startsWith('proxy_protocol.')) metadata[request.key(n).slice(15)] = request.value(n)
        }
        seen.push({ remote: `${remoteAddress}:${remotePort}`, ...metadata })
        return FilterStatus.Continue
      },
    }),
  }
  await using server = await startEchoServer({ codec: mutable })
  const filters = [{ name: 'spy', typeUrl: spy.typeUrl, config: undefined }]
  await using proxy = await startProxy({
    codec: mutable,
    endpoints: [server.port],
    filter: { filters },
    filters: [spy],
  })
  await ask(proxy, v2({ 1: 'h2', 2: 'a.example', 5: 'u-1', 234: 'own' }))
  assert.deepEqual(seen, [
    {
      remote: '192.0.2.1:56324',
      source_address: '192.0.2.1',
      source_port: '56324',
      destination_address: '198.51.100.1',
      destination_port: '443',
      alpn: 'h2',
      authority: 'a.example',
      unique_id: 'u-1',
      'tlv.0xea': 'own',
    },
  ])
})

test('a route chooses by the authority TLV', async () => {
  const { named, other, proxy } = await startTwo()
  await using _named = named
  await using _other = other
  await using _proxy = proxy
  await ask(proxy, v2({ 2: 'a.example' }))
  await ask(proxy, v2({ 2: 'b.example' }))
  await ask(proxy, V1)
  assert.deepEqual([named.received.length, other.received.length], [1, 2])
})

test('a client cannot pretend to be what only the header may say, in whatever case it writes the key', async () => {
  const { named, other, proxy } = await startTwo()
  await using _named = named
  await using _other = other
  await using _proxy = proxy
  const keys = ['proxy_protocol.authority', 'Proxy_Protocol.Authority', 'PROXY_PROTOCOL.AUTHORITY']
  for (const header of [LOCAL, V1, v2({}), v2({ 2: 'b.example' })]) {
    for (const key of keys) await ask(proxy, header, { [key]: 'a.example' })
    await ask(proxy, header, Object.fromEntries(keys.map((key) => [key, 'a.example'])))
  }
  assert.deepEqual([named.received.length, other.received.length], [0, 16])
  for (const key of keys) await ask(proxy, v2({ 2: 'a.example' }), { [key]: 'b.example' })
  assert.deepEqual([named.received.length, other.received.length], [3, 16])
})

test('a bad header closes its own connection and is counted; others go on', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxy({ codec: awesomerpc, endpoints: [server.port] })
  await using good = await connectClient({ port: proxy.port, codec: awesomerpc })
  good.send(V1)
  const bad = [
    awesomerpcFrame({ id: 1 }),
    Buffer.from('PROXY TCP4 1 2 3 4\r\n'),
    Buffer.alloc(200, 'PROXY '),
    Buffer.concat([LOCAL.subarray(0, 12), Buffer.of(0x2f, 0, 0, 0)]),
    Buffer.concat([LOCAL.subarray(0, 12), Buffer.of(0x21, 0x11, 0xff, 0xff)]),
  ]
  for (const [index, bytes] of bad.entries()) {
    await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
    client.send(bytes)
    await client.closed()
    await proxy.until('downstream_cx_proxy_proto_error', index + 1)
    assert.equal((await good.request(awesomerpcFrame({ id: index }))).requestId, index)
  }
  assert.equal(proxy.proxy.connectionCount, 1)
})

test('a connection that ends before its header is complete is counted, and leaves nothing behind', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxy({ codec: awesomerpc, endpoints: [server.port] })
  for (const end of ['FIN', 'RST']) {
    await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
    client.send(V1.subarray(0, 20))
    await proxy.until('downstream_cx_active', 1)
    if (end === 'FIN') client.end()
    else client.socket.resetAndDestroy()
    await client.closed()
    await proxy.until('downstream_cx_active', 0)
  }
  assert.equal(proxy.stat('downstream_cx_proxy_proto_error'), 1)
  assert.deepEqual([proxy.proxy.connectionCount, proxy.proxy.timerCount], [0, 0])
})

test('a connection whose header does not come within 15 s is closed and counted, one with it is not', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxy({ codec: awesomerpc, endpoints: [server.port], clock: fastClock })
  await using good = await connectClient({ port: proxy.port, codec: awesomerpc })
  good.send(V1)
  const late: RawClient[] = []
  for (const bytes of ['', 'PROXY TCP4 ']) {
    const client = await connectClient({ port: proxy.port, codec: awesomerpc })
    if (bytes !== '') client.send(Buffer.from(bytes))
    late.push(client)
  }
  for (const client of late) await client.closed()
  assert.equal(proxy.stat('downstream_cx_proxy_proto_error'), 2)
  assert.equal((await good.request(awesomerpcFrame({ id: 9 }))).requestId, 9)
  assert.deepEqual([proxy.proxy.connectionCount, proxy.proxy.timerCount], [1, 0])
})

test('connections that wait for their header count toward the listener’s limit', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxy({
    codec: awesomerpc,
    endpoints: [server.port],
    listener: { maxConnections: 2 },
  })
  await using first = await connectClient({ port: proxy.port, codec: awesomerpc })
  await using _second = await connectClient({ port: proxy.port, codec: awesomerpc })
  await proxy.until('downstream_cx_active', 2)
  await using third = await connectClient({ port: proxy.port, codec: awesomerpc })
  await third.closed()
  await first.close()
  await proxy.until('downstream_cx_active', 1)
  await using fourth = await connectClient({ port: proxy.port, codec: awesomerpc })
  fourth.send(Buffer.concat([V1, awesomerpcFrame({ id: 4 })]))
  assert.equal((await fourth.next()).requestId, 4)
})

test('a tcp_proxy behind a PROXY header forwards what follows it, and nothing of the header', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxy({
    codec: awesomerpc,
    endpoints: [server.port],
    tcpProxy: {
      kind: 'tcp-proxy',
      statPrefix: 'tcp',
      clusters: [{ cluster: 'service', weight: 1 }],
      idleTimeoutMs: 0,
      maxConnectAttempts: 1,
    },
  })
  const socket = connect(proxy.port, '127.0.0.1')
  const request = awesomerpcFrame({ id: 5, body: 'through' })
  socket.end(Buffer.concat([v2({ 2: 'x' }), request]))
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  assert.deepEqual(Buffer.concat(chunks), request)
})
