import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CodecDefinition, MessageType, ResponseStatus } from '@meltemi/sdk'
import { frozenModule, importFrozen } from '../compatibility/frozen.ts'
import { bodyOf, FrozenFlag, flagsOf, frozenAnswer, frozenFrame, wideFrame } from '../compatibility/frozen-frame.ts'
import {
  connectClient,
  type EchoServer,
  type EchoServerOptions,
  holding,
  type RawClient,
  silent,
  startEchoServer,
  startProxyProcess,
  startTestProxy,
  type TestProxy,
  type TestProxyOptions,
  testRoute,
} from '../harness/index.ts'

const T = MessageType
const { codecs, filters } = await importFrozen()
const [frames, lines, wide] = codecs as readonly [CodecDefinition, CodecDefinition, CodecDefinition]
/** 3 kB: only the head of such a message is copied, and patched. */
const LONG = 'long '.repeat(600)

interface Setup extends AsyncDisposable {
  readonly server: EchoServer
  readonly proxy: TestProxy
  readonly clients: readonly [RawClient, RawClient]
}

async function setUp(
  codec: CodecDefinition,
  options: Partial<EchoServerOptions> & { readonly proxy?: Partial<TestProxyOptions> } = {},
): Promise<Setup> {
  const server = await startEchoServer({ codec, answer: frozenAnswer, ...options })
  const proxy = await startTestProxy({ codec, endpoints: [server.port], ...options.proxy })
  const connect = () => connectClient({ port: proxy.port, codec })
  const clients: readonly [RawClient, RawClient] = [await connect(), await connect()]
  return {
    server,
    proxy,
    clients,
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close()
      try {
        await proxy.until('request_active', 0)
        assert.equal(proxy.stat('codec_exception'), 0)
        assert.deepEqual(server.problems, [])
      } finally {
        await proxy[Symbol.asyncDispose]()
        await server.close()
      }
    },
  }
}

const stamp = {
  name: 'meltemi.frozen.stamp',
  typeUrl: 'type.googleapis.com/meltemi.frozen.Stamp',
  config: { mark: 'm' },
}
const stamped: Partial<TestProxyOptions> = { filters, filter: { filters: [stamp] } }

describe('a codec that was packed for contract 1, and a filter, run as they are:', () => {
  test('clients with the same ids share a connection, short messages and long ones', async () => {
    await using setup = await setUp(frames)
    const replies = setup.clients.flatMap((client, n) =>
      ['', LONG].map((text, id) => client.request(frozenFrame({ id, body: `${n} ${text}` }))),
    )
    assert.deepEqual((await Promise.all(replies)).map(bodyOf), ['0 ', `0 ${LONG}`, '1 ', `1 ${LONG}`])
    assert.equal(setup.server.connections.length, 1)
    assert.equal(new Set(setup.server.received.map(({ requestId }) => requestId)).size, 4)
  })

  test('the filter changes requests and replies, and may take its time', async () => {
    await using setup = await setUp(frames, { proxy: stamped })
    const reply = await setup.clients[0].request(
      frozenFrame({ id: 7, timeoutMs: 900, pairs: { method: 'add', drop: 'x', hold: '1' }, body: LONG }),
    )
    const [request] = setup.server.received
    assert.deepEqual(
      ['mark', 'drop', 'from', 'method'].map((key) => request?.get(key)),
      ['m', undefined, '127.0.0.1', 'add'],
    )
    assert.ok(request !== undefined && request.timeoutMs > 0 && request.timeoutMs <= 900)
    assert.deepEqual([reply.requestId, bodyOf(reply)], [7, LONG])
    assert.equal(reply.get('waited'), 'true')
    assert.match(reply.get('route') ?? '', /^service service ok 0 3\+\d$/)
    await setup.proxy.until('frozen_done', 1)
    assert.equal(setup.proxy.stat('frozen_seen'), 1)
  })

  test('the filter refuses in the words of the protocol', async () => {
    await using setup = await setUp(frames, { proxy: stamped })
    const reply = await setup.clients[0].request(frozenFrame({ id: 7, pairs: { deny: '1' } }))
    assert.deepEqual(
      [reply.status, reply.get('code'), bodyOf(reply)],
      [ResponseStatus.Error, 'frozen_denied', 'not for you'],
    )
    assert.equal(setup.server.received.length, 0)
  })

  test('what fails is answered with its id: no route, and too late', async () => {
    await using nowhere = await setUp(frames, { proxy: { routes: [] } })
    const unrouted = await nowhere.clients[0].request(frozenFrame({ id: 8, magic: 0xf2 }))
    assert.deepEqual([unrouted.requestId, unrouted.get('code')], [8, 'no_matched_route'])
    assert.match(unrouted.get('blame') ?? '', /^(?:downstream|proxy) \w+$/)
    const routes = [testRoute('service', { timeoutMs: 30 })]
    await using mute = await setUp(frames, { handler: silent, proxy: { routes } })
    const late = await mute.clients[0].request(frozenFrame({ id: 9 }))
    assert.equal(late.message[2], 2, 'the status that this codec has for a timeout')
    assert.match(bodyOf(late), /timeout/)
  })

  test('a heartbeat is answered by the codec, and a one-way message by nobody', async () => {
    await using setup = await setUp(frames)
    const [client] = setup.clients
    client.send(frozenFrame({ id: 1, type: T.Oneway }))
    assert.equal((await client.request(frozenFrame({ id: 5, type: T.Heartbeat }))).type, T.Heartbeat)
    await setup.server.arrived(1)
    assert.deepEqual(
      setup.server.received.map(({ type }) => type),
      [T.Oneway],
    )
    assert.equal(client.received.length, 1)
  })

  test('a reply in several parts arrives whole', async () => {
    await using setup = await setUp(frames, {
      handler(request, connection) {
        const part = { id: Number(request.requestId), type: T.Response }
        connection.send(frozenFrame({ ...part, flags: FrozenFlag.More, body: 'a' }))
        connection.send(frozenFrame({ ...part, body: 'b' }))
      },
    })
    const [client] = setup.clients
    client.send(frozenFrame({ id: 5 }))
    assert.deepEqual((await client.take(2)).map(bodyOf), ['a', 'b'])
  })

  test('streams of two clients keep apart on one connection, and one that is left is reset there', async () => {
    await using setup = await setUp(frames)
    const stream = { id: 1, stream: 5 }
    for (const [n, client] of setup.clients.entries()) {
      client.send(frozenFrame({ ...stream, type: T.StreamInit }))
      client.send(frozenFrame({ ...stream, type: T.StreamData, body: `of ${n}` }))
      const echo = await client.next()
      assert.deepEqual([echo.type, echo.streamId, bodyOf(echo)], [T.StreamData, 5, `of ${n}`])
    }
    assert.equal(setup.server.connections.length, 1)
    await setup.clients[0].close()
    await setup.server.arrived(5)
    assert.equal(setup.server.received[4]?.type, T.StreamCloseTwoWay)
    setup.clients[1].send(frozenFrame({ ...stream, type: T.StreamCloseOneWay }))
    assert.equal((await setup.clients[1].next()).type, T.StreamCloseOneWay)
    await setup.proxy.until('stream_active', 0)
  })

  test('dialects do not share a connection, and a session keeps its own', async () => {
    await using setup = await setUp(frames)
    const [client, other] = setup.clients
    await client.request(frozenFrame({ id: 1, magic: 0xf1 }))
    await other.request(frozenFrame({ id: 1, magic: 0xf2 }))
    assert.equal(setup.server.connections.length, 2)
    await client.request(frozenFrame({ id: 2, pairs: { session: 'begin' } }))
    await using third = await connectClient({ port: setup.proxy.port, codec: frames })
    await third.request(frozenFrame({ id: 2 }))
    assert.equal(setup.server.connections.length, 3)
    await client.request(frozenFrame({ id: 3, pairs: { session: 'end' } }))
  })

  test('a drain says go away in the words of the protocol', async () => {
    const held = holding()
    await using setup = await setUp(frames, { handler: held.handler })
    const [client] = setup.clients
    const reply = client.request(frozenFrame({ id: 7 }))
    await setup.server.arrived(1)
    await setup.proxy.proxy.drain()
    assert.equal(flagsOf(await client.next()), FrozenFlag.GoAway)
    held.release()
    assert.equal((await reply).requestId, 7)
  })

  test('bytes that are not its protocol are known as such, though the error is of its own copy of the sdk', async () => {
    await using setup = await setUp(frames)
    setup.clients[0].send(Buffer.alloc(100))
    await setup.clients[0].ended()
    assert.equal(setup.proxy.stat('request_decoding_error'), 1)
    assert.equal(setup.proxy.stat('codec_exception'), 0)
    assert.equal(bodyOf(await setup.clients[1].request(frozenFrame({ id: 1, body: 'on' }))), 'on')
  })

  test('lines without ids are answered in order', async () => {
    await using setup = await setUp(lines, {
      answer: (request) => Buffer.from(`+${request.get('key')}\r\n`),
    })
    const keys = Array.from({ length: 50 }, (_, n) => `k${n}`)
    for (const client of setup.clients) client.send(Buffer.from(keys.map((key) => `get ${key}\r\n`).join('')))
    for (const client of setup.clients) {
      assert.deepEqual(
        (await client.take(50)).map((reply) => reply.get('verb')),
        keys.map((key) => `+${key}`),
      )
    }
    await using nowhere = await setUp(lines, { proxy: { routes: [] } })
    assert.equal((await nowhere.clients[0].request(Buffer.from('get x\r\n'))).status, ResponseStatus.Error)
  })

  test('ids of 64 bits are restored, and summed up anew each time they change', async () => {
    await using setup = await setUp(wide, { answer: ({ message }) => Buffer.from(message) })
    const ids = [1, -1, 2 ** 53 - 1, 2n ** 62n + 3n, -(2n ** 63n)]
    const replies = await Promise.all(ids.map((id) => setup.clients[0].request(wideFrame(id, LONG))))
    assert.deepEqual(
      replies.map(({ message }) => message),
      ids.map((id) => wideFrame(id, LONG)),
    )
    assert.deepEqual(
      setup.server.received.map(({ requestId }) => typeof requestId),
      Array(5).fill('number'),
    )
    await using nowhere = await setUp(wide, { proxy: { routes: [] } })
    const error = await nowhere.clients[0].request(wideFrame(2n ** 62n, ''))
    assert.deepEqual([error.requestId, error.status], [2n ** 62n, ResponseStatus.Error])
  })

  test('in a worker thread of a proxy that is told its file', async () => {
    await using server = await startEchoServer({ codec: frames, answer: frozenAnswer })
    const config = { '@type': 'type.googleapis.com/meltemi.frozen.Frames', maxPairs: 2 }
    const protocol = { name: 'test', multiplexing: true, codec: { name: frames.name, config } }
    await using proxy = await startProxyProcess({
      codec: frames.name,
      endpoints: [server.port],
      filter: { protocol },
      arguments: ['--module', frozenModule(1).file],
    })
    await using client = await connectClient({ port: proxy.port, codec: frames })
    assert.equal(bodyOf(await client.request(frozenFrame({ id: 3, body: LONG }))), LONG)
    client.send(frozenFrame({ id: 4, pairs: { a: '', b: '', c: '' } }))
    await client.ended()
    assert.equal(await proxy.stat('meta_protocol.test.test.codec_exception'), 0)
    assert.equal(await proxy.stat('meta_protocol.test.test.request_decoding_error'), 1)
  })
})
