import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LocalRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import {
  Affinity,
  type Codec,
  type CodecDefinition,
  DecodeStatus,
  type Failure,
  MessageType,
  Metadata,
  Mutation,
} from '@meltemi/sdk'
import type { Network, Socket, SocketHandler } from '../net/network.ts'
import { Flusher } from '../net/outbox.ts'
import { SeededRandom } from '../util/random.ts'
import { TimerWheel } from '../util/timer-wheel.ts'
import { TurnClock } from '../util/turn-clock.ts'
import type { ConnectionOwner, ReplySink, UpstreamConnection } from './connection.ts'
import type { ClusterContext } from './context.ts'
import { LimitKind, Limits, limitCells } from './limits.ts'
import { Places } from './places.ts'
import { Pool, type PoolClient } from './pool.ts'
import { UpstreamProtocol } from './protocol.ts'
import { clusterStats } from './stats.ts'

/*
 *   | u32 id | u8 affinity |      affinity LEAVING: a heartbeat that asks for no new requests
 */
const LEAVING = 255 as Affinity
const FRAME_BYTES = 5
const codec: Codec = {
  decode(buffer, metadata) {
    if (!buffer.has(FRAME_BYTES)) return DecodeStatus.WaitForData
    metadata.requestId = buffer.u32(0)
    metadata.affinity = buffer.u8(4) as Affinity
    if (metadata.affinity === LEAVING) metadata.type = MessageType.Heartbeat
    metadata.message = buffer.take(FRAME_BYTES)
    return DecodeStatus.Done
  },
  encode: (metadata, _mutation, out) => void out.u32(Number(metadata.requestId)).u8(metadata.affinity),
  onError() {},
  serviceHeartbeat(metadata, out) {
    out.u32(Number(metadata.requestId)).u8(LEAVING)
    return true
  },
}
const definition: CodecDefinition = { name: 'tiny', contract: 1, correlation: 'id', create: () => codec }

class FakeSocket implements Socket {
  readonly remoteAddress = ''
  readonly remotePort = 0
  readonly localAddress = ''
  readonly localPort = 0
  readonly handler: SocketHandler
  readonly sent: Buffer[] = []
  bufferedBytes = 0
  state: 'open' | 'closing' | 'destroyed' = 'open'
  isPaused = false

  constructor(handler: SocketHandler) {
    this.handler = handler
  }

  write(parts: readonly Buffer[]): boolean {
    // what is written after the end is lost, as on a real socket
    if (this.state === 'open') this.sent.push(...parts.map((part) => Buffer.from(part)))
    return true
  }
  end(): void {}
  destroySoon(): void {
    this.state = 'closing'
  }
  destroy(): void {
    this.state = 'destroyed'
  }
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }

  get ids(): number[] {
    const bytes = Buffer.concat(this.sent)
    return Array.from({ length: bytes.length / FRAME_BYTES }, (_, at) => bytes.readUInt32BE(at * FRAME_BYTES))
  }

  receive(id: number, affinity: Affinity = Affinity.None): void {
    const frame = Buffer.alloc(FRAME_BYTES)
    frame.writeUInt32BE(id)
    frame[4] = affinity
    this.handler.onData(frame)
  }
}

class Client implements PoolClient, ReplySink, ConnectionOwner {
  readonly request = new Metadata(MessageType.Request)
  readonly pushes: Metadata[] = []
  connection: UpstreamConnection | null = null
  ticket = 0
  reply: Metadata | null = null
  failure: Failure | null = null
  /** Owns its connection from the request to a reply that unpins. */
  pins = false

  constructor(id = 7) {
    this.request.requestId = id
    this.request.message = Buffer.alloc(FRAME_BYTES)
  }

  onConnection(connection: UpstreamConnection): void {
    this.connection = connection
    if (this.pins) connection.owner = this
    this.ticket = connection.send(this.request, Mutation.none, this.request.type === MessageType.Oneway ? null : this)
    if (this.ticket === 0) connection.pool.onRoom(connection)
  }
  onNoConnection(failure: Failure): void {
    this.failure = failure
  }
  onReply(reply: Metadata): void {
    this.reply = reply
    const { connection } = this
    if (reply.affinity !== Affinity.Unpin || connection === null) return
    connection.owner = null
    connection.pool.onRoom(connection)
  }
  onUpstreamFailure(failure: Failure): void {
    this.failure = failure
  }
  onPush(message: Metadata): void {
    this.pushes.push(message)
  }
  onOwnedClose(): void {}
}

interface Options {
  readonly multiplexing?: boolean
  readonly correlation?: 'id' | 'order'
  readonly maxConnections?: number
  readonly maxPendingRequests?: number
}

function setUp({ multiplexing = false, correlation = 'id', maxConnections = 8, maxPendingRequests = 8 }: Options = {}) {
  const clock = new FakeClock()
  const sockets: FakeSocket[] = []
  const network: Network = {
    connect(_host, _port, handler) {
      const socket = new FakeSocket(handler)
      sockets.push(socket)
      return socket
    },
    listen: () => Promise.reject(new Error('nobody listens')),
    resolve: () => Promise.reject(new Error('nobody resolves')),
    query: () => Promise.reject(new Error('nobody asks')),
  }
  const maxima = { maxConnections, maxPendingRequests, maxRequests: 8, maxRetries: 0 }
  const limits = new Limits(limitCells(1), 1, 0, maxima)
  const turn = new TurnClock(clock)
  const context: ClusterContext = {
    clock,
    turn,
    network,
    random: new SeededRandom(1),
    flusher: new Flusher(clock),
    timers: new TimerWheel(clock),
    onCodecException: () => {},
    onFilterException: () => {},
    logBadReply: () => {},
    stats: clusterStats(new LocalRegistry(() => {}), 'test'),
    limits,
    places: new Places(limits, turn, clock),
    connectTimeoutMs: 5000,
    bufferLimitBytes: 1024,
  }
  const protocol = new UpstreamProtocol({
    definition: { ...definition, correlation },
    options: undefined,
    multiplexing,
    maxMessageBytes: 1024,
    partialMessageTimeoutMs: 15_000,
    applicationProtocol: 'tiny',
  })
  const newPool = (port: number) => {
    const target = { host: '10.0.0.1', port, address: `10.0.0.1:${port}`, activeRequests: 0, requestsTotal: 0 }
    const requests = { requestsFailed: 0, requestsSucceeded: 0, requestsTimedOut: 0, latency: null, outlier: null }
    const connections = { connectionsActive: 0, connectionsTotal: 0, connectFailures: 0 }
    return new Pool({ ...target, ...requests, ...connections }, protocol, '', context)
  }
  const pool = newPool(1)
  const ask = (client: Client, from = pool) => {
    const connection = from.acquire(client, client.pins)
    if (connection !== null) client.onConnection(connection)
    clock.runImmediates()
    return client
  }
  const connect = (at: number) => {
    const socket = sockets[at] as FakeSocket
    socket.handler.onConnect()
    clock.runImmediates()
    return socket
  }
  const used = () => [limits.used(LimitKind.Connections), limits.used(LimitKind.Pending)]
  return { clock, context, pool, newPool, sockets, ask, connect, used }
}

function pinning(id?: number): Client {
  const client = new Client(id)
  client.pins = true
  return client
}

test('an exclusive connection carries one request at a time and is used again', () => {
  const { ask, connect, sockets, used } = setUp()
  const [a, b] = [ask(new Client(1)), ask(new Client(2))]
  assert.equal(sockets.length, 2)
  const both = [connect(0), connect(1)]
  for (const [at, socket] of both.entries()) socket.receive(at + 1)
  assert.deepEqual([a.reply?.requestId, b.reply?.requestId], [1, 2])
  ask(new Client(3))
  assert.equal(sockets.length, 2)
  assert.deepEqual(used(), [2, 0])
})

test('requests share a connection under ids of our own', () => {
  const { ask, connect, sockets } = setUp({ multiplexing: true })
  const clients = [ask(new Client(7)), ask(new Client(7))]
  const socket = connect(0)
  assert.equal(sockets.length, 1)
  const [first, second] = socket.ids as [number, number]
  assert.notEqual(first, second)
  socket.receive(second)
  assert.deepEqual(
    clients.map((client) => client.reply !== null),
    [false, true],
  )
})

test('those that wait fail together when the connection cannot be made, and leave nothing behind', () => {
  const { ask, sockets, used } = setUp({ multiplexing: true })
  const clients = [ask(new Client()), ask(new Client())]
  sockets[0]?.handler.onClose(new Error('refused'))
  assert.deepEqual(
    clients.map((client) => client.failure?.code),
    ['remote_connection_failure', 'remote_connection_failure'],
  )
  assert.deepEqual(used(), [0, 0])
})

test('a connection that is not made in time fails those that wait', () => {
  const { ask, clock, sockets, used } = setUp()
  const client = ask(new Client())
  clock.advance(5100)
  assert.equal(client.failure?.code, 'connect_timeout')
  assert.equal(sockets[0]?.state, 'destroyed')
  assert.deepEqual([...used(), clock.pendingTimers], [0, 0, 0])
})

test('beyond the pending limit a request fails at once, and one given up makes room', () => {
  const { ask, pool, used } = setUp({ maxConnections: 1, maxPendingRequests: 1 })
  const waiting = ask(new Client())
  assert.equal(ask(new Client()).failure?.code, 'upstream_overflow')
  pool.cancel(waiting)
  assert.equal(ask(new Client()).failure, null)
  assert.deepEqual(used(), [1, 1])
})

test('a one-way message is sent before its connection is drained', () => {
  const { ask, connect, pool } = setUp()
  const client = new Client()
  client.request.type = MessageType.Oneway
  ask(client)
  pool.drain()
  const socket = connect(0)
  assert.equal(socket.ids.length, 1)
  assert.equal(socket.state, 'closing')
})

test('a drained pool does not wait for connections that nobody waits for', () => {
  const { ask, pool, sockets, used } = setUp()
  pool.cancel(ask(new Client()))
  pool.drain()
  assert.equal(sockets[0]?.state, 'destroyed')
  assert.deepEqual(used(), [0, 0])
})

test('a drained pool gives up a connection still being made when the last that waited for it has gone', () => {
  const { ask, context, pool, sockets, used } = setUp()
  const clients = [ask(new Client()), ask(pinning())]
  pool.drain()
  assert.deepEqual(
    sockets.map(({ state }) => state),
    ['open', 'open'],
  )
  for (const client of clients) pool.cancel(client)
  assert.deepEqual(
    sockets.map(({ state }) => state),
    ['destroyed', 'destroyed'],
  )
  assert.deepEqual([...used(), context.timers.size], [0, 0, 0])
})

test('a connection given on by a reply that unpins belongs to its new owner', () => {
  const { ask, connect, sockets } = setUp()
  const a = ask(pinning())
  const first = connect(0)
  const b = ask(pinning())
  assert.equal(sockets.length, 2)
  first.receive(first.ids[0] as number, Affinity.Unpin)
  assert.equal(b.connection, a.connection)
  assert.equal(b.connection?.owner, b)
})

test('a late reply to a request given up is no push to the owner', () => {
  const { ask, connect } = setUp()
  const client = ask(pinning())
  const socket = connect(0)
  client.connection?.abandon(client.ticket)
  socket.receive(socket.ids[0] as number)
  socket.receive(0)
  assert.deepEqual(
    client.pushes.map((push) => push.requestId),
    [0],
  )
})

test('a paused connection is read again before others get it', () => {
  const { ask, connect } = setUp()
  const client = ask(pinning())
  const socket = connect(0)
  client.connection?.pause()
  assert.equal(socket.isPaused, true)
  socket.receive(socket.ids[0] as number, Affinity.Unpin)
  assert.equal(socket.isPaused, false)
})

test('the rest of a reply has no deadline while the connection is paused', () => {
  const { ask, clock, connect } = setUp()
  const client = ask(pinning())
  const socket = connect(0)
  socket.handler.onData(Buffer.of(0, 0))
  client.connection?.pause()
  clock.advance(60_000)
  assert.equal(socket.state, 'open')
  client.connection?.resume()
  clock.advance(14_000)
  assert.equal(socket.state, 'open')
  clock.advance(2000)
  assert.equal(socket.state, 'destroyed')
  assert.equal(client.failure?.code, 'upstream_reset')
})

test('idle connections make room for those that others need, at this endpoint and at others', () => {
  const { ask, connect, newPool, sockets, used } = setUp({ maxConnections: 1 })
  ask(pinning())
  const first = connect(0)
  first.receive(first.ids[0] as number, Affinity.Unpin)
  const shared = ask(new Client(5))
  assert.equal(first.state, 'closing')
  connect(1).receive(5)
  assert.equal(shared.reply?.requestId, 5)
  const elsewhere = ask(new Client(6), newPool(2))
  connect(2).receive(6)
  assert.equal(elsewhere.reply?.requestId, 6)
  assert.equal(sockets.length, 3)
  assert.deepEqual(used(), [1, 0])
})

test('a drained pool closes its connections when the last reply has come', () => {
  const { ask, connect, pool, used } = setUp()
  const client = ask(new Client(1))
  const socket = connect(0)
  pool.drain()
  assert.equal(socket.state, 'open')
  socket.receive(1)
  assert.equal(client.reply?.requestId, 1)
  assert.notEqual(socket.state, 'open')
  assert.deepEqual(used(), [0, 0])
})

test('an ordered connection with a reply given up takes no more requests and closes with the last', () => {
  const { ask, connect, sockets } = setUp({ multiplexing: true, correlation: 'order' })
  const [a, b] = [ask(new Client(1)), ask(new Client(2))]
  const socket = connect(0)
  a.connection?.abandon(a.ticket)
  ask(new Client(3))
  assert.equal(sockets.length, 2)
  socket.receive(1)
  assert.deepEqual([a.reply, b.reply], [null, null])
  socket.receive(2)
  assert.equal(b.reply?.requestId, 2)
  assert.notEqual(socket.state, 'open')
})

test('a service that is about to end is heard while it takes nothing, and then not answered', () => {
  for (const isCongested of [false, true]) {
    const { ask, connect, sockets, clock } = setUp({ multiplexing: true })
    const first = ask(new Client(1))
    const socket = connect(0)
    if (isCongested) socket.bufferedBytes = 1024 * 1024
    const second = ask(new Client(2))
    socket.receive(77, LEAVING)
    clock.runImmediates()
    assert.equal(socket.ids.includes(77), !isCongested)
    const [firstId, secondId] = socket.ids
    socket.bufferedBytes = 0
    socket.handler.onDrain()
    ask(new Client(3))
    assert.equal(sockets.length, 2, 'a new request has another connection')
    socket.receive(firstId as number)
    assert.equal(socket.state, 'open')
    socket.receive(secondId as number)
    assert.deepEqual([first.reply !== null, second.reply !== null, socket.state], [true, true, 'closing'])
  }
})
