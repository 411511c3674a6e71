/** What services say of their own accord: heartbeats, and that they are about to end. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { dubbo } from '@meltemi/codecs/dubbo'
import { MessageType, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { MessageReader } from '@meltemi/sdk/testing'
import { dubboHeartbeat, dubboHeartbeatReply, dubboReply, dubboRequest } from '../harness/dubbo-frame.ts'
import { connectClient, startTestProxy } from '../harness/index.ts'

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
