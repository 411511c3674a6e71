// Messages of a few bytes that have to wait: what they take besides their bytes is bounded too.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Codec, type CodecDefinition, MessageType } from '@meltemi/sdk'
import { ordered, session, sessionFrame } from '../harness/codecs/index.ts'
import { floodWith, heldBytes, startDeafService } from '../harness/held.ts'
import { connectClient, type Handler, silent, startEchoServer, startTestProxy } from '../harness/index.ts'

const MIB = 1024 * 1024

/** A codec that changes what another one has decoded. */
function adapted(base: CodecDefinition, name: string, change: (codec: Codec) => Partial<Codec>): CodecDefinition {
  return {
    ...base,
    name,
    create(side, config) {
      const codec = base.create(side, config)
      const own: Codec = {
        decode: (buffer, metadata) => codec.decode(buffer, metadata),
        encode: (metadata, mutation, out) => codec.encode(metadata, mutation, out),
        onError: (request, failure, out) => codec.onError(request, failure, out),
      }
      return { ...own, ...change(codec) }
    },
  }
}

/** `PING` is a heartbeat; a reply that begins with `*` is followed by more. */
const beating = adapted(ordered, 'meltemi.test.beating', (codec) => ({
  decode(buffer, metadata) {
    const status = codec.decode(buffer, metadata)
    if (metadata.operation === 'PING') metadata.type = MessageType.Heartbeat
    if (metadata.type === MessageType.Response && metadata.message[0] === 0x2a) metadata.last = false
    return status
  },
  heartbeatReply: (_request, out) => void out.latin1('+PONG\r\n'),
}))

/** A client's `Q` is a message of its conversation that nobody answers. */
const chatting = adapted(session, 'meltemi.test.chatting', (codec) => ({
  decode(buffer, metadata) {
    const isRequest = metadata.type === MessageType.Request
    const status = codec.decode(buffer, metadata)
    if (isRequest && metadata.operation === 'Q') metadata.type = MessageType.Response
    return status
  },
}))

test('heartbeats behind a request that is not answered stop their client, with little memory held', async () => {
  await using service = await startEchoServer({ codec: ordered, handler: silent })
  await using proxy = await startTestProxy({ codec: beating, endpoints: [service.port] })
  await using client = await connectClient({ port: proxy.port, codec: ordered })
  client.send(Buffer.from('GET a\r\n'))
  await service.arrived(1)
  const before = heldBytes()
  const taken = await floodWith(client, Buffer.from('PING\r\n'.repeat(10_000)), proxy)
  const held = heldBytes() - before
  assert.ok(taken < MIB, `${taken} bytes taken`)
  assert.ok(held < 8 * MIB, `${held} bytes held`)
})

test('heartbeats that had to wait are answered in their place, and their client is read on', async () => {
  await using service = await startEchoServer({ codec: ordered })
  const filter = { maxInFlightPerConnection: 3 }
  await using proxy = await startTestProxy({ codec: beating, endpoints: [service.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: ordered })
  client.send(Buffer.from(`GET a\r\n${'PING\r\n'.repeat(20)}GET b\r\n${'PING\r\n'.repeat(20)}GET c\r\n`))
  const replies = (await client.take(43)).map((reply) => String(reply.message.toString('latin1', 0, 5)))
  assert.deepEqual(
    replies.flatMap((reply, at) => (reply === '+PONG' ? [] : [at])),
    [0, 21, 42],
  )
})

test('small replies that wait for their turn close their client before they take much memory', async () => {
  const handler: Handler = async (request, connection) => {
    if (request.get('key') !== 'many') return
    for (let n = 0; n < 100; n++) await connection.sent(Buffer.from('*\r\n'.repeat(10_000)))
  }
  await using service = await startEchoServer({ codec: ordered, handler })
  await using proxy = await startTestProxy({ codec: beating, endpoints: [service.port], multiplexing: false })
  await using client = await connectClient({ port: proxy.port, codec: ordered })
  const before = heldBytes()
  client.send(Buffer.from('GET one\r\nGET many\r\n'))
  await client.closed()
  assert.equal(proxy.stat('meta_protocol.test.test.downstream_cx_overflow'), 1)
  assert.ok(proxy.stat('response') < 100_000, `${proxy.stat('response')} replies were held`)
  assert.ok(heldBytes() - before < 64 * MIB)
})

test('what a client says in a conversation of its own stops it when the service does not read', async () => {
  await using service = await startDeafService()
  await using proxy = await startTestProxy({ codec: chatting, endpoints: [service.port] })
  await using client = await connectClient({ port: proxy.port, codec: session })
  await proxy.until('upstream_cx_active', 1)
  client.send(sessionFrame({ verb: 'L', id: 1 }))
  const before = heldBytes()
  const taken = await floodWith(client, sessionFrame({ verb: 'Q', body: Buffer.alloc(64 * 1024) }), proxy)
  const held = heldBytes() - before
  assert.ok(taken < 32 * MIB, `${taken} bytes taken`)
  assert.ok(held < 16 * MIB, `${held} bytes held`)
})
