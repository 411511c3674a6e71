/** What services say of their own accord: heartbeats, and that they are about to end. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { dubbo } from '@meltemi/codecs/dubbo'
import { MessageType, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { MessageReader } from '@meltemi/sdk/testing'
import { dubboHeartbeat, dubboHeartbeatReply, dubboReply, dubboRequest } from '../harness/dubbo-frame.ts'
import { heldBytes } from '../harness/held.ts'
import { connectClient, startTestProxy } from '../harness/index.ts'

const MIB = 1024 * 1024
const FLOOD_BYTES = 16 * MIB
const MAX_HELD_BYTES = 4 * MIB
const READONLY = Buffer.from('dabba2000000000000000009000000020152', 'hex')

/** A service that answers calls, and says more with each answer. */
class Provider implements AsyncDisposable {
  readonly received: Metadata[] = []
  connections = 0
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()

  private constructor(more: () => Buffer) {
    this.#server = net.createServer((socket) => {
      const reader = new MessageReader(dubbo.create('downstream', undefined), 'downstream')
      this.connections++
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        for (const message of reader.push(chunk)) {
          this.received.push(message)
          if (message.type !== MessageType.Request) continue
          socket.write(Buffer.concat([dubboReply({ id: Number(message.requestId), body: 'yes' }), more()]))
        }
      })
    })
  }

  static async start(more: () => Buffer): Promise<Provider> {
    const provider = new Provider(more)
    provider.#server.listen(0, '127.0.0.1')
    await once(provider.#server, 'listening')
    return provider
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

for (const multiplexing of [true, false]) {
  const kind = multiplexing ? 'shared' : 'exclusive'

  test(`a heartbeat of a service is answered on a ${kind} connection, and its answer to one is not`, async () => {
    await using provider = await Provider.start(() => Buffer.concat([dubboHeartbeat(99), dubboHeartbeatReply(98)]))
    await using proxy = await startTestProxy({ codec: dubbo, endpoints: [provider.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: dubbo })
    for (let n = 1; n <= 3; n++) {
      const reply = await client.request(dubboRequest({ id: n }))
      assert.deepEqual([reply.requestId, reply.status], [n, ResponseStatus.Ok])
    }
    await client.request(dubboRequest({ id: 4 }))
    const heartbeats = provider.received.filter(({ type }) => type === MessageType.Heartbeat)
    assert.deepEqual(
      heartbeats.map(({ requestId, message }) => [requestId, message[2]]),
      [99, 99, 99].map((id) => [id, 0x22]),
    )
    assert.deepEqual([provider.connections, client.received.length], [1, 4])
  })

  test(`a service that wants no more requests on a ${kind} connection gets the next one on another`, async () => {
    let isLeaving = true
    await using provider = await Provider.start(() => {
      const said = isLeaving ? READONLY : Buffer.alloc(0)
      isLeaving = false
      return said
    })
    await using proxy = await startTestProxy({ codec: dubbo, endpoints: [provider.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec: dubbo })
    await client.request(dubboRequest({ id: 1 }))
    await proxy.until('upstream_cx_active', 0)
    for (const id of [2, 3]) assert.equal((await client.request(dubboRequest({ id }))).status, ResponseStatus.Ok)
    assert.equal(provider.connections, 2)
    assert.equal(proxy.stat('upstream_cx_destroy_local'), 1)
  })
}

test('requests under way are answered on a connection whose service wants no more', async () => {
  const waiting: (() => void)[] = []
  const heard = Promise.withResolvers<void>()
  const server = net.createServer((socket) => {
    const reader = new MessageReader(dubbo.create('downstream', undefined), 'downstream')
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const { type, requestId } of reader.push(chunk)) {
        if (type === MessageType.Heartbeat) {
          // what came before it has been read
          heard.resolve()
          continue
        }
        waiting.push(() => socket.write(dubboReply({ id: Number(requestId) })))
        if (waiting.length === 1) socket.write(Buffer.concat([READONLY, dubboHeartbeat(9)]))
      }
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await using proxy = await startTestProxy({ codec: dubbo, endpoints: [(server.address() as net.AddressInfo).port] })
  await using client = await connectClient({ port: proxy.port, codec: dubbo })
  const first = client.request(dubboRequest({ id: 1 }))
  await heard.promise
  const second = client.request(dubboRequest({ id: 2 }))
  while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(proxy.stat('upstream_cx_active'), 2)
  for (const answer of waiting) answer()
  assert.deepEqual([(await first).requestId, (await second).requestId], [1, 2])
  await proxy.until('upstream_cx_active', 1)
  server.close()
})

for (const reads of [true, false]) {
  const how = reads ? 'takes the answers' : 'takes no answer'

  test(`heartbeats without end of a service that ${how} are held in bounds, and it is asked on`, async () => {
    const bytes = { sent: 0, received: 0 }
    const chunk = Buffer.concat(Array.from({ length: 1000 }, (_, n) => dubboHeartbeat(n)))
    const flooded = Promise.withResolvers<void>()
    const server = net.createServer((accepted) => {
      const reader = new MessageReader(dubbo.create('downstream', undefined), 'downstream')
      sockets.push(accepted.on('error', () => {}))
      const flood = () => {
        while (bytes.sent < FLOOD_BYTES) {
          bytes.sent += chunk.length
          if (!accepted.write(chunk)) return
        }
        flooded.resolve()
      }
      accepted.on('drain', flood)
      accepted.on('data', (received) => {
        bytes.received += received.length
        for (const { type, requestId } of reader.push(received)) {
          if (type !== MessageType.Request) continue
          const reply = dubboReply({ id: Number(requestId) })
          accepted.write(reply)
          if (bytes.sent > 0) continue
          bytes.sent = reply.length
          if (!reads) accepted.pause()
          flood()
        }
      })
    })
    const sockets: net.Socket[] = []
    await using _closing = {
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy()
        server.close()
      },
    }
    await once(server.listen(0, '127.0.0.1'), 'listening')
    await using proxy = await startTestProxy({ codec: dubbo, endpoints: [(server.address() as net.AddressInfo).port] })
    await using client = await connectClient({ port: proxy.port, codec: dubbo })
    await client.request(dubboRequest({ id: 1 }))
    const before = heldBytes()
    await flooded.promise
    await proxy.until('upstream_cx_rx_bytes_total', bytes.sent, 20_000)
    assert.ok(heldBytes() - before < MAX_HELD_BYTES, `${heldBytes() - before} bytes are held`)
    assert.equal((await client.request(dubboRequest({ id: 2 }))).status, ResponseStatus.Ok)
    assert.ok(bytes.received < bytes.sent + 1000, 'more answers than heartbeats')
    // what takes nothing is asked no more
    assert.equal(proxy.stat('upstream_cx_total'), reads ? 1 : 2)
  })
}
