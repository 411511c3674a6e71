import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { nodeNetwork } from '@meltemi/proxy'
import {
  awesomerpcFrame,
  connectClient,
  type DnsServer,
  holding,
  jsonLog,
  Observed,
  startDnsServer,
  startEchoServer,
  startTestProxy,
  type TestProxyOptions,
  zipkinTracing,
} from '../harness/index.ts'

const isOk = (reply: { message: Buffer }) => reply.message.readInt16BE(11) === 0

/** A proxy in front of `service.test`, whose addresses a name server tells. */
function startNamed(dns: DnsServer, port: number, more: object = {}, options: Partial<TestProxyOptions> = {}) {
  return startTestProxy({
    ...options,
    codec: awesomerpc,
    cluster: {
      discovery: 'logical-dns',
      dnsRefreshMs: 20,
      dnsLookupFamily: 'v4-only',
      dnsServers: [{ host: '127.0.0.1', port: dns.port }],
      endpoints: [{ address: { host: 'service.test', port }, hostname: '', weight: 1, healthy: true }],
      ...more,
    },
  })
}

test('a new address is for new connections; those that are there go on being used', async () => {
  await using dns = await startDnsServer({ 'service.test': { addresses: ['127.0.0.1', '127.0.0.2'], ttlS: 60 } })
  const hold = holding()
  await using first = await startEchoServer({ codec: awesomerpc })
  await using second = await startEchoServer({
    codec: awesomerpc,
    host: '127.0.0.2',
    port: first.port,
    handler: hold.handler,
  })
  await using proxy = await startNamed(dns, first.port)
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (let id = 1; id <= 4; id++) assert.ok(isOk(await client.request(awesomerpcFrame({ id }))))
  assert.equal(proxy.stat('membership_total'), 1)
  dns.book.set('service.test', { addresses: ['127.0.0.2'], ttlS: 60 })
  while (proxy.proxy.endpoints()[0]?.address !== `127.0.0.2:${first.port}`) await dns.asked(dns.questions.length + 1)
  for (let id = 5; id <= 8; id++) assert.ok(isOk(await client.request(awesomerpcFrame({ id }))))
  assert.deepEqual([first.received.length, second.received.length, first.openConnections.length], [8, 0, 1])
  // the connection ends: the next one goes where the name leads now
  for (const connection of first.openConnections) connection.destroy()
  await proxy.until('upstream_cx_active', 0)
  const late = client.request(awesomerpcFrame({ id: 9 }))
  await second.arrived(1)
  hold.release()
  assert.ok(isOk(await late))
  assert.equal(first.received.length, 8)
})

test('logs and traces have the address that a request went to, not the one that its name leads to by now', async () => {
  await using dns = await startDnsServer({ 'service.test': { addresses: ['127.0.0.1'], ttlS: 60 } })
  await using server = await startEchoServer({ codec: awesomerpc })
  const outlet = new Observed()
  const format = { host: '%UPSTREAM_HOST%', told: '%REQ(x-meta-protocol-real-server-address)%' }
  const filter = { accessLogs: [jsonLog(format)], tracing: zipkinTracing() }
  const proxy = await startNamed(dns, server.port, {}, { outlet, filter })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  await client.request(awesomerpcFrame({ id: 1 }))
  dns.book.set('service.test', { addresses: ['127.0.0.2'], ttlS: 60 })
  while (proxy.proxy.endpoints()[0]?.address !== `127.0.0.2:${server.port}`) await dns.asked(dns.questions.length + 1)
  await client.request(awesomerpcFrame({ id: 2 }))
  await proxy.proxy.stop()
  const address = `127.0.0.1:${server.port}`
  assert.deepEqual(outlet.lines, [
    { host: address, told: address },
    { host: address, told: address },
  ])
  const tries = outlet.spans.filter(({ name }) => name.startsWith('router '))
  assert.deepEqual(
    tries.map(({ tags }) => [tags['upstream_address'], tags['peer.address']]),
    [
      [address, '127.0.0.1'],
      [address, '127.0.0.1'],
    ],
  )
})

test('names are asked for when their time to live is over, not before', async () => {
  await using dns = await startDnsServer({ 'service.test': { addresses: ['127.0.0.1'], ttlS: 1 } })
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startNamed(dns, server.port, { respectDnsTtl: true, dnsRefreshMs: 60_000 })
  assert.deepEqual(dns.questions, ['service.test A'])
  const startMs = performance.now()
  await dns.asked(2)
  const elapsedMs = performance.now() - startMs
  assert.ok(elapsedMs > 900 && elapsedMs < 2_500, `${elapsedMs} ms`)
  assert.equal(proxy.stat('update_success') >= 1, true)
})

test('a time to live of 0 is none: the rate of the configuration holds', async () => {
  await using dns = await startDnsServer({ 'service.test': { addresses: ['127.0.0.1'], ttlS: 0 } })
  await using server = await startEchoServer({ codec: awesomerpc })
  await using _proxy = await startNamed(dns, server.port, { respectDnsTtl: true, dnsRefreshMs: 60_000 })
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal(dns.questions.length, 1)
})

test('an outage of DNS takes nothing down, and the failure rate says how soon it is asked again', async () => {
  await using dns = await startDnsServer({ 'service.test': { addresses: ['127.0.0.1'], ttlS: 60 } })
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startNamed(dns, server.port, { dnsFailureRefresh: { baseMs: 10, maxMs: 20 } })
  dns.book.set('service.test', 'SERVFAIL')
  await proxy.until('update_failure', 3, 5_000)
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  assert.ok(isOk(await client.request(awesomerpcFrame({ id: 1 }))))
  dns.book.delete('service.test')
  const failures = proxy.stat('update_failure')
  while (proxy.stat('update_failure') < failures + 2) await new Promise((resolve) => setTimeout(resolve, 2))
  assert.ok(isOk(await client.request(awesomerpcFrame({ id: 2 }))))
  assert.equal(proxy.stat('membership_total'), 1)
})

test('a strict cluster asks the same name servers, and has all addresses of both families', async () => {
  await using dns = await startDnsServer({ 'service.test': { addresses: ['127.0.0.1', '127.0.0.2', '::1'], ttlS: 60 } })
  await using first = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startNamed(dns, first.port, { discovery: 'strict-dns', dnsLookupFamily: 'all' })
  assert.deepEqual(
    proxy.proxy
      .endpoints()
      .map(({ address }) => address)
      .sort(),
    [`127.0.0.1:${first.port}`, `127.0.0.2:${first.port}`, `[::1]:${first.port}`],
  )
  assert.deepEqual(dns.questions.slice(0, 2).sort(), ['service.test A', 'service.test AAAA'])
})

test('a family that cannot be asked about keeps its addresses, while the other one goes on', async () => {
  const record = { addresses: ['127.0.0.1', '::1'], ttlS: 60 }
  await using dns = await startDnsServer({ 'service.test': record })
  await using proxy = await startNamed(dns, 9, { discovery: 'strict-dns', dnsLookupFamily: 'all' })
  const addresses = () => proxy.proxy.endpoints().map(({ address }) => address)
  const refreshed = async () => {
    const enough = proxy.stat('update_success') + 2
    while (proxy.stat('update_success') < enough) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  dns.book.set('service.test', { ...record, failing: 4 })
  await refreshed()
  assert.deepEqual(addresses().sort(), ['127.0.0.1:9', '[::1]:9'])
  dns.book.set('service.test', { addresses: ['127.0.0.2'], ttlS: 60, failing: 6 })
  await refreshed()
  assert.deepEqual(addresses().sort(), ['127.0.0.2:9', '[::1]:9'])
  dns.book.set('service.test', { addresses: ['127.0.0.2'], ttlS: 60 })
  await refreshed()
  assert.deepEqual(addresses(), ['127.0.0.2:9'])
})

test('a name with one family is there when the other one cannot be asked about', async () => {
  await using dns = await startDnsServer({ 'service.test': { addresses: ['127.0.0.1'], ttlS: 60, failing: 6 } })
  await using proxy = await startNamed(dns, 9, { dnsLookupFamily: 'auto' })
  assert.deepEqual(
    proxy.proxy.endpoints().map(({ address }) => address),
    ['127.0.0.1:9'],
  )
})

test('who stops while a name server is silent waits for nobody', async () => {
  await using dns = await startDnsServer({ 'service.test': 'SILENT' })
  const stopping = new AbortController()
  const servers = [`127.0.0.1:${dns.port}`]
  const asking = nodeNetwork.query('service.test', { family: 4, servers, signal: stopping.signal })
  const rejected = assert.rejects(asking, /ECANCELLED/)
  await dns.asked(1)
  const startMs = performance.now()
  stopping.abort()
  await rejected
  assert.ok(performance.now() - startMs < 500)
})

test('what only the files of this machine know is found where no name servers are given', async () => {
  const signal = new AbortController().signal
  const { found } = await nodeNetwork.query('localhost', { family: 4, servers: [], signal })
  assert.deepEqual(
    found.map(({ address }) => address),
    ['127.0.0.1'],
  )
})
