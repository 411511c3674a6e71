import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { startBackend } from './load-process.ts'
import { type LoadOrder, runLoad } from './run-load.ts'
import { createPayload, type WireName, type Writes, wireNames, wires } from './wire.ts'

for (const wire of wireNames) {
  for (const writes of ['joined', 'single'] as const) {
    test(`the load and the backend understand each other: ${wire}, ${writes} writes`, async () => {
      const backend = await startBackend(wire, writes)
      try {
        const result = await runLoad(createOrder(wire, writes, backend.port))
        assert.ok(result.requests > 100)
        assert.ok(result.p50Us > 0 && result.p50Us <= result.p999Us)
      } finally {
        backend.stop()
      }
    })
  }
}

test('the open loop keeps its rate', async () => {
  const backend = await startBackend('awesomerpc', 'joined')
  try {
    const order = { ...createOrder('awesomerpc', 'joined', backend.port), rate: 2000 }
    const { requests, windowMs } = await runLoad(order)
    const rate = requests / (windowMs / 1000)
    assert.ok(Math.abs(rate - 2000) < 600, `${rate} requests/s`)
  } finally {
    backend.stop()
  }
})

const faults = {
  'a changed payload byte': (frame: Buffer) => frame.writeUInt8(frame.readUInt8(40) ^ 1, 40),
  'the id of another request': (frame: Buffer) => frame.writeUInt32BE(frame.readUInt32BE(1) + 1, 1),
  'the reply to another connection': (frame: Buffer) => frame.writeUInt32BE(77, 13),
}

for (const [name, damage] of Object.entries(faults)) {
  test(`the load refuses ${name}`, async () => {
    const port = await startDamagingBackend(damage)
    await assert.rejects(runLoad(createOrder('awesomerpc', 'joined', port.port)), /connection \d+: (a )?reply/)
    port.close()
  })
}

for (const writes of ['joined', 'single'] as const) {
  test(`the load takes replies to which a proxy has added, in pieces of any size: ${writes} writes`, async () => {
    const server = await startAddingProxy(() => {})
    const order = { ...createOrder('dubbo', writes, server.port), mayGrow: true }
    const { requests } = await runLoad(order)
    server.close()
    assert.ok(requests > 50)
  })
}

test('the load refuses such replies where nothing may be added', async () => {
  const server = await startAddingProxy(() => {})
  await assert.rejects(runLoad(createOrder('dubbo', 'joined', server.port)), /connection \d+: (a )?reply/)
  server.close()
})

test('the load refuses a changed payload byte in a reply to which a proxy has added', async () => {
  const { payloadAt } = wires.dubbo
  const server = await startAddingProxy((reply) => reply.writeUInt8(reply.readUInt8(payloadAt + 9) ^ 1, payloadAt + 9))
  await assert.rejects(runLoad({ ...createOrder('dubbo', 'joined', server.port), mayGrow: true }), /reply \d+ is not/)
  server.close()
})

// Answers each Dubbo request with one attachment more, in two writes that are cut anywhere.
async function startAddingProxy(damage: (reply: Buffer) => void): Promise<{ port: number; close(): void }> {
  const { dubbo } = wires
  const pair = Buffer.from('\x05added\x03yesZ', 'latin1')
  const server = createServer({ noDelay: true }, (socket) => {
    let rest = Buffer.alloc(0)
    let cut = 0
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      const replies: Buffer[] = []
      while (rest.length >= dubbo.lengthBytes && rest.length >= dubbo.frameLength(rest, 0)) {
        const length = dubbo.frameLength(rest, 0)
        const reply = Buffer.concat([rest.subarray(0, length - 1), pair])
        reply.writeUInt32BE(reply.length - dubbo.lengthBytes, dubbo.lengthBytes - 4)
        dubbo.turnIntoReply(reply, 0)
        damage(reply)
        replies.push(reply)
        rest = rest.subarray(length)
      }
      const bytes = Buffer.concat(replies)
      if (bytes.length === 0) return
      const at = cut++ % bytes.length
      socket.write(bytes.subarray(0, at))
      setImmediate(() => socket.write(bytes.subarray(at)))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

// Answers the first request on each connection rightly and the others damaged.
async function startDamagingBackend(damage: (frame: Buffer) => void): Promise<{ port: number; close(): void }> {
  const length = wires.awesomerpc.buildRequest(createPayload(PAYLOAD_BYTES)).length
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      if (chunk.length >= 2 * length) damage(chunk.subarray(length, 2 * length))
      socket.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

const PAYLOAD_BYTES = 64

function createOrder(wire: WireName, writes: Writes, port: number): LoadOrder {
  const load = { connections: 2, depth: 4, payloadBytes: PAYLOAD_BYTES, warmUpMs: 50, windowMs: 250 }
  return { ...load, wire, writes, port, pids: [], backendPid: process.pid }
}
