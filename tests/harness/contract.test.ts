/** What the contract can express, shown by the small codecs in a real proxy. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CodecDefinition, ResponseStatus } from '@meltemi/sdk'
import { feed, type Sample } from '@meltemi/sdk/testing'
import {
  checksummed,
  checksummedFrame,
  mutable,
  mutableFrame,
  optioned,
  optionedFrame,
  ordered,
  uuid,
  uuidFrame,
} from './codecs/index.ts'
import { connectClient, outOfOrder, startEchoServer, startTestProxy, testRoute } from './index.ts'

test('two clients with the same 128-bit id share a connection, and each gets its own reply and id', async () => {
  const id = 0xfedcba98_76543210_fedcba98_76543210n
  await using server = await startEchoServer({ codec: uuid, handler: outOfOrder(2) })
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port] })
  await using a = await connectClient({ port: proxy.port, codec: uuid })
  await using b = await connectClient({ port: proxy.port, codec: uuid })
  const replies = await Promise.all([a.request(uuidFrame({ id, body: 'a' })), b.request(uuidFrame({ id, body: 'b' }))])
  assert.deepEqual(
    replies.map((reply) => [reply.requestId, reply.get('body')]),
    [
      [id, 'a'],
      [id, 'b'],
    ],
  )
  assert.equal(server.connections.length, 1)
  const upstreamIds = server.received.map(({ requestId }) => requestId)
  assert.ok(upstreamIds.every((one) => typeof one === 'number' && one > 0 && one < 2 ** 31))
  assert.notEqual(upstreamIds[0], upstreamIds[1])
})

test('ids inside a checksum are rewritten and restored, and both sides find the checksum right', async () => {
  await using server = await startEchoServer({ codec: checksummed, handler: outOfOrder(2) })
  await using proxy = await startTestProxy({ codec: checksummed, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: checksummed })
  const replies = await Promise.all(
    [0xfffffffe, 5].map((id) => client.request(checksummedFrame({ id, body: 'x'.repeat(2000) }))),
  )
  assert.deepEqual(
    replies.map(({ requestId }) => requestId),
    [0xfffffffe, 5],
  )
  assert.deepEqual(server.problems, [])
})

test('without ids replies come in the order of the requests, also where a local one is among them', async () => {
  await using server = await startEchoServer({ codec: ordered })
  const isGet = {
    name: 'command',
    test: { kind: 'exact', text: 'GET', ignoreCase: false },
    invert: false,
    treatMissingAsEmpty: false,
  } as const
  await using proxy = await startTestProxy({
    codec: ordered,
    endpoints: [server.port],
    routes: [testRoute('service', { match: { metadata: [isGet] } })],
  })
  await using client = await connectClient({ port: proxy.port, codec: ordered })
  client.send(Buffer.from('GET a\r\nDROP b\r\nGET c\r\n'))
  const replies = await client.take(3)
  const { Ok, Error: Failed } = ResponseStatus
  assert.deepEqual(
    replies.map(({ status }) => status),
    [Ok, Failed, Ok],
  )
  assert.match(replies[1]!.message.toString(), /^-ERR .*no matched route.*\r\n$/s)
})

test('options of the configuration reach the codec on both sides', async () => {
  const config = { lengthBytes: 2, byteOrder: 'little' } as const
  await using server = await startEchoServer({ codec: optioned, config })
  await using proxy = await startTestProxy({
    codec: optioned,
    endpoints: [server.port],
    filter: { codec: { name: optioned.name, options: config, moduleDigest: undefined } },
  })
  await using client = await connectClient({ port: proxy.port, codec: optioned, config })
  const reply = await client.request(optionedFrame({ id: 77, body: 'x'.repeat(500) }, config))
  assert.deepEqual([reply.requestId, reply.get('body')?.length], [77, 500])
  assert.equal(server.received.length, 1)
})

test('a route adds, changes and removes properties of requests and of responses', async () => {
  await using server = await startEchoServer({ codec: mutable })
  await using proxy = await startTestProxy({
    codec: mutable,
    endpoints: [server.port],
    routes: [
      testRoute('service', {
        requestMutation: [
          { key: 'added', value: 'by the route' },
          { key: 'changed', value: 'new' },
          { key: 'removed', value: undefined },
        ],
        responseMutation: [{ key: 'added', value: undefined }],
      }),
    ],
  })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const pairs = { changed: 'old', removed: 'x', kept: 'wörld' }
  const reply = await client.request(mutableFrame({ id: 7, pairs, body: 'body' }))
  const heard = server.received[0]!
  assert.deepEqual(
    heard.message,
    mutableFrame({
      id: Number(heard.requestId),
      pairs: { kept: 'wörld', added: 'by the route', changed: 'new' },
      body: 'body',
    }),
  )
  assert.deepEqual(reply.message, mutableFrame({ id: 7, pairs: { kept: 'wörld', changed: 'new' }, body: 'body' }))
})

test('a payload is skipped without a copy', () => {
  const frames: readonly [CodecDefinition, Buffer][] = [
    [uuid, uuidFrame({ id: 1, body: Buffer.alloc(60_000) })],
    [mutable, mutableFrame({ id: 1, body: Buffer.alloc(60_000) })],
    [ordered, Buffer.from(`SET a $60000\r\n${'x'.repeat(60_000)}\r\n`)],
  ]
  for (const [definition, bytes] of frames) {
    const sample: Sample = { name: 'large', side: 'downstream', bytes }
    const [message] = feed(definition, sample, [bytes])
    assert.equal(message!.message.buffer, bytes.buffer, `${definition.name} has copied`)
  }
})
