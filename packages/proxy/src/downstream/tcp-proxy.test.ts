import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterConfig, ListenerConfig, TcpProxyConfig } from '@meltemi/api/model'
import { LocalRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import type { Network, Socket, SocketHandler } from '../net/network.ts'
import { Flusher } from '../net/outbox.ts'
import { ClusterManager } from '../upstream/cluster-manager.ts'
import { SharedLimits } from '../upstream/shared-limits.ts'
import { SeededRandom } from '../util/random.ts'
import { TimerWheel } from '../util/timer-wheel.ts'
import { TurnClock } from '../util/turn-clock.ts'
import { TcpConnection, tcpStats } from './tcp-proxy.ts'

class FakeSocket implements Socket {
  readonly remoteAddress = ''
  readonly remotePort = 0
  readonly localAddress = ''
  readonly localPort = 0
  readonly handler: SocketHandler | undefined
  readonly sent: string[] = []
  readonly calls: string[] = []
  bufferedBytes = 0

  constructor(handler?: SocketHandler) {
    this.handler = handler
  }

  write(parts: readonly Buffer[]): boolean {
    this.sent.push(...parts.map((part) => part.toString()))
    return this.bufferedBytes === 0
  }
  end(): void {
    this.calls.push('end')
  }
  destroySoon(): void {
    this.calls.push('destroySoon')
  }
  destroy(): void {
    this.calls.push('destroy')
  }
  pause(): void {
    this.calls.push('pause')
  }
  resume(): void {
    this.calls.push('resume')
  }
}

const CLUSTER: ClusterConfig = {
  name: 'c',
  statName: 'c',
  discovery: 'static',
  dnsRefreshMs: 5000,
  dnsLookupFamily: 'auto',
  endpoints: [{ address: { host: '10.0.0.1', port: 80 }, hostname: '', weight: 1, healthy: true }],
  connectTimeoutMs: 1000,
  loadBalancer: { kind: 'round-robin' },
  circuitBreaker: { maxConnections: 1, maxPendingRequests: 8, maxRequests: 8, maxRetries: 0 },
  panicThresholdPercent: 50,
  eds: undefined,
  outlierDetection: undefined,
  http2: false,
  bufferLimitBytes: 1024,
}

async function setUp(changes: Partial<TcpProxyConfig> = {}) {
  const clock = new FakeClock()
  const services: FakeSocket[] = []
  const network: Network = {
    connect(_host, _port, handler) {
      services.push(new FakeSocket(handler))
      return services.at(-1) as FakeSocket
    },
    listen: () => Promise.reject(new Error('nobody listens')),
    resolve: () => Promise.reject(new Error('nobody resolves')),
    query: () => Promise.reject(new Error('nobody asks')),
  }
  const thread = {
    clock,
    turn: new TurnClock(clock),
    network,
    random: new SeededRandom(1),
    flusher: new Flusher(clock),
    timers: new TimerWheel(clock),
    onCodecException: () => {},
    onFilterException: () => {},
    logBadReply: () => {},
  }
  const metrics = new LocalRegistry(() => {})
  const clusters = new ClusterManager([CLUSTER], thread, metrics, new SharedLimits(1).share(0))
  await clusters.start()
  const config: TcpProxyConfig = {
    kind: 'tcp-proxy',
    statPrefix: 't',
    clusters: [{ cluster: 'c', weight: 1 }],
    idleTimeoutMs: 0,
    maxConnectAttempts: 1,
    ...changes,
  }
  const listener = { bufferLimitBytes: 4 } as ListenerConfig
  const gone: TcpConnection[] = []
  const accept = () => {
    const client = new FakeSocket()
    const context = { thread, listener, config, criteria: [], clusters, stats: tcpStats(metrics, 't') }
    const connection = new TcpConnection(client, context, { onGone: (which) => void gone.push(which) })
    connection.start()
    return { client, connection }
  }
  return { clock, timers: thread.timers, services, gone, accept }
}

test('early bytes wait for the connection, within a bound, and go first', async () => {
  const { accept, services } = await setUp()
  const { client, connection } = accept()
  connection.onData(Buffer.from('abc'))
  assert.deepEqual(client.calls, [])
  connection.onData(Buffer.from('de'))
  assert.deepEqual([client.calls, connection.bufferedBytes], [['pause'], 5])
  services[0]?.handler?.onConnect()
  connection.onData(Buffer.from('f'))
  assert.deepEqual(
    [services[0]?.sent, client.calls],
    [
      ['abc', 'de', 'f'],
      ['pause', 'resume'],
    ],
  )
})

test('a limit is free again whichever side ends, and however', async () => {
  const { accept, services, clock, timers, gone } = await setUp()
  const ends: ((socket: FakeSocket, connection: TcpConnection) => void)[] = [
    (socket) => socket.handler?.onClose(new Error('refused')),
    () => clock.advance(2000),
    (_socket, connection) => connection.onClose(undefined),
    (socket, connection) => {
      socket.handler?.onConnect()
      connection.onEnd()
      connection.onClose(undefined)
    },
    (socket) => {
      socket.handler?.onConnect()
      socket.handler?.onClose(undefined)
    },
  ]
  for (const [at, end] of ends.entries()) {
    const { client, connection } = accept()
    assert.equal(services.length, at + 1, `limit is taken after end ${at - 1}`)
    end(services[at] as FakeSocket, connection)
    if (client.calls.at(-1) === 'destroySoon') connection.onClose(undefined)
    assert.equal(gone.at(-1), connection)
    assert.equal(gone.length, at + 1)
  }
  assert.equal(timers.size, 0)
})

test('a client counts until it has taken the last byte, and can be ended before', async () => {
  const { accept, services, gone } = await setUp()
  for (const endsEarly of [false, true]) {
    const { client, connection } = accept()
    const service = services.at(-1)
    service?.handler?.onConnect()
    client.bufferedBytes = 9
    service?.handler?.onData(Buffer.from('last words'))
    service?.handler?.onClose(undefined)
    assert.deepEqual([client.calls.at(-1), gone.includes(connection)], ['destroySoon', false])
    if (endsEarly) connection.close()
    else connection.onClose(undefined)
    assert.deepEqual([client.calls.at(-1), gone.at(-1)], ['destroy', connection])
    connection.close()
    assert.equal(gone.filter((one) => one === connection).length, 1)
  }
})
