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
