/** Clients that send or hold much, and those beside them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import {
  awesomerpcFrame,
  connectClient,
  type RawClient,
  startEchoServer,
  startTestProxy,
  type TestProxy,
} from '../harness/index.ts'

const KIB = 1024
const MIB = 1024 * KIB
const HELD = 'overload.buffers_held_bytes'
const TIMEOUT_MS = 20_000

/** Announces a message and sends all but the end of it. */
async function flood(proxy: TestProxy, bytes: number): Promise<RawClient> {
  const client = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: TIMEOUT_MS })
  const message = awesomerpcFrame({ id: 1, body: Buffer.alloc(bytes) })
  client.send(message.subarray(0, -1000))
  return client
}

async function closeAll(clients: readonly RawClient[]): Promise<void> {
  for (const client of clients) await client.close()
}

async function until(isTrue: () => boolean, what: () => string): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(what())
    await sleep(5)
  }
}

test('a large message gets through while others flood, and all of them get their turn', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    endpoints: [server.port],
    filter: { partialMessageTimeoutMs: 0 },
  })
  const floods = await Promise.all(Array.from({ length: 12 }, () => flood(proxy, 6 * MIB)))
  await using good = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: TIMEOUT_MS })
  await using small = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: TIMEOUT_MS })
  const body = Buffer.alloc(6 * MIB, 'meltemi')
  const large = good.request(awesomerpcFrame({ id: 7, body }))
  for (let id = 1; id <= 20; id++) {
    assert.equal((await small.request(awesomerpcFrame({ id }))).message.readInt16BE(11), 0)
  }
  const reply = await large
  assert.ok(reply.message.subarray(-body.length).equals(body))
  await until(
    () => proxy.stat(HELD) > 12 * (6 * MIB - 64 * KIB),
    () => `${proxy.stat(HELD)} bytes are held`,
  )
  assert.ok(proxy.stat('overload.buffers_turns_waited') > 0)
  await closeAll(floods)
  await proxy.until(HELD, 0, TIMEOUT_MS)
})

test('the time for the rest of a message also runs while its client waits for its turn', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  // much of the share is used up at once, so that turns are rare: all of it takes longer than the time
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    endpoints: [server.port],
    bufferLimitBytes: 100 * MIB,
    filter: { partialMessageTimeoutMs: 1000 },
  })
  const floods = await Promise.all(Array.from({ length: 12 }, () => flood(proxy, 15 * MIB)))
  for (const client of floods) await client.closed()
  await proxy.until('partial_message_timeout', 12, TIMEOUT_MS)
  await proxy.until('downstream_cx_active', 0, TIMEOUT_MS)
  assert.equal(proxy.stat(HELD), 0)
  assert.equal(proxy.stat('downstream_cx_overload_closed'), 0)
})

test('beyond the share those that hold the most are closed, and small ones are served', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    endpoints: [server.port],
    bufferLimitBytes: 8 * MIB,
    filter: { partialMessageTimeoutMs: 0 },
  })
  await using small = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: TIMEOUT_MS })
  const floods = await Promise.all(Array.from({ length: 10 }, () => flood(proxy, 3 * MIB)))
  let mostBytes = 0
  await until(
    () => {
      mostBytes = Math.max(mostBytes, proxy.stat(HELD))
      return proxy.stat('downstream_cx_overload_closed') >= 8
    },
    () => `${proxy.stat('downstream_cx_overload_closed')} are closed`,
  )
  assert.equal((await small.request(awesomerpcFrame({ id: 1 }))).message.readInt16BE(11), 0)
  assert.ok(mostBytes <= 9 * MIB, `${mostBytes} bytes were held`)
  assert.equal(small.isClosed, false)
  await closeAll(floods)
  await proxy.until(HELD, 0, TIMEOUT_MS)
})

test('what a client does not read counts, until it reads', async () => {
  await using server = await startEchoServer({
    codec: awesomerpc,
    handler: (request, connection) => void connection.answer(request),
  })
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port] })
  await using reader = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: TIMEOUT_MS })
  reader.socket.pause()
  for (let id = 1; id <= 300; id++) reader.send(awesomerpcFrame({ id, body: Buffer.alloc(64 * KIB) }))
  await until(
    () => proxy.stat(HELD) > MIB,
    () => `${proxy.stat(HELD)} bytes are held`,
  )
  reader.socket.resume()
  await reader.take(300)
  await proxy.until(HELD, 0, TIMEOUT_MS)
  await proxy.until('request_active', 0, TIMEOUT_MS)
})

test('who reads nothing is closed when the share is used up', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startTestProxy({ codec: awesomerpc, endpoints: [server.port], bufferLimitBytes: MIB / 2 })
  await using reader = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: TIMEOUT_MS })
  reader.socket.pause()
  for (let id = 1; id <= 300; id++) reader.send(awesomerpcFrame({ id, body: Buffer.alloc(64 * KIB) }))
  await proxy.until('downstream_cx_overload_closed', 1, TIMEOUT_MS)
  await proxy.until(HELD, 0, TIMEOUT_MS)
  await proxy.until('request_active', 0, TIMEOUT_MS)
})
