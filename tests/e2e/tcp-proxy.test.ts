import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TcpProxyConfig } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { startBlackHole } from '../harness/black-hole.ts'
import {
  startProxyProcess,
  startTestProxy,
  type TestProxy,
  type TestProxyOptions,
  testCluster,
} from '../harness/index.ts'

const MIB = 1024 * 1024
const LARGE = Buffer.alloc(20 * MIB, 'every byte of this has to arrive, in order; ')
/** The end of what is read is not the end of what is written. */
const READ_ONLY = { destroyOnReturn: false }

interface Service extends AsyncDisposable {
  readonly port: number
  readonly sockets: Socket[]
}

/** A service of bytes: `serve` gets each connection. */
async function startService(serve: (socket: Socket) => void): Promise<Service> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.push(socket)
    // resets are part of some tests
    socket.on('error', () => {})
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const echo = (socket: Socket) => socket.pipe(socket)
const deaf = () => {}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  await using service = await startService(deaf)
  return service.port
}

function startProxy(options: Partial<TestProxyOptions>, tcp: Partial<TcpProxyConfig> = {}): Promise<TestProxy> {
  const clusters = [{ cluster: 'service', weight: 1 }]
  const config = { kind: 'tcp-proxy', statPrefix: 'tcp', clusters, idleTimeoutMs: 0, maxConnectAttempts: 1 } as const
  return startTestProxy({ codec: awesomerpc, ...options, tcpProxy: { ...config, ...tcp } })
}

async function connectTo(proxy: TestProxy): Promise<Socket> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket.iterator(READ_ONLY)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Reads to the end with a rest after every MiB; returns the hash of everything. */
async function readSlowly(socket: Socket): Promise<string> {
  const hash = createHash('sha1')
  let bytes = 0
  for await (const chunk of socket.iterator(READ_ONLY)) {
    hash.update(chunk as Buffer)
    bytes += (chunk as Buffer).length
    if (bytes >= MIB) await sleep(1)
    bytes %= MIB
  }
  return hash.digest('hex')
}

function hashOf(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex')
}

async function nothingLeft(proxy: TestProxy): Promise<void> {
  await proxy.until('downstream_cx_active', 0)
  await proxy.until('upstream_cx_active', 0)
  assert.deepEqual([proxy.proxy.connectionCount, proxy.proxy.timerCount], [0, 0])
  assert.equal(proxy.limitsInUse, 0)
}

test('bytes pass both ways as they are, and are counted', async () => {
  await using service = await startService(echo)
  await using proxy = await startProxy({ endpoints: [service.port] })
  const client = await connectTo(proxy)
  for (const text of ['a', 'bc', '\0\xff']) {
    client.write(text)
    const [answer] = await once(client, 'data')
    assert.equal(String(answer), text)
  }
  client.end()
  await once(client, 'close')
  await nothingLeft(proxy)
  assert.equal(proxy.stat('tcp.tcp.downstream_cx_rx_bytes_total'), 6)
  assert.equal(proxy.stat('upstream_cx_rx_bytes_total'), 6)
})

test('a client that speaks before the service is connected loses nothing', async () => {
  await using service = await startService(echo)
  await using proxy = await startProxy({ endpoints: [service.port] })
  const client = connect({ port: proxy.port, host: '127.0.0.1' })
  client.end(LARGE.subarray(0, 3 * MIB))
  assert.equal(hashOf(await readAll(client)), hashOf(LARGE.subarray(0, 3 * MIB)))
  await nothingLeft(proxy)
})

test('20 MiB pass both ways at once to slow readers', async () => {
  let received: Promise<string> | undefined
  await using service = await startService((socket) => {
    received = readSlowly(socket)
    socket.end(LARGE)
  })
  await using proxy = await startProxy({ endpoints: [service.port] })
  const client = await connectTo(proxy)
  client.end(LARGE)
  assert.equal(await readSlowly(client), hashOf(LARGE))
  assert.equal(await received, hashOf(LARGE))
  await nothingLeft(proxy)
})

test('what a reader does not take is held back at the sender, not gathered in the proxy', async () => {
  await using service = await startService((socket) => {
    socket.pause()
  })
  await using proxy = await startProxy({ endpoints: [service.port], listener: { bufferLimitBytes: 64 * 1024 } })
  const client = await connectTo(proxy)
  for (let n = 0; n < 4; n++) client.write(LARGE)
  await proxy.until('downstream_flow_control_paused_reading_total', 1, 5000)
  let before = -1
  for (let now = 0; now !== before; await sleep(30)) {
    before = now
    now = proxy.stat('tcp.tcp.downstream_cx_rx_bytes_total')
  }
  // what the kernel keeps on the way to the service is all there is
  const room = 16 * MIB
  assert.ok(before < room, `${before} bytes were read for a service that reads none`)
  service.sockets[0]?.resetAndDestroy()
  // it has not read that the connection is over, and would be waited for
  client.destroy()
  await nothingLeft(proxy)
})

test('the end of the client’s bytes reaches the service, whose answer still comes', async () => {
  await using service = await startService(async (socket) => {
    const question = await readAll(socket)
    socket.end(`you said ${question}`)
  })
  await using proxy = await startProxy({ endpoints: [service.port] })
  const client = await connectTo(proxy)
  client.end('hello')
  assert.equal(String(await readAll(client)), 'you said hello')
  await nothingLeft(proxy)
})

test('the end of the service’s bytes reaches the client, which goes on speaking', async () => {
  const heard = Promise.withResolvers<string>()
  await using service = await startService((socket) => {
    socket.end('bye')
    heard.resolve(readSlowly(socket))
  })
  await using proxy = await startProxy({ endpoints: [service.port] })
  const client = await connectTo(proxy)
  assert.equal(String(await readAll(client)), 'bye')
  client.end(LARGE)
  assert.equal(await heard.promise, hashOf(LARGE))
  await nothingLeft(proxy)
})

test('the last bytes of a client that has finished reach a slow service, though the service had finished before', async () => {
  const piece = LARGE.subarray(0, 16 * 1024)
  await using service = await startService((socket) => socket.end().pause())
  await using proxy = await startProxy({ endpoints: [service.port] })
  /** Sends until the proxy holds so much that it reads no more, or only so many pieces. */
  const send = async (client: Socket, most: number) => {
    const before = proxy.stat('downstream_flow_control_paused_reading_total')
    const startBytes = proxy.stat('tcp.tcp.downstream_cx_rx_bytes_total')
    for (let sent = 1; sent <= most; sent++) {
      client.write(piece)
      await proxy.until('tcp.tcp.downstream_cx_rx_bytes_total', startBytes + sent * piece.length)
      if (proxy.stat('downstream_flow_control_paused_reading_total') > before) return sent
    }
    return most
  }
  const first = await connectTo(proxy)
  const full = await send(first, Number.POSITIVE_INFINITY)
  service.sockets[0]?.resetAndDestroy()
  first.destroy()
  await nothingLeft(proxy)

  const second = await connectTo(proxy)
  // the kernel is full, and a few pieces wait in the proxy
  const sent = await send(second, full - 2)
  second.resume().end()
  await once(second, 'close')
  await proxy.until('tcp.tcp.downstream_cx_active', 0)
  const received = await readAll(service.sockets[1] as Socket)
  assert.equal(received.length, sent * piece.length)
  await nothingLeft(proxy)
})

test('a service that closes after its answer closes the client, after all of the answer', async () => {
  await using service = await startService((socket) => {
    socket.write(LARGE, () => socket.destroy())
  })
  await using proxy = await startProxy({ endpoints: [service.port] })
  const client = await connectTo(proxy)
  assert.equal(await readSlowly(client), hashOf(LARGE))
  client.end()
  await nothingLeft(proxy)
})

test('a reset on one side ends the other', async () => {
  await using service = await startService(deaf)
  await using proxy = await startProxy({ endpoints: [service.port] })
  const first = await connectTo(proxy)
  while (service.sockets.length < 1) await proxy.until('upstream_cx_active', 1).then(() => sleep(1))
  service.sockets[0]?.resetAndDestroy()
  first.resume()
  await once(first, 'end')
  first.destroy()
  const second = await connectTo(proxy)
  while (service.sockets.length < 2) await sleep(1)
  second.resetAndDestroy()
  service.sockets[1]?.resume()
  await once(service.sockets[1] as Socket, 'end')
  await nothingLeft(proxy)
})

test('connecting is tried max_connect_attempts times, then the client is closed', async () => {
  const port = await closedPort()
  await using proxy = await startProxy({ endpoints: [port] }, { maxConnectAttempts: 3 })
  const client = await connectTo(proxy)
  client.write('lost')
  client.resume()
  await once(client, 'end')
  client.destroy()
  assert.deepEqual([proxy.stat('upstream_cx_total'), proxy.stat('upstream_cx_connect_fail')], [3, 3])
  await nothingLeft(proxy)
})

test('a later attempt that works serves the client as if nothing had been', async () => {
  await using service = await startService(echo)
  const ports = [await closedPort(), service.port]
  await using proxy = await startProxy({ endpoints: ports }, { maxConnectAttempts: 2 })
  for (let n = 0; n < 4; n++) {
    const client = await connectTo(proxy)
    client.end('early words')
    assert.equal(String(await readAll(client)), 'early words')
  }
  assert.ok(proxy.stat('upstream_cx_connect_fail') > 0)
  await nothingLeft(proxy)
})

test('a connection that is not made in time counts as an attempt, and the next endpoint is tried', async () => {
  await using hole = await startBlackHole()
  await using service = await startService(echo)
  const cluster = { connectTimeoutMs: 80 }
  await using proxy = await startProxy({ endpoints: [hole.port, service.port], cluster }, { maxConnectAttempts: 2 })
  const clients = [await connectTo(proxy), await connectTo(proxy)]
  for (const client of clients) {
    client.end('early words')
    assert.equal(String(await readAll(client)), 'early words')
  }
  assert.equal(proxy.stat('upstream_cx_connect_timeout'), 1)
  assert.deepEqual(
    proxy.proxy.endpoints().map(({ cxConnectFail }) => cxConnectFail),
    [1, 0],
  )
  await nothingLeft(proxy)
})

test('little is read from a client before its service is connected, and nothing is left when it goes', async () => {
  await using hole = await startBlackHole()
  const bufferLimitBytes = 256 * 1024
  await using proxy = await startProxy({ endpoints: [hole.port], listener: { bufferLimitBytes } })
  const patient = await connectTo(proxy)
  patient.write(LARGE)
  await proxy.until('downstream_flow_control_paused_reading_total', 1)
  const bytes = proxy.stat('tcp.tcp.downstream_cx_rx_bytes_total')
  assert.ok(bytes <= bufferLimitBytes + 64 * 1024, `${bytes} bytes were read for nobody`)
  const hasty = await connectTo(proxy)
  hasty.write('x')
  await proxy.until('upstream_cx_active', 2)
  hasty.resetAndDestroy()
  await proxy.until('upstream_cx_active', 1)
  patient.destroy()
})

test('least request counts the connections of a tcp_proxy', async () => {
  await using a = await startService(echo)
  await using b = await startService(echo)
  const loadBalancer = { kind: 'least-request', choiceCount: 10 } as const
  await using proxy = await startProxy({ endpoints: [a.port, b.port], cluster: { loadBalancer } })
  const clients: Socket[] = []
  for (let n = 0; n < 20; n++) {
    const client = await connectTo(proxy)
    client.write('x')
    await once(client, 'data')
    clients.push(client)
  }
  assert.deepEqual([a.sockets.length, b.sockets.length], [10, 10])
  for (const client of clients) client.destroy()
  await nothingLeft(proxy)
})

test('a client is closed at once where its cluster is unknown or has no endpoint', async () => {
  for (const clusters of [[testCluster('other', [])], [testCluster('service', [])]]) {
    await using proxy = await startProxy({ clusters })
    const client = connect({ port: proxy.port, host: '127.0.0.1' }).resume()
    await once(client, 'close')
    assert.equal(proxy.stat('downstream_cx_no_route') + proxy.stat('upstream_cx_none_healthy'), 1)
    await nothingLeft(proxy)
  }
})

test('a connection without bytes in either direction is closed after the idle timeout', async () => {
  await using service = await startService(echo)
  await using proxy = await startProxy({ endpoints: [service.port] }, { idleTimeoutMs: 150 })
  const client = await connectTo(proxy)
  const startMs = performance.now()
  for (let n = 0; n < 5; n++) {
    client.write('x')
    await once(client, 'data')
    await sleep(50)
  }
  assert.equal(proxy.stat('idle_timeout'), 0)
  client.resume()
  await once(client, 'end')
  assert.ok(performance.now() - startMs >= 330, 'bytes put the timeout off')
  assert.equal(proxy.stat('idle_timeout'), 1)
  client.destroy()
  await nothingLeft(proxy)
})

test('the idle timeout ends clients that never read what is left for them', async () => {
  await using service = await startService((socket) => socket.end(LARGE))
  await using proxy = await startProxy({ endpoints: [service.port] }, { idleTimeoutMs: 100 })
  const client = await connectTo(proxy)
  client.pause()
  await proxy.until('idle_timeout', 1, 3000)
  await nothingLeft(proxy)
  client.destroy()
})

test('connections are spread over clusters by weight', async () => {
  await using a = await startService(echo)
  await using b = await startService(echo)
  const clusters = [testCluster('a', [a.port]), testCluster('b', [b.port]), testCluster('none', [])]
  const weighted = [
    { cluster: 'a', weight: 3 },
    { cluster: 'none', weight: 0 },
    { cluster: 'b', weight: 1 },
  ]
  await using proxy = await startProxy({ clusters }, { clusters: weighted })
  for (let n = 0; n < 120; n++) {
    const client = await connectTo(proxy)
    client.end('x')
    assert.equal(String(await readAll(client)), 'x')
  }
  assert.equal(a.sockets.length + b.sockets.length, 120)
  assert.ok(a.sockets.length > 75 && a.sockets.length < 105, `${a.sockets.length} of 120 instead of about 90`)
  await nothingLeft(proxy)
})

test('connections above the limits of the listener or the cluster are closed and counted', async () => {
  await using service = await startService(echo)
  const circuitBreaker = { maxConnections: 2, maxPendingRequests: 1, maxRequests: 1, maxRetries: 0 }
  for (const limit of [{ listener: { maxConnections: 2 } }, { cluster: { circuitBreaker } }]) {
    await using proxy = await startProxy({ endpoints: [service.port], ...limit })
    const kept = [await connectTo(proxy), await connectTo(proxy)]
    for (const client of kept) {
      client.write('x')
      await once(client, 'data')
    }
    const refused = connect({ port: proxy.port, host: '127.0.0.1' }).resume()
    await once(refused, 'close')
    assert.equal(proxy.stat('downstream_cx_overflow') + proxy.stat('upstream_cx_overflow'), 1)
    for (const client of kept) client.destroy()
    await proxy.until('upstream_cx_active', 0)
    const again = await connectTo(proxy)
    again.end('y')
    assert.equal(String(await readAll(again)), 'y')
    await nothingLeft(proxy)
  }
})

test('a tcp_proxy of a bootstrap file, behind a PROXY header, works in a worker', async () => {
  await using service = await startService(echo)
  const types = 'type.googleapis.com/envoy.extensions.filters'
  const tcpProxy = {
    '@type': `${types}.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: 'bytes',
    weighted_clusters: { clusters: [{ name: 'service', weight: 1 }] },
    max_connect_attempts: 2,
    idle_timeout: '0.2s',
  }
  const header = { '@type': `${types}.listener.proxy_protocol.v3.ProxyProtocol` }
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [await closedPort(), service.port],
    listener: {
      listener_filters: [{ name: 'envoy.filters.listener.proxy_protocol', typed_config: header }],
      filter_chains: [{ filters: [{ name: 'envoy.filters.network.tcp_proxy', typed_config: tcpProxy }] }],
    },
    arguments: ['--log-level', 'error'],
  })
  for (let n = 0; n < 3; n++) {
    const client = connect({ port: proxy.port, host: '127.0.0.1' })
    client.write('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nhello')
    // the service never ends by itself: the idle timeout does
    assert.equal(String(await readAll(client)), 'hello')
  }
  const names = ['downstream_cx_total', 'idle_timeout', 'downstream_cx_rx_bytes_total']
  assert.deepEqual(await Promise.all(names.map((name) => proxy.stat(`tcp.bytes.${name}`))), [3, 3, 15])
})
