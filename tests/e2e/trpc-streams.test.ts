import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trpc } from '@meltemi/codecs/trpc'
import { MessageType, type Metadata } from '@meltemi/sdk'
import {
  connectClient,
  type EchoConnection,
  type Handler,
  type RawClient,
  startEchoServer,
  startTestProxy,
  testRoute,
  trpcClose,
  trpcData,
  trpcFeedback,
  trpcInit,
  trpcInitReply,
  trpcReply,
  trpcRequest,
} from '../harness/index.ts'

const T = MessageType
const CLIENT_STREAM = 100

/** What a service has in its stream frames: the stream it belongs to is under the proxy's own id. */
function bodyOf(message: Metadata): string {
  return message.message.toString('utf8', message.headerSize)
}

/** Opens each stream and hands its further frames to `onFrame`. */
function opening(onFrame: (frame: Metadata, connection: EchoConnection) => void): Handler {
  return (frame, connection) => {
    if (frame.type === T.StreamInit) connection.send(trpcInitReply({ stream: frame.streamId }))
    else onFrame(frame, connection)
  }
}

/** A bidirectional service: it says everything again, and returns when its client has closed. */
const parrot = opening((frame, connection) => {
  const stream = frame.streamId
  if (frame.type === T.StreamData) connection.send(trpcData(stream, bodyOf(frame)))
  else connection.send(trpcClose({ stream }))
})

/** A service that sends two messages and returns, whatever its client does. */
const lister: Handler = ({ type, streamId: stream }, connection) => {
  if (type !== T.StreamInit) return
  const frames = [trpcData(stream, 'one'), trpcData(stream, 'two'), trpcClose({ stream })]
  connection.send(Buffer.concat([trpcInitReply({ stream }), ...frames]))
}

/** A service that counts what comes until its client has closed. */
function counter(): Handler {
  const counts = new Map<number, number>()
  return opening((frame, connection) => {
    const stream = frame.streamId
    if (frame.type === T.StreamData) counts.set(stream, (counts.get(stream) ?? 0) + 1)
    else connection.send(Buffer.concat([trpcData(stream, String(counts.get(stream))), trpcClose({ stream })]))
  })
}

/** Opens a stream and takes the service's answer to that. */
async function open(client: RawClient, stream = CLIENT_STREAM): Promise<void> {
  client.send(trpcInit({ stream }))
  const opened = await client.next()
  assert.deepEqual([opened.type, opened.streamId], [T.StreamInit, stream])
}

for (const multiplexing of [true, false]) {
  const mode = multiplexing ? 'multiplexed' : 'one connection each'

  test(`a bidirectional stream: two clients with one stream id do not mix (${mode})`, async () => {
    await using server = await startEchoServer({ codec: trpc, handler: parrot })
    await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], multiplexing })
    await using a = await connectClient({ port: proxy.port, codec: trpc })
    await using b = await connectClient({ port: proxy.port, codec: trpc })
    await open(a)
    await open(b)
    for (const word of ['x', 'y']) {
      a.send(trpcData(CLIENT_STREAM, `a${word}`))
      b.send(trpcData(CLIENT_STREAM, `b${word}`))
    }
    assert.deepEqual((await a.take(2)).map(bodyOf), ['ax', 'ay'])
    assert.deepEqual((await b.take(2)).map(bodyOf), ['bx', 'by'])
    assert.equal(proxy.stat('stream_active'), 2)
    assert.equal(server.connections.length, multiplexing ? 1 : 2)
    a.send(trpcClose({ stream: CLIENT_STREAM }))
    assert.equal((await a.next()).type, T.StreamCloseTwoWay)
    await proxy.until('stream_active', 1)
    b.send(trpcData(CLIENT_STREAM, 'still open'))
    assert.equal(bodyOf(await b.next()), 'still open')
  })

  test(`a client stream gets its one reply after it has closed (${mode})`, async () => {
    await using server = await startEchoServer({ codec: trpc, handler: counter() })
    await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: trpc })
    await open(client)
    const frames = ['a', 'b', 'c'].map((body) => trpcData(CLIENT_STREAM, body))
    client.send(Buffer.concat([...frames, trpcClose({ stream: CLIENT_STREAM })]))
    const [sum, end] = await client.take(2)
    assert.deepEqual([bodyOf(sum!), end!.type, end!.streamId], ['3', T.StreamCloseTwoWay, CLIENT_STREAM])
    await proxy.until('stream_active', 0)
  })

  test(`a service that returns ends its stream although the client never closes it (${mode})`, async () => {
    await using server = await startEchoServer({ codec: trpc, handler: lister })
    await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: trpc })
    for (const stream of [100, 101, 102]) {
      client.send(Buffer.concat([trpcInit({ stream }), trpcData(stream, 'list')]))
      const frames = await client.take(4)
      assert.deepEqual(
        frames.map(({ type }) => type),
        [T.StreamInit, T.StreamData, T.StreamData, T.StreamCloseTwoWay],
      )
      assert.deepEqual(new Set(frames.map(({ streamId }) => streamId)), new Set([stream]))
    }
    await proxy.until('stream_active', 0)
    // one after the other they need one connection, and it is good for calls
    assert.equal(server.connections.length, 1)
    // the client's last frames may cross the end on their way, and do no harm
    client.send(Buffer.concat([trpcFeedback(102, 100), trpcClose({ stream: 102 })]))
    await proxy.until('request_unexpected', 2)
    assert.equal(client.isClosed, false)
  })

  test(`windows are the peers' own: feedback passes both ways (${mode})`, async () => {
    const giver = opening((frame, connection) => {
      if (frame.type === T.StreamData) connection.send(trpcFeedback(frame.streamId, 4096))
    })
    await using server = await startEchoServer({ codec: trpc, handler: giver })
    await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: trpc })
    await open(client)
    client.send(trpcFeedback(CLIENT_STREAM, 8192))
    const granted = await client.next()
    assert.equal(granted.message.equals(trpcFeedback(CLIENT_STREAM, 4096)), true)
    await server.arrived(2)
    assert.equal(bodyOf(server.received[1]!), trpcFeedback(CLIENT_STREAM, 8192).toString('utf8', 16))
  })

  test(`a reset of either side reaches the other and ends the stream (${mode})`, async () => {
    const resetting = opening(({ type, streamId: stream }, connection) => {
      if (type === T.StreamData) connection.send(trpcClose({ stream, isReset: true, ret: 31, message: 'failed' }))
    })
    await using server = await startEchoServer({ codec: trpc, handler: resetting })
    await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: trpc })
    await open(client)
    client.send(trpcData(CLIENT_STREAM, 'fail'))
    const reset = await client.next()
    assert.deepEqual([reset.type, reset.get('ret'), reset.get('error_msg')], [T.StreamCloseTwoWay, '31', 'failed'])
    await proxy.until('stream_active', 0)
    await open(client, 101)
    client.send(trpcClose({ stream: 101, isReset: true, ret: 161, message: 'gone' }))
    await server.until(() => server.received.at(-1)!.type === T.StreamCloseTwoWay, 'the reset')
    assert.equal(server.received.at(-1)!.get('ret'), '161')
    await proxy.until('stream_active', 0)
    assert.equal(proxy.stat('stream_reset'), 0)
  })

  test(`a client that goes away resets its streams (${mode})`, async () => {
    await using server = await startEchoServer({ codec: trpc, handler: parrot })
    await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], multiplexing })
    await using other = await connectClient({ port: proxy.port, codec: trpc })
    await open(other)
    const client = await connectClient({ port: proxy.port, codec: trpc })
    await open(client)
    await client.close()
    await proxy.until('stream_active', 1)
    if (multiplexing) {
      await server.arrived(3)
      const reset = server.received.at(-1)!
      assert.deepEqual([reset.type, reset.get('ret')], [T.StreamCloseTwoWay, '161'])
    } else await server.open(1)
    other.send(trpcData(CLIENT_STREAM, 'still here'))
    assert.equal(bodyOf(await other.next()), 'still here')
  })

  test(`a service that goes away resets its streams with code and text (${mode})`, async () => {
    await using server = await startEchoServer({ codec: trpc, handler: parrot })
    await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: trpc })
    await open(client)
    for (const connection of server.openConnections) connection.destroy()
    const reset = await client.next()
    assert.deepEqual([reset.type, reset.streamId, reset.get('ret')], [T.StreamCloseTwoWay, CLIENT_STREAM, '31'])
    assert.match(reset.get('error_msg') ?? '', /remote connection failure/)
    assert.equal(proxy.stat('stream_reset'), 1)
    assert.equal(proxy.stat('stream_active'), 0)
    await open(client, 101)
  })

  test(`a service that goes away before it has answered refuses the stream (${mode})`, async () => {
    const leaving: Handler = (_frame, connection) => connection.destroy()
    await using server = await startEchoServer({ codec: trpc, handler: leaving })
    await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: trpc })
    client.send(trpcInit({ stream: CLIENT_STREAM }))
    const refusal = await client.next()
    assert.deepEqual([refusal.type, refusal.streamId, refusal.get('ret')], [T.Error, CLIENT_STREAM, '31'])
    assert.equal(client.received.length, 1)
    assert.equal(proxy.stat('stream_active'), 0)
  })

  test(`a stream that the service refuses is over, and its connection is used again (${mode})`, async () => {
    const refusing: Handler = ({ type, streamId: stream }, connection) => {
      if (type === T.StreamInit) connection.send(trpcInitReply({ stream, ret: 12, message: 'no func' }))
    }
    await using server = await startEchoServer({ codec: trpc, handler: refusing })
    await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: trpc })
    for (const stream of [100, 101]) {
      client.send(trpcInit({ stream }))
      const refusal = await client.next()
      assert.deepEqual([refusal.type, refusal.streamId, refusal.get('ret')], [T.Error, stream, '12'])
    }
    await proxy.until('stream_active', 0)
    assert.equal(server.connections.length, 1)
  })

  test(`streams and calls of one client pass beside each other (${mode})`, async () => {
    const both: Handler = (message, connection) => {
      const isCall = message.type === T.Request
      if (isCall) connection.send(trpcReply({ id: Number(message.requestId), body: bodyOf(message) }))
      else return parrot(message, connection)
    }
    await using server = await startEchoServer({ codec: trpc, handler: both })
    await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: trpc })
    await open(client)
    client.send(Buffer.concat([trpcData(CLIENT_STREAM, 'frame'), trpcRequest({ id: CLIENT_STREAM, body: 'call' })]))
    const messages = await client.take(2)
    const call = messages.find(({ type }) => type === T.Response)!
    const frame = messages.find(({ type }) => type === T.StreamData)!
    assert.deepEqual([bodyOf(call), call.requestId, bodyOf(frame)], ['call', CLIENT_STREAM, 'frame'])
  })
}

test('what opens a stream gets the changes of its route, and its frames do not', async () => {
  await using server = await startEchoServer({ codec: trpc, handler: parrot })
  const routes = [testRoute('service', { requestMutation: [{ key: 'env', value: 'blue' }] })]
  await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port], routes })
  await using client = await connectClient({ port: proxy.port, codec: trpc })
  client.send(trpcInit({ stream: CLIENT_STREAM, transInfo: { env: 'red', user: 'u' } }))
  await client.next()
  client.send(trpcData(CLIENT_STREAM, 'x'))
  await client.next()
  const [init, data] = server.received
  assert.deepEqual([init!.get('env'), init!.get('user'), bodyOf(data!)], ['blue', 'u', 'x'])
})

test('a stream that no route takes is refused', async () => {
  await using proxy = await startTestProxy({ codec: trpc, endpoints: [], routes: [] })
  await using client = await connectClient({ port: proxy.port, codec: trpc })
  client.send(Buffer.concat([trpcInit({ stream: 100 }), trpcData(100, 'early')]))
  const refusal = await client.next()
  assert.deepEqual([refusal.type, refusal.streamId, refusal.get('ret')], [T.Error, 100, '11'])
  assert.match(refusal.get('error_msg') ?? '', /no matched route/)
  assert.equal(proxy.stat('stream_active'), 0)
})

test('one-way calls are passed on, and nothing waits for an answer to them', async () => {
  await using server = await startEchoServer({ codec: trpc, handler: () => {} })
  await using proxy = await startTestProxy({ codec: trpc, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: trpc })
  client.send(trpcRequest({ id: 7, callType: 1, body: 'note' }))
  await server.arrived(1)
  assert.equal(bodyOf(server.received[0]!), 'note')
  await proxy.until('request_active', 0)
  assert.equal(proxy.stat('upstream_rq_active'), 0)
})
